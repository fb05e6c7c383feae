"""Lambda's runtimes: which one a function needs, and how it starts. A module each: python, node, custom, image."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Mapping, Sequence

from staticfire.edge.aws.calls import AwsError
from staticfire.edge.images.errors import BadImage
from staticfire.edge.images.unpacking import ImageTrees

from .. import isolation as namespaces
from ..function_process import LAUNCH
from ..model import FunctionConfig
from . import custom, node
from .custom import CustomRuntime
from .image import ImageRuntime
from .node import Nodes
from .python import Pythons, version_of
from .runtime import NOT_RUNNABLE, Paths, Runtime, View

__all__ = ["ImageRuntime", "Paths", "Runtime", "Runtimes", "View"]

# What `prepare` is asked for images by.
IMAGE = "image"

log = logging.getLogger(__name__)


class Runtimes:
    """What can run here. Node's are made when they are first needed, and so are images' root file systems."""

    def __init__(
        self, pythons: Mapping[str, Mapping[str, str]], node_command: Sequence[str] = (), *, images: ImageTrees
    ) -> None:
        self._images = images
        self._pythons = Pythons(pythons)
        self._nodes = Nodes(node_command)
        self._isolates: bool | None = None
        self._refusal = ""
        self._probing = asyncio.Lock()

    def check(self, config: FunctionConfig) -> None:
        """That the function can run here, as far as its runtime's name tells."""
        if config.package_type == "Image":
            if self._isolates is False:
                raise self._no_namespaces(config.name)
            return
        if config.runtime in (*node.RUNTIMES, *custom.RUNTIMES):
            return
        if version_of(config.runtime) is None:
            raise AwsError(
                NOT_RUNNABLE,
                "InvalidRuntimeException",
                f"{config.name} has the runtime {config.runtime!r}. These run here: python3.N, "
                f"{', '.join((*node.RUNTIMES, *custom.RUNTIMES))}.",
            )
        if not self._pythons:
            raise AwsError(
                NOT_RUNNABLE,
                "InvalidRuntimeException",
                "No Python runtime is installed for this edge: run `staticfire up`, which makes one.",
            )

    async def find(self, config: FunctionConfig) -> Runtime:
        """The runtime of a function; made where it is not there yet."""
        self.check(config)
        if config.package_type == "Image":
            return await self._image(config)
        if config.runtime in custom.RUNTIMES:
            return CustomRuntime(config.runtime)
        if config.runtime in node.RUNTIMES:
            return await self._nodes.make(config.runtime)
        return self._pythons.choose(config.runtime)

    async def _image(self, config: FunctionConfig) -> ImageRuntime:
        if not await self.isolate():
            raise self._no_namespaces(config.name)
        try:
            return ImageRuntime(await self._images.unpacked(f"sha256:{config.code_sha256}"))
        except BadImage as error:
            raise AwsError(NOT_RUNNABLE, "InvalidImageException", f"The image of {config.name}: {error}") from error

    async def prepare(self, name: str) -> str:
        """Make a runtime before a function needs it; what to say of it, or nothing."""
        if name in node.RUNTIMES:
            await self._nodes.make(name)
        if name == IMAGE and not await self.isolate():
            raise self._no_namespaces("A function")
        return self._nodes.note(name)

    async def isolate(self) -> bool:
        """Whether execution environments can be isolated here; tried once."""
        async with self._probing:
            if self._isolates is None:
                namespaces.adopt_orphans()
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    *(str(LAUNCH), "probe"),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.PIPE,
                )
                _, reason = await process.communicate()
                self._isolates = process.returncode == 0
                if not self._isolates:
                    self._refusal = reason.decode("utf-8", "replace").strip()[-500:] or "without a reason"
                    log.warning("functions see this machine's files and processes: %s", self._refusal)
        return self._isolates

    @property
    def isolation(self) -> str:
        """For the snapshot: "namespaces", "none" (a TMPDIR of its own only), or "unknown" before the first start."""
        return {True: "namespaces", False: "none", None: "unknown"}[self._isolates]

    def _no_namespaces(self, name: str) -> AwsError:
        reason = self._refusal.rpartition("\n")[2]
        return AwsError(
            NOT_RUNNABLE,
            "InvalidRuntimeException",
            f"{name} is a container image, which starts in namespaces here, and these are refused where the edge runs "
            f"({reason}). Deploy it as a zip, or allow unprivileged user namespaces: docs/isolation.md.",
        )
