"""Which Python runs which Lambda runtime: the version itself, or the nearest one that this machine has."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from staticfire.edge.aws.calls import AwsError

from . import isolation as namespaces
from .function_process import LAUNCH
from .model import FunctionConfig

log = logging.getLogger(__name__)

# AWS's is 502, which SDKs try five times: here nothing passes with time.
NOT_RUNNABLE = 400


@dataclass(frozen=True, slots=True)
class RuntimePython:
    """The Python that runs a Lambda runtime's functions, with awslambdaric and boto3 in its virtual environment."""

    name: str
    python: str
    version: str

    @property
    def site_packages(self) -> str:
        return str(Path(self.python).parent.parent / "lib" / f"python{self.version}" / "site-packages")

    @property
    def bin(self) -> str:
        return str(Path(self.python).parent)


class Runtimes:
    """The configured runtimes."""

    def __init__(self, configured: Mapping[str, Mapping[str, str]]) -> None:
        self._installed = {
            name: RuntimePython(f"python{python['version']}", python["python"], python["version"])
            for name, python in configured.items()
        }
        self._isolates: bool | None = None
        self._probing = asyncio.Lock()

    def choose(self, config: FunctionConfig) -> RuntimePython:
        if config.package_type != "Zip":
            raise AwsError(
                NOT_RUNNABLE,
                "InvalidRuntimeException",
                f"{config.name} is a container image. Only zip packages run here: deploy it as a zip.",
            )
        version = _version(config.runtime)
        if version is None:
            raise AwsError(
                NOT_RUNNABLE,
                "InvalidRuntimeException",
                f"{config.name} has the runtime {config.runtime!r}. Python runtimes run here (python3.x).",
            )
        if not self._installed:
            raise AwsError(
                NOT_RUNNABLE,
                "InvalidRuntimeException",
                "No Lambda runtime is installed for this edge: run `staticfire up`, which makes one.",
            )
        exact = self._installed.get(config.runtime)
        if exact is not None:
            return exact
        return min(self._installed.values(), key=lambda python: _distance(version, python))

    async def isolate(self, runtime: RuntimePython) -> bool:
        """Whether execution environments can be isolated here; tried once."""
        async with self._probing:
            if self._isolates is None:
                namespaces.adopt_orphans()
                process = await asyncio.create_subprocess_exec(
                    runtime.python,
                    *(str(LAUNCH), "probe"),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.PIPE,
                )
                _, reason = await process.communicate()
                self._isolates = process.returncode == 0
                if not self._isolates:
                    log.warning("functions see this machine's files and processes: %s", reason.decode().strip()[-500:])
        return self._isolates

    @property
    def isolation(self) -> str:
        """For the snapshot: "namespaces", "none" (a TMPDIR of its own only), or "unknown" before the first start."""
        return {True: "namespaces", False: "none", None: "unknown"}[self._isolates]


def _version(runtime: str) -> tuple[int, int] | None:
    major, _, minor = runtime.removeprefix("python").partition(".")
    if not runtime.startswith("python") or not major.isdigit() or not minor.isdigit():
        return None
    return int(major), int(minor)


def _distance(version: tuple[int, int], python: RuntimePython) -> tuple[int, int]:
    """Nearest first; of two equally near ones the newer, which runs more code."""
    major, minor = _version(f"python{python.version}") or (0, 0)
    return abs(major - version[0]) * 100 + abs(minor - version[1]), -minor
