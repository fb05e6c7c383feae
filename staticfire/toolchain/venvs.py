"""Pinned virtual environments in the cache: what a lock file names, for one interpreter.

A virtual environment is named after what goes in: its lock file, its interpreter and the platform. It is complete (a
`complete` file is the last thing written) or absent: what a killed build left is thrown away and built again. A lock
lets one process build it while all others wait, in whichever project they are. It is never changed; another lock file
is another one. Its sources are compiled at the build, since a cold start without `.pyc` files is twice as slow.

uv fills it in a tenth of pip's time: the one beside this Python or on PATH, else the pinned one in the cache. It first
tries with what its own cache holds, without the network. pip does it where uv fails, and where pip's configuration
names an index, which uv does not read.

`python -m staticfire.toolchain.venvs DIRECTORY LOCK` fills DIRECTORY and installs the project of the working directory
in it: the Makefile's `setup`, under a Python that has nothing but its standard library.
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from staticfire.errors import PrerequisiteError, StaticfireError
from staticfire.host import interrupts
from staticfire.host.locks import file_lock
from staticfire.layout import Layout
from staticfire.settings import load

log = logging.getLogger(__name__)

FULL_DISK = re.compile("No space left|Disk quota exceeded", re.IGNORECASE)
INDEX_OF_PIP = re.compile(r"\.(?:index-url|no-index)=")  # in what `pip config list` prints
MAKE_ROOM = "Make room on that disk, or name a directory on another one: STATICFIRE_CACHE_DIR."
CHECK_NETWORK = "Check the network and pip's index configuration (`pip config list`), then run the command again."


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
    """What a virtual environment holds, pinned with hashes; part of this package."""
    return Path(__file__).parent / "requirements" / f"{name}.txt"


def virtual_environment(name: str, lock: Path, python: Path, layout: Layout) -> Path:
    """The interpreter of the virtual environment that holds what `lock` names; built when it is not there."""
    made_of = [lock.read_bytes(), os.fsencode(python.resolve()), sysconfig.get_platform().encode()]
    root = layout.virtual_environments / f"{name}-{hashlib.sha256(b'|'.join(made_of)).hexdigest()[:12]}"
    try:
        if not _complete(root):
            with file_lock(root.with_name(f".{root.name}.lock")):
                if not _complete(root):
                    _build(root, lock, python, layout, by_pip if name == "uv" else install)
    except OSError as error:
        raise StaticfireError(
            f"The virtual environment {name} cannot be kept: {error.strerror}.",
            checked=[str(error.filename or root)],
            remedy=MAKE_ROOM,
        ) from error
    return root / "bin" / "python"


def _complete(root: Path) -> bool:
    return (root / "complete").exists() and interpreter_at(root / "bin" / "python") is not None


def _build(root: Path, lock: Path, python: Path, layout: Layout, fill: Callable[..., None]) -> None:
    shutil.rmtree(root, ignore_errors=True)
    try:
        _run([str(python), "-m", "venv", "--without-pip", str(root)], layout, f"{root} cannot be made")
        fill(locked(lock), root / "bin" / "python", layout, f"The virtual environment {root.name} cannot be filled")
        (root / "complete").touch()
    except BaseException:
        shutil.rmtree(root, ignore_errors=True)
        raise


def locked(lock: Path) -> list[str]:
    """What `install` is to install: all that `lock` names, by their hashes."""
    return ["--require-hashes", "--requirement", str(lock)]


def install(packages: Sequence[str], python: Path, layout: Layout, failure: str) -> None:
    """Install packages, compiled, in the virtual environment of `python`. `failure` begins the error."""
    if not by_uv(["--python", str(python), *packages, "--compile-bytecode"], layout):
        by_pip(packages, python, layout, failure)


def by_uv(arguments: Sequence[str], layout: Layout) -> bool:
    """Whether `uv pip install` did it: first with what its cache holds, then with PyPI where pip has no index."""
    uv = _uv(layout)
    if uv is None:
        return False
    command = [str(uv), "pip", "install", "--quiet", *arguments]
    return _works([*command, "--offline"], layout) or (not _pip_has_an_index() and _works(command, layout))


def by_pip(arguments: Sequence[str], python: Path, layout: Layout, failure: str) -> None:
    pip = [sys.executable, "-m", "pip", "--python", str(python)]
    if not importlib.util.find_spec("pip"):
        if not importlib.util.find_spec("ensurepip"):
            raise PrerequisiteError(
                "Neither uv nor pip is here to fill a virtual environment.",
                checked=[f"{sys.executable} has no pip and no ensurepip", "uv is not on PATH"],
                remedy="Install one of them. Debian: `apt-get install python3-venv`.",
            )
        _run([str(python), "-m", "ensurepip"], layout, "ensurepip failed")
        pip = [str(python), "-m", "pip"]
    _run([*pip, "install", "-qq", "--disable-pip-version-check", *arguments], layout, failure)


@cache
def _uv(layout: Layout) -> Path | None:
    """A uv that runs; None where there is none and pip cannot bring it."""
    for path in (Path(sys.executable).with_name("uv"), shutil.which("uv")):
        if path and _works([str(path), "--version"], layout):
            return Path(path)
    try:
        return virtual_environment("uv", lock_file("uv"), Path(sys.executable), layout).with_name("uv")
    except StaticfireError as error:
        log.info("pip does what uv would do faster: %s", error)
        return None


@cache
def _pip_has_an_index() -> bool:
    run = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False)
    return bool(INDEX_OF_PIP.search(run.stdout))


def _works(command: list[str], layout: Layout) -> bool:
    """Whether the command succeeds; its words, when it does not, are in the verbose output."""
    try:
        run = _start(command, layout)
    except OSError as error:
        log.info("%s: %s", command[0], error.strerror)
        return False
    if run.returncode:
        log.info("%s\n%s", " ".join(command), run.stderr.strip())
    return run.returncode == 0


def _run(command: list[str], layout: Layout, failure: str) -> None:
    run = _start(command, layout)
    if run.returncode:
        output = run.stderr.strip() or run.stdout.strip()
        remedy = MAKE_ROOM if FULL_DISK.search(output) else CHECK_NETWORK
        raise StaticfireError(f"{failure}:\n{output}", checked=[" ".join(command)], remedy=remedy)


def _start(command: list[str], layout: Layout) -> subprocess.CompletedProcess[str]:
    """Run a command, which holds our locks: should we be killed, nobody else builds before it has ended."""
    variables = {key: value for key, value in os.environ.items() if key not in {"PYTHONHOME", "PYTHONPATH"}}
    variables.setdefault("UV_CACHE_DIR", str(layout.cache / "uv"))
    return interrupts.run(command, env=variables, close_fds=False)


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


def main() -> int:
    root, lock = map(Path, sys.argv[1:])
    python = root / "bin" / "python"
    failure = f"{root} cannot be filled"
    try:
        layout = Layout.of(load())
        _run([sys.executable, "-m", "venv", "--without-pip", str(root)], layout, f"{root} cannot be made")
        install(locked(lock), python, layout, failure)
        install(["--no-deps", "--no-build-isolation", "--editable", "."], python, layout, failure)
    except StaticfireError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
