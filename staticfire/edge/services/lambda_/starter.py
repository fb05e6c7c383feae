"""What an execution environment needs before its process starts: code, layers, variables, credentials.

Each has a directory of its own, state_dir/functions/run/PID-NUMBER/, with its /tmp, and with a copy of its code where
mounts cannot be private.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import shutil
from typing import TYPE_CHECKING

from staticfire.edge.aws.calls import AwsError

from .catalog import FunctionCatalog
from .code import CodeStore
from .credentials import Credentials, OfAccount, OfRole
from .execution_environment import ExecutionEnvironment
from .function_logs import FunctionLogs
from .function_process import Launch
from .model import FunctionConfig, FunctionRef, LambdaSettings
from .pool import Pool
from .runtimes import RuntimePython, Runtimes

if TYPE_CHECKING:
    from staticfire.edge.aws.emulator import Emulator

    from .launch import LaunchSettings

log = logging.getLogger(__name__)


class Starter:
    """Prepares execution environments; their pool launches them."""

    def __init__(
        self,
        emulator: Emulator,
        settings: LambdaSettings,
        *,
        catalog: FunctionCatalog,
        runtimes: Runtimes,
        logs: FunctionLogs,
    ) -> None:
        self._endpoint = settings.endpoint
        self._catalog = catalog
        self._runtimes = runtimes
        self._logs = logs
        self._code = CodeStore(settings.state_dir / "functions")
        self._credentials: Credentials = OfRole(emulator) if settings.enforce_iam else OfAccount()
        self._directory = settings.state_dir / "functions" / "run"
        # What an edge that was killed left behind; no execution environment outlives its edge.
        shutil.rmtree(self._directory, ignore_errors=True)
        self._numbers = itertools.count(1)

    async def prepare(self, pool: Pool) -> ExecutionEnvironment:
        config = pool.config
        runtime = self._runtimes.choose(config)
        private = await self._runtimes.private_mounts(runtime)
        code = self._catalog.code_of(config)
        task_root = await self._code.tree(config.code_sha256, runtime.python, runtime.version, code)
        layers = ""
        if config.layers:
            contents = [await self._catalog.layer(config, arn) for arn in config.layers]
            layers = str(await self._code.layers(contents, runtime.python, runtime.version))
        credentials = await self._credentials.variables(config)
        directory = self._directory / f"{os.getpid()}-{next(self._numbers)}"
        tmp = directory / "tmp"
        tmp.mkdir(parents=True)
        if not private:
            copy = directory / "task"
            await asyncio.to_thread(shutil.copytree, task_root, copy, symlinks=True)
            task_root = copy
        stream = self._logs.stream(config)
        variables = {**self._variables(config, runtime, stream.name, str(task_root), layers), **credentials}
        if not private:
            variables.setdefault("TMPDIR", str(tmp))
        settings: LaunchSettings = {
            "parent": os.getpid(),
            "handler": config.handler,
            "task_root": str(task_root),
            "layers": layers,
            "tmp": str(tmp),
            "private": private,
            "memory_mb": config.memory,
        }
        launch = Launch(runtime.python, settings, variables)
        return ExecutionEnvironment(config, runtime, launch, directory=directory, stream=stream, owner=pool)

    async def keep_code(self, ref: FunctionRef) -> None:
        """Take a copy of new code at once: an emulator may keep the newest only, published versions keep theirs."""
        try:
            config = await self._catalog.resolve(ref)
            if config.package_type == "Zip" and config.code_sha256:
                await self._code.fetch(config.code_sha256, self._catalog.code_of(config))
        except AwsError as error:
            log.warning("The code of %s is not here yet, its first invocation will ask again: %s", ref.arn, error)

    def _variables(
        self, config: FunctionConfig, runtime: RuntimePython, stream: str, task_root: str, layers: str
    ) -> dict[str, str]:
        """The variables that AWS documents, the function's own, and where AWS is."""
        opt = layers or "/opt"
        level = {"AWS_LAMBDA_LOG_LEVEL": config.logging.application_level} if config.logging.application_level else {}
        own = dict(config.variables)
        return {
            "PATH": f"{runtime.bin}:/usr/local/bin:/usr/bin:/bin:{opt}/bin",
            "LD_LIBRARY_PATH": f"{task_root}:{task_root}/lib:{opt}/lib",
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
            "LAMBDA_TASK_ROOT": task_root,
            "LAMBDA_RUNTIME_DIR": runtime.site_packages,
            "AWS_ENDPOINT_URL": own.get("AWS_ENDPOINT_URL", self._endpoint),
        }
