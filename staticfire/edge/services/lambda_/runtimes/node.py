"""Node functions: they run under AWS's aws-lambda-ric. What that needs is made when a function first does.

A command of the edge's configuration makes it, and says what there is (staticfire.toolchain.node).

CommonJS finds modules of layers and of the runtime by NODE_PATH. ES modules do not read it, except on Lambda: here they
find the same in directories above the code's, which are links.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from staticfire.edge.aws.calls import AwsError

from .. import isolation
from ..model import FunctionConfig
from .custom import EDGES_PYTHON
from .runtime import NOT_RUNNABLE, Paths, View

if TYPE_CHECKING:
    from ..program import Program

RUNTIMES = ("nodejs20.x", "nodejs22.x", "nodejs24.x")
MODULES = "node_modules"


@dataclass(frozen=True, slots=True)
class NodeRuntime:
    """A Node with the runtime directory; `name` is the function's runtime without its `.x`."""

    name: str
    version: str
    node: str
    libraries: Sequence[str]
    home: str
    start: str
    switched_off: Sequence[str]

    @property
    def label(self) -> str:
        return self.name.replace("nodejs", "nodejs:")

    @property
    def launcher(self) -> tuple[str, ...]:
        return EDGES_PYTHON

    @property
    def lang(self) -> str:
        return str(Path(self.node).parent.parent)

    async def finish(self, tree: Path, fresh: Sequence[Path] | None = None) -> None:
        return None

    def view(self, layers: Path | None) -> View:
        """Node is seen at /var/lang; where it has libraries of its own, which it finds from where it lies, there."""
        folders = {os.path.dirname(library) for library in self.libraries}
        own = {folder: folder for folder in folders if not isolation.is_below(folder, isolation.SYSTEM)}
        links = {f"/{MODULES}": f"/var/runtime/{MODULES}"}
        if modules := self._of_layers(layers):
            links[f"/var/{MODULES}"] = f"/opt/{modules}"
        if own:
            return View({**own, self.node: self.node}, {**links, "/var/lang/bin/node": self.node})
        return View({"/var/lang/bin/node": self.node}, links)

    def lay(self, directory: Path, layers: Path | None) -> None:
        above = directory.parent / MODULES
        with suppress(FileExistsError):
            above.symlink_to(Path(self.home) / MODULES)
        if layers is not None and (modules := self._of_layers(layers)):
            (directory / MODULES).symlink_to(layers / modules)

    def _of_layers(self, layers: Path | None) -> str:
        """Where the modules of the layers are; a directory for this version alone comes first."""
        places = (f"nodejs/{self.name.replace('js', '')}/{MODULES}", f"nodejs/{MODULES}")
        return next((place for place in places if layers is not None and (layers / place).is_dir()), "")

    def program(self, config: FunctionConfig, paths: Paths) -> Program:
        node = f"{paths.lang}/bin/node" if paths.lang != self.lang else self.node
        options = dict(config.variables).get("NODE_OPTIONS", "")
        switched_off = [f"--no-{feature}" for feature in self.switched_off if f"--{feature}" not in options.split()]
        memory = (
            f"--max-semi-space-size={max(1, config.memory * 5 // 100)}",
            f"--max-old-space-size={config.memory * 90 // 100}",
        )
        command = [node, *memory, *switched_off, f"{paths.runtime}/{self.start}"]
        # JavaScript runs on this machine's Node, whatever the function's architecture is, as Python does.
        return {"commands": [command], "architecture": "", "connects": True}

    def inspecting(self, port: int, waits: bool) -> str:
        """The option by which Node carries a debugger; those before it can wait stop at their first line instead."""
        major, minor = (int(part) for part in self.version.split(".")[:2])
        waiting = "wait" if (major, minor) >= (22, 2) or (major == 20 and minor >= 15) else "brk"
        return f"--inspect{f'-{waiting}' if waits else ''}=127.0.0.1:{port}"

    def variables(self, config: FunctionConfig, paths: Paths) -> Mapping[str, str]:
        opt = paths.opt
        places = (
            *(f"{opt}/nodejs/{self.name.replace('js', '')}/{MODULES}", f"{opt}/nodejs/{MODULES}"),
            *(f"{paths.runtime}/{MODULES}", paths.runtime, paths.task),
        )
        return {"NODE_PATH": ":".join(places)}


class Nodes:
    """The Node runtimes that functions have needed so far."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._made: dict[str, NodeRuntime] = {}
        self._notes: dict[str, str] = {}
        self._making = asyncio.Lock()

    async def make(self, runtime: str) -> NodeRuntime:
        async with self._making:
            if runtime not in self._made:
                self._made[runtime] = self._read(runtime, await self._run(runtime))
            return self._made[runtime]

    def note(self, runtime: str) -> str:
        """What runs it here, where that is another version."""
        return self._notes.get(runtime, "")

    def _read(self, runtime: str, said: Mapping[str, Any]) -> NodeRuntime:
        node = said["node"]
        self._notes[runtime] = said["note"]
        return NodeRuntime(
            name=runtime.removesuffix(".x"),
            version=node["version"],
            node=node["path"],
            libraries=node["libraries"],
            home=said["runtime_dir"],
            start=said["start"],
            switched_off=said["switched_off"],
        )

    async def _run(self, runtime: str) -> Any:
        if not self._command:
            raise AwsError(
                NOT_RUNNABLE, "InvalidRuntimeException", "This edge was started without what makes Node runtimes."
            )
        process = await asyncio.create_subprocess_exec(
            *self._command,
            runtime,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await process.communicate()
        if process.returncode != 0:
            message = errors.decode("utf-8", "replace").strip()
            raise AwsError(
                NOT_RUNNABLE, "InvalidRuntimeException", f"The runtime {runtime} could not be made: {message}"
            )
        return json.loads(output)
