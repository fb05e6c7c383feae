"""What is compiled on this machine: its compilers, and the states of a build.

A build is a directory below `.staticfire/envs`, named after its sources and what it is built for, not after its
compilers. It is in one of three states: absent; complete (the file `complete`, written last, names what was made);
failed (the file `failed` is there and names the compilers: with the same ones nobody waits for it twice). What a killed
build left is thrown away and built again, and so is one that found the disk full or never came to its compiler, such as
for a missing network.

Nobody needs what is compiled: where there is no compiler, or the build fails, there is something that does the same
more slowly, and a note says so.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sysconfig
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from .edge.compiled import COMPLETE
from .errors import PrerequisiteError, StaticfireError
from .layout import end_with_parent, file_lock, write_atomically

FAILED = "failed"
LOG = "build.log"
SCRATCH = "build"
ROOM = 100 * 1024 * 1024
INSTALL = "Debian: `apt-get install g++ make python3-dev`."

Compilers = Mapping[str, str]  # the commands, by the variables that name them: CC, CXX


@dataclass(frozen=True)
class Build:
    """Where that which was compiled is; without a path `note` says why there is nothing, and what that means."""

    path: Path | None = None
    note: str = ""


def attempt(make: Callable[[], Path], without: str) -> Build:
    """What `make` makes. Where it cannot, a note: `without` tells what is so then."""
    try:
        return Build(make())
    except (StaticfireError, OSError) as error:
        why = f"{error.what.splitlines()[0]} {error.remedy}" if isinstance(error, StaticfireError) else f"{error}."
        return Build(note=f"{without} {why}".strip())


class CommandFailed(Exception):
    """A command of a build ended with an error of its own, which the build's log has."""


@dataclass(frozen=True)
class Workshop:
    """Where a build is made: what stays goes to `root`, all else to `scratch`."""

    root: Path
    scratch: Path
    compilers: Compilers
    log: BinaryIO

    def run(self, command: Sequence[str], *, directory: Path, variables: Mapping[str, str]) -> None:
        run = subprocess.run(
            command,
            cwd=directory,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            preexec_fn=end_with_parent(),
            check=False,
        )
        if run.returncode == -signal.SIGINT:
            raise KeyboardInterrupt
        if run.returncode < 0:  # killed: that tells nothing of the sources
            raise StaticfireError(
                f"Compiling it was ended by the signal {-run.returncode}.", remedy="The next `up` tries again."
            )
        if run.returncode:
            raise CommandFailed


def made(root: Path, find: Callable[[], Compilers], make: Callable[[Workshop], Iterable[str]]) -> Path:
    """The directory of a build. Made when it is not there, by `make`, which names what it made."""
    with file_lock(root.with_name(f".{root.name}.lock")):
        if is_complete(root):
            return root
        compilers = find()
        refuse_failed(root, compilers)
        shutil.rmtree(root, ignore_errors=True)
        scratch = root / SCRATCH
        try:
            scratch.mkdir(parents=True)
            with open(root / LOG, "wb") as log:
                made_here = sorted(make(Workshop(root, scratch, compilers, log)))
        except CommandFailed:
            _refuse_full_disk(root)
            shutil.rmtree(scratch, ignore_errors=True)
            write_atomically(root / FAILED, _identity(compilers).encode())
            raise _failed(root) from None
        except BaseException:
            shutil.rmtree(root, ignore_errors=True)
            raise
        shutil.rmtree(scratch, ignore_errors=True)
        write_atomically(root / COMPLETE, "".join(f"{name}\n" for name in made_here).encode())
    return root


def _refuse_full_disk(root: Path) -> None:
    """An error when that may be why a command failed: then nothing is remembered."""
    free = shutil.disk_usage(root).free
    if free < ROOM:
        shutil.rmtree(root)
        raise StaticfireError(
            f"Compiling it failed, and only {free >> 20} MB are free below {root.parent}.",
            remedy=f"Free {ROOM >> 20} MB; the next `up` tries again.",
        )


def is_complete(root: Path) -> bool:
    return (root / COMPLETE).exists()


def names(root: Path) -> list[str]:
    """What a complete build made."""
    return (root / COMPLETE).read_text().split()


def refuse_failed(root: Path, compilers: Compilers) -> None:
    """An error when the build failed with these very compilers."""
    if (root / FAILED).exists() and (root / FAILED).read_text() == _identity(compilers):
        raise _failed(root)


def _failed(root: Path) -> StaticfireError:
    return StaticfireError(
        f"Compiling it failed: {root / LOG} says why.", remedy=f"Delete {root}, and the next `up` tries again."
    )


def c_compiler() -> str:
    """The command of this machine's C compiler."""
    return _compiler("CC", "C compiler", ("cc", "gcc", "clang"))


def cxx_compiler() -> str:
    """The command of this machine's C++ compiler."""
    return _compiler("CXX", "C++ compiler", ("c++", "g++", "clang++"))


def _compiler(variable: str, what: str, usual: Sequence[str]) -> str:
    configured = os.environ.get(variable, "").strip() or sysconfig.get_config_var(variable)
    commands = (*([configured] if configured else []), *usual)
    found = next((command for command in commands if shutil.which(_program(variable, command))), None)
    if found is None:
        raise PrerequisiteError(f"There is no {what}.", checked=[f"PATH: {', '.join(commands)}"], remedy=INSTALL)
    return found


def require_headers(include: Path) -> None:
    """Python's headers, in the directory `include`."""
    header = include / "Python.h"
    if not header.exists():
        remedy = f"Debian: `apt-get install {include.name}-dev`."
        raise PrerequisiteError(f"Python's headers are missing: {header}.", checked=[str(header)], remedy=remedy)


def _program(variable: str, command: str) -> str:
    """CC may have flags, or a wrapper, before the compiler."""
    try:
        return shlex.split(command)[0]
    except ValueError as error:
        raise PrerequisiteError(
            f"{variable} is no command: {command!r}: {error}.", remedy=f"Set {variable} anew, or unset it."
        ) from error


def _identity(compilers: Compilers) -> str:
    """An upgraded compiler is another one."""
    lines = []
    for variable, command in compilers.items():
        path = Path(shutil.which(_program(variable, command)) or "").resolve()
        lines.append(f"{variable} {command} {path} {path.stat().st_mtime_ns}\n")
    return "".join(lines)
