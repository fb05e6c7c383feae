"""Wheels of a function's requirements: for its Python and its architecture, whatever runs this command.

uv picks them in a fifth of pip's time, and judges `; python_version < "3.12"` by the Python they are for, which pip
does by the one that it runs on. So pip does it only where it can run on that version; and what uv refuses pip tries
again, because its refusal says which versions would fit.
"""

from __future__ import annotations

import platform
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from staticfire.errors import StaticfireError
from staticfire.host.native_modules import misfits, this_architecture
from staticfire.layout import Layout

from . import venvs

# glibc of Lambda's runtimes: Amazon Linux 2 up to python3.11, Amazon Linux 2023 from python3.12 on.
AMAZON_LINUX_2, AMAZON_LINUX_2023 = 26, 34
UV_LEVELS = (17, 28, 31, 34)
NONE_FITS = re.compile(r"Could not find a version that satisfies the requirement (\S+).*?\(from versions: ([^)]*)\)")
NAME = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True, order=True)
class WheelTarget:
    """What wheels are for. `glibc` is its minor version; without one they are for this machine's own platform."""

    python: str
    architecture: str
    glibc: int | None

    @classmethod
    def on_aws(cls, python: str, architecture: str) -> WheelTarget:
        modern = int(python.partition(".")[2]) >= 12
        return cls(python, architecture, AMAZON_LINUX_2023 if modern else AMAZON_LINUX_2)

    @classmethod
    def here(cls, python: str) -> WheelTarget:
        """As on AWS, as far as this machine's glibc goes: so the zip is the one that AWS would get."""
        architecture = this_architecture()
        name, version = platform.libc_ver()
        if name != "glibc" or architecture not in {"x86_64", "arm64"}:
            return cls(python, architecture, None)
        on_aws = cls.on_aws(python, architecture)
        return cls(python, architecture, min(on_aws.glibc or 0, int(version.split(".")[1])))

    def __str__(self) -> str:
        return f"python{self.python} on {self.architecture}"

    @property
    def _machine(self) -> str:
        return {"arm64": "aarch64"}.get(self.architecture, self.architecture)

    def uv_options(self) -> Iterator[str]:
        yield from ("--python-version", self.python)
        if self.glibc is not None:
            level = max((level for level in UV_LEVELS if level <= self.glibc), default=UV_LEVELS[0])
            yield from ("--python-platform", f"{self._machine}-manylinux_2_{level}")

    def pip_options(self) -> Iterator[str]:
        if self.glibc is not None:
            yield from ("--python-version", self.python)
            for minor in range(self.glibc, 4, -1):
                yield from ("--platform", f"manylinux_2_{minor}_{self._machine}")
            for legacy in ("manylinux2014", "manylinux2010", "manylinux1", "linux"):
                yield from ("--platform", f"{legacy}_{self._machine}")


def install(
    requirements: Sequence[str], source: str, target: WheelTarget, python: venvs.Interpreter, layout: Layout, into: Path
) -> None:
    """Install into the directory `into`; an error that says what does not fit. `python` is the nearest interpreter.

    `requirements` is what pip and uv take; `source` is what messages call it.
    """
    failure = f"{source} cannot be packed for {target}"
    wheels = [*requirements, "--only-binary", ":all:", "--target", str(into)]
    if not venvs.by_uv(["--python", str(python.path), *wheels, *target.uv_options()], layout):
        shutil.rmtree(into, ignore_errors=True)  # pip passes over what is there, whole or not
        trial = ["--dry-run"] if python.minor != target.python else []
        try:
            venvs.by_pip([*wheels, *trial, "--no-compile", *target.pip_options()], python.path, layout, failure)
        except StaticfireError as error:
            raise _refusal(failure, error) from error
        if trial:
            raise StaticfireError(
                f"{failure}: uv could not do it, and pip judges `python_version < ...` by the Python that it runs on.",
                checked=[f"the nearest Python here is {python.full_version}"],
                remedy=f"Install Python {target.python}, or see with `-v` why uv failed.",
            )
    (into / ".lock").unlink(missing_ok=True)  # uv's own, which it leaves there
    unfit = list(misfits(into, target.python, target.architecture))
    if unfit:
        shutil.rmtree(into, ignore_errors=True)
        raise StaticfireError(
            f"{failure}: {'; '.join(unfit)}.",
            remedy="It was built on this machine, from its sources: name a version that has a wheel for it.",
        )


def _refusal(failure: str, error: StaticfireError) -> StaticfireError:
    refused = NONE_FITS.search(error.what)
    if refused is None:
        return error
    requirement, versions = refused.groups()
    named = NAME.match(requirement)
    name = named[0] if named else requirement
    if versions == "none":
        remedy = (
            f"Name another package, or have its sources built, if they are in Python alone: a line "
            f"`--no-binary {name}` in the requirements."
        )
        return StaticfireError(f"{failure}: no version of {name} has a wheel for it.", remedy=remedy)
    return StaticfireError(
        f"{failure}: {requirement} has no wheel for it.",
        checked=[f"versions of {name} that have one: {versions}"],
        remedy="Name one of these, or another runtime or architecture: `runtime` and `architecture` of the zip.",
    )
