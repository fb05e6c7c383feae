"""The edge, compiled: the shared objects of the modules that edge/compiled.txt lists, made by mypyc.

A build lies below `.staticfire/envs` and is named after all that goes into it: the edge's sources, the compiler's lock
file, this interpreter. It is in one of three states: absent; complete (the file `complete`, written last, names its
modules); failed (the file `failed` is there and names the C compiler: with the same one nobody waits for it twice).
What a killed build left is thrown away and built again.

Nobody needs it: where there is no C compiler, or the build fails, the edge runs as plain Python and a note says so.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .edge.compiled import COMPLETE, SUFFIX
from .environments import environment, lock_file
from .errors import PrerequisiteError, StaticfireError
from .layout import Layout, end_with_parent, file_lock, write_atomically
from .progress import Progress

HERE = Path(__file__).parent
COMPILE = HERE / "mypyc_main.py"
FAILED = "failed"
LOG = "build.log"
SCRATCH = "build"
# What the edge imports besides itself: compiled code relies on these types too.
TYPES = ("__init__.py", "errors.py", "layout.py")
INSTALL = "Debian: `apt-get install gcc python3-dev`."


@dataclass(frozen=True)
class Sources:
    """Modules to compile, and all files below `parent` that their build sees."""

    parent: Path
    modules: Sequence[str]
    files: Sequence[Path]

    @classmethod
    def of_the_edge(cls) -> Sources:
        files = [*(HERE / name for name in TYPES), *sorted((HERE / "edge").rglob("*.py"))]
        return cls(HERE.parent, (HERE / "edge" / "compiled.txt").read_text().split(), files)

    def fingerprint(self) -> str:
        digest = hashlib.sha256(os.fsencode(Path(sys.executable).resolve()))
        for part in (sys.version, SUFFIX, platform.machine(), *platform.libc_ver(), *self.modules):
            digest.update(part.encode() + b"\0")
        for path in (COMPILE, lock_file("compiler"), *self.files):
            digest.update(os.fsencode(os.path.relpath(path, self.parent)) + b"\0" + path.read_bytes() + b"\0")
        return digest.hexdigest()[:12]

    def copy(self, target: Path) -> None:
        for path in self.files:
            copied = target / path.relative_to(self.parent)
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copied)


@dataclass(frozen=True)
class Build:
    """Where the compiled modules are; without a directory the edge runs as plain Python, and `note` says why."""

    directory: Path | None = None
    note: str = ""


def compiled_edge(layout: Layout, progress: Progress) -> Build:
    with progress.step("Edge, compiled") as step:
        try:
            return Build(compiled(Sources.of_the_edge(), layout))
        except (StaticfireError, OSError) as error:
            step.done("not here")
            why = f"{error.what.splitlines()[0]} {error.remedy}" if isinstance(error, StaticfireError) else f"{error}."
            return Build(note=f"The edge runs as plain Python, about a tenth slower under load. {why}".strip())


def compiled(sources: Sources, layout: Layout) -> Path:
    """The directory of the compiled modules; built when it is not there."""
    root = layout.envs / f"edge-{sources.fingerprint()}"
    with file_lock(layout.envs / f".{root.name}.lock"):
        if (root / COMPLETE).exists():
            return root
        compiler = c_compiler()
        if (root / FAILED).exists() and (root / FAILED).read_text() == _identity(compiler):
            raise _failed(root)
        shutil.rmtree(root, ignore_errors=True)
        python = environment("compiler", lock_file("compiler"), Path(sys.executable), layout)
        _compile(sources, root, python, compiler)
    return root


def c_compiler() -> str:
    """The command of this machine's C compiler; an error where it, or what it needs of Python, is missing."""
    configured = os.environ.get("CC", "").strip() or sysconfig.get_config_var("CC") or "cc"
    commands = (configured, "cc", "gcc", "clang")
    found = next((command for command in commands if shutil.which(_program(command))), None)
    if found is None:
        raise PrerequisiteError("There is no C compiler.", checked=[f"PATH: {', '.join(commands)}"], remedy=INSTALL)
    header = Path(sysconfig.get_path("include")) / "Python.h"
    if not header.exists():
        raise PrerequisiteError(f"Python's headers are missing: {header}.", checked=[str(header)], remedy=INSTALL)
    return found


def _program(command: str) -> str:
    """CC may have flags, or a wrapper, before the compiler."""
    try:
        return shlex.split(command)[0]
    except ValueError as error:
        raise PrerequisiteError(
            f"CC is no command: {command!r}: {error}.", remedy="Set CC anew, or unset it."
        ) from error


def _identity(compiler: str) -> str:
    """An upgraded compiler is another one."""
    path = Path(shutil.which(_program(compiler)) or "").resolve()
    return f"{compiler} {path} {path.stat().st_mtime_ns}\n"


def _compile(sources: Sources, root: Path, python: Path, compiler: str) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MYPY")}
    copied = root / SCRATCH / "sources"
    # Apart from all else that is installed beside the package: the build must not depend on what it finds there.
    sources.copy(copied)
    with open(root / LOG, "wb") as log:
        run = subprocess.run(
            [str(python), "-I", str(COMPILE), str(root), str(root / SCRATCH), *sources.modules],
            cwd=copied,
            env={**clean, "CC": compiler},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            preexec_fn=end_with_parent(),
            check=False,
        )
    shutil.rmtree(root / SCRATCH, ignore_errors=True)
    if run.returncode < 0:  # killed or interrupted: that tells nothing of the sources
        raise StaticfireError(
            f"Compiling it was ended by the signal {-run.returncode}.", remedy="The next `up` tries again."
        )
    if run.returncode:
        (root / FAILED).write_text(_identity(compiler))
        raise _failed(root)
    names = "".join(f"{name}\n" for name in sorted(_modules(root)))
    write_atomically(root / COMPLETE, names.encode())


def _modules(root: Path) -> Iterator[str]:
    """The names of the shared objects, mypyc's own library among them."""
    for path in root.rglob(f"*{SUFFIX}"):
        yield ".".join(path.relative_to(root).parts).removesuffix(SUFFIX)


def _failed(root: Path) -> StaticfireError:
    return StaticfireError(
        f"Compiling it failed: {root / LOG} says why.", remedy=f"Delete {root}, and the next `up` tries again."
    )
