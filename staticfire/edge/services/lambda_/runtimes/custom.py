"""Custom runtimes (provided.al2, provided.al2023): the function's own `bootstrap`, from its package or a layer."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..model import FunctionConfig
from .runtime import Paths, View

if TYPE_CHECKING:
    from ..program import Program

RUNTIMES = ("provided.al2", "provided.al2023")

# Scripts for Amazon Linux begin with #!/bin/sh and mean bash, which it is there.
SHELL, BASH = "/usr/bin/sh", Path("/usr/bin/bash")

# Nothing of site-packages is needed: without it this Python starts in half the time.
EDGES_PYTHON = (sys.executable, "-SEs")


@dataclass(frozen=True, slots=True)
class CustomRuntime:
    name: str

    @property
    def label(self) -> str:
        return self.name.replace(".", ":")

    @property
    def launcher(self) -> tuple[str, ...]:
        return EDGES_PYTHON

    @property
    def home(self) -> str:
        return ""

    @property
    def lang(self) -> str:
        return ""

    async def finish(self, tree: Path, fresh: Sequence[Path] | None = None) -> None:
        return None

    def view(self, layers: Path | None) -> View:
        return View({SHELL: str(BASH)} if BASH.is_file() else {})

    def lay(self, directory: Path, layers: Path | None) -> None:
        return None

    def program(self, config: FunctionConfig, paths: Paths) -> Program:
        commands = [[f"{directory}/bootstrap"] for directory in (paths.task, paths.opt)]
        return {"commands": commands, "architecture": config.architecture, "connects": False}

    def variables(self, config: FunctionConfig, paths: Paths) -> Mapping[str, str]:
        return {}
