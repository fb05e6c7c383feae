"""Pinned virtual environments: the emulator's, one for each Lambda runtime, and spare Postgres binaries.

An environment lies below `.staticfire/envs` and is named after what is in it: its lock file and its interpreter. It
is either complete (a `complete` file is the last thing written) or absent: what a killed build left is thrown away
and built again. Environments are never changed; another lock file is another environment. Sources are compiled at the
build, whatever PYTHONDONTWRITEBYTECODE says, since a cold start without `.pyc` files is twice as slow.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .errors import PrerequisiteError, StaticfireError
from .layout import Layout, file_lock
from .progress import Progress
from .settings import Settings

RUNTIME = re.compile(r"python3\.\d{1,2}")
KNOWN_RUNTIMES = tuple(f"python3.{minor}" for minor in range(8, 15))
OLDEST_RUNTIME_PYTHON = (3, 10)  # what the pinned awslambdaric runs on


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


@dataclass(frozen=True)
class Runtime:
    """How functions of the runtime `name` run here; `substitute` when their Python is not on this machine."""

    name: str
    interpreter: Interpreter
    python: Path

    @property
    def substitute(self) -> bool:
        return self.name != f"python{self.interpreter.minor}"


def lock_file(name: str) -> Path:
    """What an environment holds, pinned with hashes; part of this package."""
    return Path(__file__).parent / "requirements" / f"{name}.txt"


def environment(name: str, lock: Path, python: Path, layout: Layout) -> Path:
    """The interpreter of the environment that holds what `lock` names; built when it is not there."""
    fingerprint = hashlib.sha256(lock.read_bytes() + os.fsencode(python.resolve())).hexdigest()[:12]
    root = layout.envs / f"{name}-{fingerprint}"
    interpreter = root / "bin" / "python"
    with file_lock(layout.envs / f".{root.name}.lock"):
        if (root / "complete").exists() and _works(interpreter):
            return interpreter
        shutil.rmtree(root, ignore_errors=True)
        _run([str(python), "-m", "venv", "--without-pip", str(root)], f"The environment {name} cannot be made")
        install = [sys.executable, "-m", "pip", "--python", str(interpreter), "install", "--quiet", "--no-compile"]
        install += ["--disable-pip-version-check", "--require-hashes", "--requirement", str(lock)]
        _run(install, f"pip cannot fill the environment {name}")
        _run([str(interpreter), "-m", "compileall", "-q", "-j", "0", str(root / "lib")], None)
        (root / "complete").touch()
    return interpreter


def _run(command: list[str], what: str | None) -> None:
    clean = {key: value for key, value in os.environ.items() if key not in {"PYTHONHOME", "PYTHONPATH"}}
    run = subprocess.run(command, env=clean, capture_output=True, text=True, check=False)
    if run.returncode and what:
        output = run.stderr.strip() or run.stdout.strip()
        raise StaticfireError(
            f"{what}:\n{output}",
            checked=[" ".join(command)],
            remedy="Check the network and pip's index configuration (`pip config list`), then run the command again.",
        )


def _works(python: Path) -> bool:
    return _interpreter(python) is not None


@cache
def _interpreter(path: Path) -> Interpreter | None:
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


def interpreters() -> Mapping[str, Interpreter]:
    """The Pythons of this machine that can run functions, by minor version; of two, the newer."""
    found: dict[str, Interpreter] = {}
    candidates = list(_candidates())
    with ThreadPoolExecutor(4) as pool:
        for interpreter in filter(None, pool.map(_interpreter, candidates)):
            known = found.get(interpreter.minor)
            fit = interpreter.version[:2] >= OLDEST_RUNTIME_PYTHON
            if fit and (known is None or interpreter.version > known.version):
                found[interpreter.minor] = interpreter
    return found


def _candidates() -> Iterator[Path]:
    seen = set()
    path = [Path(entry) for entry in os.environ.get("PATH", "").split(os.pathsep) if entry]
    directories = [entry for entry in path if entry.name != "shims"] + [Path("/usr/bin"), Path("/usr/local/bin")]
    home = Path(os.environ.get("HOME") or "/nonexistent")
    pyenvs = [Path(os.environ.get("PYENV_ROOT") or home / ".pyenv")]
    pyenvs += [entry.parent for entry in path if entry.name == "shims"]
    managed = [python for pyenv in pyenvs for python in pyenv.glob("versions/3.*/bin")]
    managed += home.glob(".local/share/uv/python/cpython-3.*/bin")
    for directory in [Path(sys.base_prefix) / "bin", *directories, *managed]:
        for minor in range(OLDEST_RUNTIME_PYTHON[1], 15):
            python = directory / f"python3.{minor}"
            if python.exists() and python.resolve() not in seen:
                seen.add(python.resolve())
                yield python


def nearest(runtime: str, known: Mapping[str, Interpreter]) -> Interpreter:
    """The interpreter for `runtime`: its own version, else the nearest; of two as near, the newer."""
    wanted = int(runtime.removeprefix("python3."))
    if not known:
        raise PrerequisiteError(
            "No Python on this machine can run Lambda functions.",
            checked=["PATH, /usr/bin, /usr/local/bin, pyenv's and uv's versions"],
            remedy="Install Python 3.10 or newer, with its venv module.",
        )
    return min(known.values(), key=lambda found: (abs(found.version[1] - wanted), -found.version[1]))


def wanted_runtimes(settings: Settings) -> tuple[str, ...]:
    """The runtimes that the settings name, else every `python3.N` in the Terraform files of the stacks' trees."""
    if settings.runtimes:
        return settings.runtimes
    trees = {tree_of(stack.root, settings.project) for stack in settings.stacks.values()}
    names = {name for tree in trees for file in _terraform_files(tree) for name in RUNTIME.findall(file.read_text())}
    return tuple(sorted(names, key=lambda name: int(name.partition(".")[2]))) or (f"python3.{sys.version_info[1]}",)


def tree_of(root: Path, project: Path) -> Path:
    """The part of the project that a Terraform root's relative module paths stay in: its top directory."""
    parts = root.relative_to(project).parts if root.is_relative_to(project) else ()
    return project / parts[0] if parts else root


def _terraform_files(tree: Path) -> Iterable[Path]:
    return (path for path in tree.rglob("*.tf") if ".terraform" not in path.parts)


def runtimes(settings: Settings, layout: Layout, progress: Progress) -> Mapping[str, Runtime]:
    """Every runtime by name. Those in use get their own Python's environment; the others share the nearest of these."""
    machine = interpreters()
    wanted = wanted_runtimes(settings)
    for name in wanted:
        if not RUNTIME.fullmatch(name):
            raise StaticfireError(f"The runtime {name!r} cannot run here: python3.N can.")
    used = {nearest(name, machine).minor: nearest(name, machine) for name in wanted}
    built: dict[str, Path] = {}
    for minor, interpreter in used.items():
        with progress.step(f"Runtime python{minor}"):
            built[minor] = environment(f"runtime-{minor}", lock_file("runtime"), interpreter.path, layout)
    return {
        name: Runtime(name, chosen, built[chosen.minor])
        for name in dict.fromkeys((*KNOWN_RUNTIMES, *wanted))
        for chosen in [nearest(name, used)]
    }


def emulator(layout: Layout, progress: Progress) -> Path:
    """The interpreter of MiniStack's environment."""
    with progress.step("Emulator (MiniStack)"):
        return environment("ministack", lock_file("ministack"), Path(sys.executable), layout)
