"""Functions that are container images: unpacked once, started as ENTRYPOINT, CMD, WORKDIR and ENV say.

Whatever is in it speaks the Runtime API: AWS's base images by their own client, others by what was installed there.
AWS_LAMBDA_RUNTIME_API is set, so that an entry script that chooses does not start the emulator of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from staticfire.edge.images.unpacking import UnpackedImage

from ..model import FunctionConfig
from .custom import EDGES_PYTHON
from .runtime import Paths, View

if TYPE_CHECKING:
    from ..program import Program

# Where an image says nothing of it, as engines have it.
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
WORKDIR = "/"


@dataclass(frozen=True, slots=True)
class ImageRuntime:
    image: UnpackedImage

    @property
    def name(self) -> str:
        return "image"

    @property
    def label(self) -> str:
        return "image"

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
        return View()

    def lay(self, directory: Path, layers: Path | None) -> None:
        return None

    def program(self, config: FunctionConfig, paths: Paths) -> Program:
        """What ImageConfig does not say is the image's."""
        own, over = self.image.config, config.image
        entrypoint = own.entrypoint if over.entrypoint is None else over.entrypoint
        command = own.command if over.command is None else over.command
        return {
            "commands": [[*entrypoint, *command]],
            "architecture": config.architecture,
            "connects": False,
            "workdir": over.workdir or own.workdir or WORKDIR,
        }

    def variables(self, config: FunctionConfig, paths: Paths) -> Mapping[str, str]:
        return {"PATH": PATH, **dict(self.image.config.variables)}
