"""Pinned virtual environments: what a lock file names, in an environment of one interpreter.

An environment lies below `.staticfire/envs` and is named after what is in it: its lock file and its interpreter. It
is either complete (a `complete` file is the last thing written) or absent: what a killed build left is thrown away
and built again. Environments are never changed; another lock file is another environment. Sources are compiled at the
build, whatever PYTHONDONTWRITEBYTECODE says, since a cold start without `.pyc` files is twice as slow.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from staticfire.errors import StaticfireError
from staticfire.host.locks import file_lock
from staticfire.layout import Layout


@dataclass(frozen=True, order=True)
class Interpreter:
    """A Python that works on this machine."""

    version: tuple[int, int, int]
    path: Path

    @property
    def full_version(self) -> str:
        return ".".join(map(str, self.version))

    @property
    def minor(self) -> str:
        return f"{self.version[0]}.{self.version[1]}"


def lock_file(name: str) -> Path:
    """What an environment holds, pinned with hashes; part of this package."""
    return Path(__file__).parent / "requirements" / f"{name}.txt"


def environment(name: str, lock: Path, python: Path, layout: Layout) -> Path:
    """The interpreter of the environment that holds what `lock` names; built when it is not there."""
    made_of = lock.read_bytes() + os.fsencode(python.resolve())
    root = layout.envs / f"{name}-{hashlib.sha256(made_of).hexdigest()[:12]}"
    interpreter = root / "bin" / "python"
    with file_lock(layout.envs / f".{root.name}.lock"):
        if (root / "complete").exists() and interpreter_at(interpreter):
            return interpreter
        shutil.rmtree(root, ignore_errors=True)
        _run([str(python), "-m", "venv", "--without-pip", str(root)], f"The environment {name} cannot be made")
        pip(interpreter, lock, ["install", "--no-compile"], f"pip cannot fill the environment {name}")
        _run([str(interpreter), "-m", "compileall", "-q", "-j", "0", str(root / "lib")], None)
        (root / "complete").touch()
    return interpreter


def pip(
    interpreter: Path, lock: Path, command: Sequence[str], what: str, variables: Mapping[str, str] | None = None
) -> None:
    """Run a command of pip in the environment of `interpreter`, for what `lock` names; `what` begins its error."""
    run = [sys.executable, "-m", "pip", "--python", str(interpreter), *command, "--quiet"]
    run += ["--disable-pip-version-check", "--require-hashes", "--requirement", str(lock)]
    _run(run, what, variables)


def _run(command: list[str], what: str | None, variables: Mapping[str, str] | None = None) -> None:
    clean = {key: value for key, value in os.environ.items() if key not in {"PYTHONHOME", "PYTHONPATH"}}
    run = subprocess.run(command, env={**clean, **(variables or {})}, capture_output=True, text=True, check=False)
    if run.returncode and what:
        output = run.stderr.strip() or run.stdout.strip()
        raise StaticfireError(
            f"{what}:\n{output}",
            checked=[" ".join(command)],
            remedy="Check the network and pip's index configuration (`pip config list`), then run the command again.",
        )


@cache
def interpreter_at(path: Path) -> Interpreter | None:
    """`path` as an interpreter, or None when it does not run. A shim for a version that is not there does not."""
    question = "import sys, venv; print(*sys.version_info[:3])"
    try:
        answer = subprocess.run([path, "-I", "-c", question], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    words = answer.stdout.split()
    if answer.returncode or len(words) != 3:
        return None
    return Interpreter((int(words[0]), int(words[1]), int(words[2])), path)
