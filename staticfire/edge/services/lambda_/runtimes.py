"""Which Python runs which Lambda runtime: the version itself, or the nearest one that this machine has."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from staticfire.edge.aws.calls import AwsError

from .function_process import LAUNCH
from .model import FunctionConfig


@dataclass(frozen=True, slots=True)
class Runtime:
    """A Python with awslambdaric and boto3 in its environment."""

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
        self._known = {
            name: Runtime(f"python{found['version']}", found["python"], found["version"])
            for name, found in configured.items()
        }
        self._private: bool | None = None
        self._probing = asyncio.Lock()

    def choose(self, config: FunctionConfig) -> Runtime:
        if config.package_type != "Zip":
            raise AwsError(
                502,
                "InvalidRuntimeException",
                f"{config.name} is a container image. Only zip packages run here: deploy it as a zip.",
            )
        wanted = _version(config.runtime)
        if wanted is None:
            raise AwsError(
                502,
                "InvalidRuntimeException",
                f"{config.name} has the runtime {config.runtime!r}. Python runtimes run here (python3.x).",
            )
        if not self._known:
            raise AwsError(
                502,
                "InvalidRuntimeException",
                "No Lambda runtime is installed for this edge: run `staticfire up`, which makes one.",
            )
        exact = self._known.get(config.runtime)
        if exact is not None:
            return exact
        return min(self._known.values(), key=lambda one: _distance(wanted, one))

    async def private_mounts(self, runtime: Runtime) -> bool:
        """Whether an environment can have a /tmp of its own here; tried once."""
        async with self._probing:
            if self._private is None:
                process = await asyncio.create_subprocess_exec(
                    runtime.python,
                    *("-I", str(LAUNCH), "probe"),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.DEVNULL,
                )
                self._private = await process.wait() == 0
        return self._private

    @property
    def tmp(self) -> str:
        """For the snapshot: "private", "directory" (TMPDIR only), or "unknown" before the first environment."""
        return {True: "private", False: "directory", None: "unknown"}[self._private]


def _version(runtime: str) -> tuple[int, int] | None:
    major, _, minor = runtime.removeprefix("python").partition(".")
    if not runtime.startswith("python") or not major.isdigit() or not minor.isdigit():
        return None
    return int(major), int(minor)


def _distance(wanted: tuple[int, int], runtime: Runtime) -> tuple[int, int]:
    """Nearest first; of two equally near ones the newer, which runs more code."""
    found = _version(f"python{runtime.version}") or (0, 0)
    return abs(found[0] - wanted[0]) * 100 + abs(found[1] - wanted[1]), -found[1]
