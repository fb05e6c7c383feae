"""Python functions: they run under `awslambdaric`, in the Python that launch.py began in."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..model import FunctionConfig
from .runtime import Paths

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PythonRuntime:
    """The Python that runs a Lambda runtime's functions, with awslambdaric and boto3 in its virtual environment."""

    python: str
    version: str

    @property
    def name(self) -> str:
        return f"python{self.version}"

    @property
    def label(self) -> str:
        return f"python:{self.version}"

    @property
    def launcher(self) -> tuple[str, ...]:
        return (self.python,)

    @property
    def home(self) -> str:
        return str(Path(self.lang) / "lib" / self.name / "site-packages")

    @property
    def lang(self) -> str:
        return str(Path(self.python).parent.parent)

    async def finish(self, tree: Path, fresh: Sequence[Path] | None = None) -> None:
        """Byte code beside the source. The hash-based kind needs no check of the source's time at every import."""
        if fresh is not None and not any(path.suffix == ".py" for path in fresh):
            return  # without a name, compileall would take all of sys.path
        process = await asyncio.create_subprocess_exec(
            self.python,
            "-I",
            *("-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"),
            *([str(tree)] if fresh is None else [str(path) for path in fresh if path.suffix == ".py"]),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        if process.returncode != 0:
            # Files for another Python are usual in packages; importing them gives the real error.
            log.debug("Some files in %s do not compile: %s", tree, output.decode("utf-8", "replace")[:500])

    def view(self, layers: Path | None) -> None:
        return None

    def lay(self, directory: Path, layers: Path | None) -> None:
        return None

    def program(self, config: FunctionConfig, paths: Paths) -> None:
        return None

    def variables(self, config: FunctionConfig, paths: Paths) -> Mapping[str, str]:
        return {}


class Pythons:
    """The Pythons of the edge's configuration, by runtime: the version itself, or the nearest one."""

    def __init__(self, configured: Mapping[str, Mapping[str, str]]) -> None:
        self._installed = {
            name: PythonRuntime(python["python"], python["version"]) for name, python in configured.items()
        }

    def __bool__(self) -> bool:
        return bool(self._installed)

    def choose(self, runtime: str) -> PythonRuntime:
        exact = self._installed.get(runtime)
        if exact is not None:
            return exact
        version = version_of(runtime) or (0, 0)
        return min(self._installed.values(), key=lambda python: _distance(version, python))


def version_of(runtime: str) -> tuple[int, int] | None:
    major, _, minor = runtime.removeprefix("python").partition(".")
    if not runtime.startswith("python") or not major.isdigit() or not minor.isdigit():
        return None
    return int(major), int(minor)


def _distance(version: tuple[int, int], python: PythonRuntime) -> tuple[int, int]:
    """Nearest first; of two equally near ones the newer, which runs more code."""
    major, minor = version_of(python.name) or (0, 0)
    return abs(major - version[0]) * 100 + abs(minor - version[1]), -minor
