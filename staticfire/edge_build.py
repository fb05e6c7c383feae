"""The edge, compiled: the shared objects of the modules that edge/compiled.txt lists, made by mypyc.

A build (native.py) is named after the edge's sources, the compiler's lock file and this interpreter; its `complete`
names its modules. Where there is no C compiler, or the build fails, the edge runs as plain Python and a note says so.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .edge.compiled import SUFFIX
from .layout import Layout
from .native import Build, Compilers, Workshop, attempt, c_compiler, made, require_headers
from .progress import Progress
from .venvs import environment, lock_file

HERE = Path(__file__).parent
COMPILE = HERE / "mypyc_main.py"
# What the edge imports besides itself: compiled code relies on these types too.
TYPES = ("__init__.py", "errors.py", "layout.py")


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


def compiled_edge(layout: Layout, progress: Progress) -> Build:
    with progress.step("Edge, compiled") as step:
        without = "The edge runs as plain Python, about a fifth slower under load."
        build = attempt(lambda: compiled(Sources.of_the_edge(), layout), without)
        if build.path is None:
            step.done("not here")
        return build


def compilers() -> Compilers:
    """What compiles the edge here; an error where it, or what it needs of Python, is missing."""
    found = c_compiler()
    require_headers(Path(sysconfig.get_path("include")))
    return {"CC": found}


def compiled(sources: Sources, layout: Layout) -> Path:
    """The directory of the compiled modules; built when it is not there."""

    def make(workshop: Workshop) -> Iterator[str]:
        python = environment("compiler", lock_file("compiler"), Path(sys.executable), layout)
        copied = workshop.scratch / "sources"
        # Apart from all else that is installed beside the package: the build must not depend on what it finds there.
        sources.copy(copied)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("MYPY")}
        command = [str(python), "-I", str(COMPILE), str(workshop.root), str(workshop.scratch), *sources.modules]
        workshop.run(command, directory=copied, variables={**clean, **workshop.compilers})
        return _modules(workshop.root)

    return made(layout.envs / f"edge-{sources.fingerprint()}", compilers, make)


def _modules(root: Path) -> Iterator[str]:
    """The names of the shared objects, mypyc's own library among them."""
    for path in root.rglob(f"*{SUFFIX}"):
        yield ".".join(path.relative_to(root).parts).removesuffix(SUFFIX)
