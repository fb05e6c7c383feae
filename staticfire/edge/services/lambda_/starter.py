"""What an execution environment needs before its process starts: code, layers, variables, credentials.

Where they cannot be isolated, each has a directory of its own, state_dir/functions/run/PID-NUMBER/, with a copy of its
code, and TMPDIR.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .catalog import FunctionCatalog
from .code import CodeStore
from .credentials import Credentials, OfEdge, OfEmulator
from .execution_environment import ExecutionEnvironment
from .function_logs import FunctionLogs
from .function_process import Launch
from .model import FunctionConfig, LambdaSettings
from .pool import Pool
from .runtimes import Runtimes

if TYPE_CHECKING:
    from staticfire.edge.aws.access_keys import AccessKeys
    from staticfire.edge.aws.emulator import Emulator

    from .launch import LaunchSettings

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Paths:
    """Where a function finds its code, its layers, the runtime client, and the runtime's programs."""

    task: str
    opt: str
    runtime: str
    bin: str


class Starter:
    """Prepares execution environments; their pool launches them."""

    def __init__(
        self,
        emulator: Emulator,
        settings: LambdaSettings,
        access_keys: AccessKeys,
        *,
        catalog: FunctionCatalog,
        runtimes: Runtimes,
        logs: FunctionLogs,
        code: CodeStore,
    ) -> None:
        self._endpoint = settings.endpoint
        self._catalog = catalog
        self._runtimes = runtimes
        self._logs = logs
        self._code = code
        self._credentials: Credentials = OfEmulator(emulator) if settings.enforce_iam else OfEdge(access_keys)
        self._directory = settings.state_dir / "functions" / "run"
        # What an edge that was killed left behind; no execution environment outlives its edge.
        shutil.rmtree(self._directory, ignore_errors=True)
        self._numbers = itertools.count(1)

    async def prepare(self, pool: Pool) -> ExecutionEnvironment:
        config = pool.config
        runtime = self._runtimes.choose(config)
        isolated = await self._runtimes.isolate(runtime)
        code = self._catalog.code_of(config)
        tree = await self._code.tree(config.code_sha256, runtime.python, runtime.version, code)
        layers = ""
        if config.layers:
            contents = [await self._catalog.layer(config, arn) for arn in config.layers]
            layers = str(await self._code.layers(contents, runtime.python, runtime.version))
        directory = self._directory / f"{os.getpid()}-{next(self._numbers)}"
        credentials = await self._credentials.variables(config, directory.name)
        stream = self._logs.stream(config)
        settings: LaunchSettings = {
            "handler": config.handler,
            "task_root": "/var/task",
            "layers": layers and "/opt",
            "memory_mb": config.memory,
        }
        if isolated:
            settings["place"] = {
                "code": str(tree),
                "layers": layers,
                "runtime": runtime.site_packages,
                "tmp_mb": config.tmp_mb,
            }
            paths = Paths("/var/task", "/opt", "/var/runtime", "/var/lang/bin")
        else:
            copy, tmp = directory / "task", directory / "tmp"
            tmp.mkdir(parents=True)
            await asyncio.to_thread(shutil.copytree, tree, copy, symlinks=True)
            settings |= {"task_root": str(copy), "layers": layers}
            paths = Paths(str(copy), layers or "/opt", runtime.site_packages, runtime.bin)
        variables = {**self._variables(config, stream.name, paths), **credentials}
        if not isolated:
            variables.setdefault("TMPDIR", str(tmp))
        launch = Launch(runtime.python, settings, variables)
        return ExecutionEnvironment(config, runtime, launch, directory=directory, stream=stream, owner=pool)

    def _variables(self, config: FunctionConfig, stream: str, paths: Paths) -> dict[str, str]:
        """The variables that AWS documents, the function's own, and where AWS is."""
        level = {"AWS_LAMBDA_LOG_LEVEL": config.logging.application_level} if config.logging.application_level else {}
        own = dict(config.variables)
        return {
            "PATH": f"{paths.bin}:/usr/local/bin:/usr/bin:/bin:{paths.opt}/bin",
            "LD_LIBRARY_PATH": f"{paths.task}:{paths.task}/lib:{paths.opt}/lib",
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            **own,
            "_HANDLER": config.handler,
            "AWS_DEFAULT_REGION": config.scope.region,
            "AWS_REGION": config.scope.region,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{config.runtime}",
            "AWS_LAMBDA_FUNCTION_NAME": config.name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config.memory),
            "AWS_LAMBDA_FUNCTION_VERSION": config.version,
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": config.logging.group,
            "AWS_LAMBDA_LOG_STREAM_NAME": stream,
            "AWS_LAMBDA_LOG_FORMAT": "JSON" if config.logging.json else "Text",
            **level,
            "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
            "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",
            "_AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1",
            "_AWS_XRAY_DAEMON_PORT": "2000",
            "LAMBDA_TASK_ROOT": paths.task,
            "LAMBDA_RUNTIME_DIR": paths.runtime,
            "AWS_ENDPOINT_URL": own.get("AWS_ENDPOINT_URL", self._endpoint),
        }
