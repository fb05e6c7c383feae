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
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from staticfire.edge.aws.issued_keys import IssuedKeys
from staticfire.edge.traces import Traces

from .catalog import FunctionCatalog
from .code import CodeStore
from .credentials import Credentials, OfEdge, OfEmulator
from .debugging import WRAPPER, DebugSession
from .execution_environment import ExecutionEnvironment
from .function_logs import FunctionLogs
from .function_process import Launch
from .model import FunctionConfig, LambdaSettings
from .pool import Pool
from .runtimes import ImageRuntime, Paths, Runtime, Runtimes
from .runtimes.node import NodeRuntime
from .start_variables import need_a_new_process

if TYPE_CHECKING:
    from staticfire.edge.aws.access_keys import AccessKeys
    from staticfire.edge.aws.emulator import Emulator

    from .isolation import Place
    from .launch import LaunchSettings

log = logging.getLogger(__name__)

BOOTSTRAP = Path(__file__).with_name("bootstrap.py")
DEBUGGER = "/var/staticfire/debugger"  # where an isolated function sees it


def _extensions(layers: Path | None) -> list[str]:
    """The programs of the layers that run beside the runtime."""
    directory = layers / "extensions" if layers is not None else None
    if directory is None or not directory.is_dir():
        return []
    return sorted(path.name for path in directory.iterdir() if path.is_file())


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
        traces: Traces,
        issued: IssuedKeys,
    ) -> None:
        self._traces = traces
        self._endpoint = settings.endpoint
        self._catalog = catalog
        self._runtimes = runtimes
        self._logs = logs
        self._code = code
        of_emulator = settings.enforce_iam
        self._credentials: Credentials = (
            OfEmulator(emulator, issued, access_keys) if of_emulator else OfEdge(access_keys)
        )
        self._directory = settings.state_dir / "functions" / "run"
        # What an edge that was killed left behind; no execution environment outlives its edge.
        shutil.rmtree(self._directory, ignore_errors=True)
        self._numbers = itertools.count(1)

    async def unpack(self, config: FunctionConfig, code_before: str, layers_before: Mapping[str, str]) -> None:
        """Unpack its code and its layers as far as they differ from those before: starts do not wait for it then."""
        runtime = await self._runtimes.find(config)
        await self._code.tree(config.code_sha256, runtime, self._catalog.code_of(config), code_before)
        if config.layers:
            contents = [await self._catalog.layer(config, arn) for arn in config.layers]
            before = [layers_before.get(arn, sha256) for arn, (sha256, _) in zip(config.layers, contents, strict=True)]
            await self._code.layers(contents, runtime, before)

    async def prepare(self, pool: Pool) -> ExecutionEnvironment:
        config = pool.config
        runtime = await self._runtimes.find(config)
        if isinstance(runtime, ImageRuntime):
            return await self._of_image(pool, runtime)
        isolated = await self._runtimes.isolate()
        tree = await self._code.tree(config.code_sha256, runtime, self._catalog.code_of(config))
        layers = None
        if config.layers:
            contents = [await self._catalog.layer(config, arn) for arn in config.layers]
            layers = await self._code.layers(contents, runtime)
        directory = self._directory / f"{os.getpid()}-{next(self._numbers)}"
        credentials = await self._credentials.variables(config, directory.name)
        stream = self._logs.stream(config)
        if runtime.name.startswith("python"):
            stream.packed = runtime.name.removeprefix("python"), [place for place in (tree, layers) if place]
        settings: LaunchSettings = {
            "handler": config.handler,
            "task_root": "/var/task",
            "layers": "/opt" if layers else "",
            "memory_mb": config.memory,
            "extensions": [f"{'/opt' if isolated else layers}/extensions/{name}" for name in _extensions(layers)],
        }
        if isolated:
            settings["place"] = _place(config, runtime, tree, layers)
            paths = Paths("/var/task", "/opt", "/var/runtime", "/var/lang")
        else:
            copy, tmp = directory / "task", directory / "tmp"
            tmp.mkdir(parents=True)
            await asyncio.to_thread(shutil.copytree, tree, copy, symlinks=True)
            runtime.lay(directory, layers)
            settings |= {"task_root": str(copy), "layers": str(layers or "")}
            paths = Paths(str(copy), str(layers or "/opt"), runtime.home, runtime.lang)
        variables = {**self._variables(config, runtime, stream.name, paths), **credentials}
        anew = isolated and need_a_new_process(dict(config.variables))
        if (WRAPPER in variables or anew) and runtime.name.startswith("python"):
            self._wrap(settings, variables, directory)
        if not isolated:
            variables.setdefault("TMPDIR", str(tmp))
            if wrapper := variables.get(WRAPPER):
                variables[WRAPPER] = _where_it_is(wrapper, paths)
        program = runtime.program(config, paths)
        if program is not None:
            settings["program"] = program
        if pool.debug is not None:
            _add_debugger(settings, pool.debug, runtime)
        launch = Launch(runtime.launcher, settings, variables)
        return ExecutionEnvironment(
            config,
            runtime,
            launch,
            directory=directory,
            stream=stream,
            owner=pool,
            traces=self._traces,
            debug=pool.debug,
        )

    async def _of_image(self, pool: Pool, runtime: ImageRuntime) -> ExecutionEnvironment:
        config, image = pool.config, runtime.image
        directory = self._directory / f"{os.getpid()}-{next(self._numbers)}"
        credentials = await self._credentials.variables(config, directory.name)
        stream = self._logs.stream(config)
        paths = Paths("/var/task", "/opt", "/var/runtime", "/var/lang")
        settings: LaunchSettings = {
            "handler": "",
            "task_root": "/",
            "layers": "",
            "memory_mb": config.memory,
            "extensions": [f"/opt/extensions/{name}" for name in image.extensions],
            "place": {"code": "", "layers": "", "runtime": "", "tmp_mb": config.tmp_mb, "image": str(image.root)},
            "program": runtime.program(config, paths),
        }
        variables = {
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            **runtime.variables(config, paths),
            **dict(config.variables),
            **self._reserved(config, stream.name),
            **credentials,
        }
        launch = Launch(runtime.launcher, settings, variables)
        return ExecutionEnvironment(
            config, runtime, launch, directory=directory, stream=stream, owner=pool, traces=self._traces
        )

    def _wrap(self, settings: LaunchSettings, variables: dict[str, str], directory: Path) -> None:
        """What the wrapper is to start. It is told by variables alone, as nothing stands between it and the runtime."""
        if "place" in settings:
            settings["place"]["bootstrap"] = BOOTSTRAP.read_text()
            settings["bootstrap"] = "/var/runtime/bootstrap.py"
            variables["PYTHONPATH"] = ":".join(filter(None, (variables.get("PYTHONPATH"), "/var/runtime")))
        else:
            path = directory / BOOTSTRAP.name
            shutil.copyfile(BOOTSTRAP, path)
            settings["bootstrap"] = str(path)
            packages = [f"{settings['layers']}/python"] if settings["layers"] else []
            packages.append(variables["LAMBDA_RUNTIME_DIR"])
            variables["PYTHONPATH"] = ":".join(filter(None, (variables.get("PYTHONPATH"), *packages)))

    def _variables(self, config: FunctionConfig, runtime: Runtime, stream: str, paths: Paths) -> dict[str, str]:
        """The variables that AWS documents, the function's own, and where AWS is."""
        own = dict(config.variables)
        programs = f"{paths.lang}/bin:" if runtime.lang else ""
        managed = {"AWS_EXECUTION_ENV": f"AWS_Lambda_{config.runtime}"} if runtime.home else {}
        own_libraries = [f"{paths.lang}/lib"] if runtime.lang else []
        libraries = ("/lib64", "/usr/lib64", paths.runtime, f"{paths.runtime}/lib", paths.task, f"{paths.task}/lib")
        return {
            "PATH": f"{programs}/usr/local/bin:/usr/bin/:/bin:{paths.opt}/bin",
            "LD_LIBRARY_PATH": ":".join((*own_libraries, *filter(None, libraries), f"{paths.opt}/lib")),
            "PWD": paths.task,
            "SHLVL": "0",
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            **runtime.variables(config, paths),
            **own,
            "_HANDLER": config.handler,
            **managed,
            **self._reserved(config, stream),
            "LAMBDA_TASK_ROOT": paths.task,
            "LAMBDA_RUNTIME_DIR": paths.runtime,
        }

    def _reserved(self, config: FunctionConfig, stream: str) -> dict[str, str]:
        """Those that every function has."""
        level = {"AWS_LAMBDA_LOG_LEVEL": config.logging.application_level} if config.logging.application_level else {}
        of_json = {"AWS_LAMBDA_LOG_FORMAT": "JSON", **level} if config.logging.json else {}
        return {
            "AWS_DEFAULT_REGION": config.scope.region,
            "AWS_REGION": config.scope.region,
            "AWS_LAMBDA_FUNCTION_NAME": config.name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config.memory),
            "AWS_LAMBDA_FUNCTION_VERSION": config.version,
            "AWS_LAMBDA_INITIALIZATION_TYPE": config.initialization_type,
            "AWS_LAMBDA_LOG_GROUP_NAME": config.logging.group,
            "AWS_LAMBDA_LOG_STREAM_NAME": stream,
            **of_json,
            "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
            "AWS_ENDPOINT_URL": dict(config.variables).get("AWS_ENDPOINT_URL", self._endpoint),
            # Some calls have names of their own before the service's (sync-states): before an address there are none.
            "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        }


def _add_debugger(settings: LaunchSettings, debug: DebugSession, runtime: Runtime) -> None:
    """Beside the code, which stays as it was deployed."""
    if "program" in settings and isinstance(runtime, NodeRuntime):
        node, *arguments = settings["program"]["commands"][0]
        settings["program"]["commands"] = [[node, runtime.inspecting(debug.port, debug.waits), *arguments]]
        return
    path = debug.debugger
    if "place" in settings:
        path = DEBUGGER
        settings["place"]["beside"] = {DEBUGGER: debug.debugger}
    settings["debug"] = {"path": path, "port": debug.port, "waits": debug.waits}


def _where_it_is(program: str, paths: Paths) -> str:
    """A program of the zip or of a layer, by Lambda's path, where no namespace makes that path its place."""
    for seen, real in (("/var/task/", paths.task), ("/opt/", paths.opt)):
        if program.startswith(seen):
            return f"{real}/{program.removeprefix(seen)}"
    return program


def _place(config: FunctionConfig, runtime: Runtime, tree: Path, layers: Path | None) -> Place:
    place: Place = {
        "code": str(tree),
        "layers": str(layers or ""),
        "runtime": runtime.home,
        "tmp_mb": config.tmp_mb,
    }
    view = runtime.view(layers)
    if view is not None:
        place |= {"shown": dict(view.shown), "links": dict(view.links)}
    return place
