"""Which Lambda runtimes run here, the Pythons of this machine for theirs, the emulator's virtual environment."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from staticfire.errors import PrerequisiteError, UsageError
from staticfire.hcl import files_in
from staticfire.layout import Layout
from staticfire.progress import Progress
from staticfire.roots import modules_of
from staticfire.settings import Settings

from .venvs import Interpreter, interpreter_at, lock_file, virtual_environment

PYTHON = re.compile(r"python3\.\d{1,2}")
RUNTIME = re.compile(rf"{PYTHON.pattern}|nodejs(?:20|22|24)\.x|provided\.al2(?:023)?\b")
RUNTIMES_HERE = "python3.N, nodejs20.x, nodejs22.x, nodejs24.x, provided.al2, provided.al2023"
KNOWN_RUNTIMES = tuple(f"python3.{minor}" for minor in range(8, 15))
OLDEST_RUNTIME_PYTHON = (3, 10)  # what the pinned awslambdaric runs on


@dataclass(frozen=True)
class InstalledRuntime:
    """How functions of the runtime `name` run here; `substitute` when their Python is not on this machine."""

    name: str
    interpreter: Interpreter
    python: Path

    @property
    def substitute(self) -> bool:
        return self.name != f"python{self.interpreter.minor}"


def interpreters() -> Mapping[str, Interpreter]:
    """The Pythons of this machine that can run functions, by minor version; of two, the newer."""
    newest: dict[str, Interpreter] = {}
    candidates = list(_candidates())
    with ThreadPoolExecutor(4) as pool:
        pythons = filter(None, pool.map(interpreter_at, candidates))
        for python in sorted(pythons, key=lambda python: python.version, reverse=True):
            if python.version[:2] >= OLDEST_RUNTIME_PYTHON:
                newest.setdefault(python.minor, python)
    return newest


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


def nearest(runtime: str, pythons: Mapping[str, Interpreter]) -> Interpreter:
    """The interpreter for `runtime`: its own version, else the nearest; of two as near, the newer."""
    minor = int(runtime.removeprefix("python3."))
    if not pythons:
        raise PrerequisiteError(
            "No Python on this machine can run Lambda functions.",
            checked=["PATH, /usr/bin, /usr/local/bin, pyenv's and uv's versions"],
            remedy="Install Python 3.10 or newer, with its venv module.",
        )
    return min(pythons.values(), key=lambda python: (abs(python.version[1] - minor), -python.version[1]))


def runtimes_in_use(settings: Settings) -> tuple[str, ...]:
    """The runtimes that the settings name, else all that the Terraform files of the stacks' trees name."""
    for name in settings.runtimes:
        if not RUNTIME.fullmatch(name):
            raise UsageError(
                f"Functions of the runtime {name!r} cannot run here.",
                checked=[f"these can: {RUNTIMES_HERE}"],
                remedy="Correct the setting `runtimes` (STATICFIRE_RUNTIMES).",
            )
    if settings.runtimes:
        return settings.runtimes
    directories = {directory for stack in settings.stacks.values() for directory in modules_of(stack.root)}
    files = {file for directory in directories for file in (*files_in(directory), *directory.glob("**/*.tfvars"))}
    names = {name for file in files for name in RUNTIME.findall(file.read_text(errors="replace"))}
    return tuple(sorted(names, key=_order)) or (_OWN,)


_OWN = f"python3.{sys.version_info[1]}"


def _order(name: str) -> tuple[bool, int, str]:
    python = PYTHON.fullmatch(name)
    return not python, int(name.partition(".")[2]) if python else 0, name


def pythons_in_use(settings: Settings) -> tuple[str, ...]:
    """Those of them that are Python's; what somebody deploys by hand in a project without any runs on our own."""
    return tuple(filter(PYTHON.fullmatch, runtimes_in_use(settings))) or (_OWN,)


def install_runtimes(settings: Settings, layout: Layout, progress: Progress) -> Mapping[str, InstalledRuntime]:
    """Every Python runtime by name. Those in use get one of their own Python; the others share the nearest of these."""
    machine = interpreters()
    names = pythons_in_use(settings)
    used = {nearest(name, machine).minor: nearest(name, machine) for name in names}
    pythons: dict[str, Path] = {}
    for minor, interpreter in used.items():
        with progress.step(f"Runtime python{minor}", brief=True):
            pythons[minor] = virtual_environment(f"runtime-{minor}", lock_file("runtime"), interpreter.path, layout)
    return {
        name: InstalledRuntime(name, chosen, pythons[chosen.minor])
        for name in dict.fromkeys((*KNOWN_RUNTIMES, *names))
        for chosen in [nearest(name, used)]
    }


def install_emulator(layout: Layout, progress: Progress) -> Path:
    """The interpreter of MiniStack's virtual environment."""
    with progress.step("Emulator (MiniStack)", brief=True):
        return virtual_environment("ministack", lock_file("ministack"), Path(sys.executable), layout)


def emulator_version(layout: Layout) -> str:
    """MiniStack's, in its virtual environment."""
    python = install_emulator(layout, Progress())
    [installed] = python.parents[1].glob("lib/python*/site-packages/ministack-*.dist-info")
    return installed.name.removeprefix("ministack-").removesuffix(".dist-info")
