"""AWS's runtime client, compiled as well as it can be: the extension module `runtime_client` of awslambdaric.

The wheel's was compiled without optimisation and with libcurl's debugging on, which is a sixth of what a silent
function's invocation costs. Here it is compiled from AWS's own sources, unchanged (client.mk), and takes the wheel's
place in the environment of its runtime. Linux only: AWS compiles none elsewhere.

Two builds (native.py) make it: `client-FINGERPRINT`, all that no Python is in, above all libcurl; and
`client-3.N-FINGERPRINT`, the module for one Python. Where something for it is missing, or a build fails, the functions
have the wheel's module, and a note says so.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path

from .errors import PrerequisiteError, StaticfireError
from .layout import Layout
from .native import (
    INSTALL,
    Build,
    Compilers,
    Workshop,
    attempt,
    c_compiler,
    cxx_compiler,
    is_complete,
    made,
    names,
    refuse_failed,
    require_headers,
)
from .progress import Progress
from .settings import Settings
from .venvs import Interpreter, environment, lock_file, pip

MAKEFILE = Path(__file__).parent / "client.mk"
WITHOUT = "Functions have AWS's runtime client as published, about 8 % slower under load."
# Variables of the user's that would change what make, configure and the compilers do.
MEDDLING = re.compile("MAKE.*|GNUMAKEFLAGS|MFLAGS|CONFIG_SITE|CPPFLAGS|LDFLAGS|LIBS")
UNQUOTABLE = re.compile(r"""[\\"'`#$&\n]""")


def clients(used: Iterable[Interpreter], settings: Settings, layout: Layout, progress: Progress) -> Mapping[str, Build]:
    """The module for each of these Pythons, by minor version; neither path nor note where the wheel's is wanted."""
    if not is_wanted(settings):
        return {interpreter.minor: Build() for interpreter in used}

    @cache
    def sources() -> Path | StaticfireError:
        try:
            return libraries(layout)
        except StaticfireError as error:
            return error

    with progress.step("Runtime client, compiled") as step:
        builds = {one.minor: attempt(partial(module, one, layout, sources), WITHOUT) for one in used}
        if without := [minor for minor, build in builds.items() if build.path is None]:
            step.done(f"not for Python {', '.join(without)}")
    return builds


def is_wanted(settings: Settings) -> bool:
    return settings.compile_client and sys.platform == "linux"


def module(interpreter: Interpreter, layout: Layout, sources: Callable[[], Path | StaticfireError]) -> Path:
    """The extension module; compiled from the libraries' `sources` when it is not there."""

    def make(workshop: Workshop) -> Iterator[str]:
        found = sources()
        if isinstance(found, StaticfireError):
            raise found
        include, suffix = _facts(interpreter)
        name = f"runtime_client{suffix}"
        values = {"INCLUDE": include, "SOURCES": str(found), "MODULE": str(workshop.root / name)}
        _make(workshop, "module", workshop.scratch, values)
        probe = "import sys; sys.path.insert(0, sys.argv[1]); import runtime_client"
        command = [str(interpreter.path), "-I", "-c", probe, str(workshop.root)]
        workshop.run(command, directory=workshop.scratch, variables=os.environ)
        yield name

    root = _module_root(interpreter, layout)
    made(root, partial(compilers, layout, interpreter), make)
    return root / names(root)[0]


def libraries(layout: Layout) -> Path:
    """What the module of each Python is made of; compiled when it is not there."""

    def make(workshop: Workshop) -> Iterator[str]:
        _fetch(workshop.scratch, layout)
        (archive,) = workshop.scratch.glob("awslambdaric-*.tar.gz")
        workshop.run(["tar", "-xzf", archive.name, "--no-same-owner"], directory=workshop.scratch, variables=os.environ)
        sources = archive.with_name(archive.name.removesuffix(".tar.gz"))
        _make(workshop, "libraries", sources, {})
        others = ("include", "libcurl.a", "awslambdaric/runtime_client.cpp")
        for path in (*sources.glob("*.o"), *(sources / other for other in others)):
            path.rename(workshop.root / path.name)
            yield path.name

    return made(_libraries_root(layout), partial(compilers, layout), make)


def is_compiled(interpreter: Interpreter, layout: Layout) -> bool:
    """Whether the module is there; an error when the next `up` will not compile it either."""
    root = _module_root(interpreter, layout)
    if is_complete(root):
        return True
    found = compilers(layout, interpreter)
    refuse_failed(_libraries_root(layout), found)
    refuse_failed(root, found)
    return False


def compilers(layout: Layout, interpreter: Interpreter | None = None) -> Compilers:
    """What compiles the client here; an error where it, or what it needs of that Python, is missing."""
    if strange := UNQUOTABLE.findall(str(layout.envs)):
        raise PrerequisiteError(
            f"make and configure take no path with {' '.join(sorted(set(strange)))} in it: {layout.envs}.",
            remedy="Set STATICFIRE_CACHE_DIR to another directory.",
        )
    found = {"CC": c_compiler(), "CXX": cxx_compiler()}
    for program in ("make", "tar"):
        if shutil.which(program) is None:
            raise PrerequisiteError(
                f"There is no {program}.", checked=["PATH"], remedy=f"Debian: `apt-get install {program}`."
            )
    if interpreter is not None:
        require_headers(Path(_facts(interpreter)[0]))
    return found


def _facts(interpreter: Interpreter) -> tuple[str, str]:
    """Where its headers are, and how the names of its extension modules end."""
    question = "from sysconfig import *; print(get_path('include'), get_config_var('EXT_SUFFIX'), sep='\\n')"
    command = [str(interpreter.path), "-I", "-c", question]
    answer = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    if len(answer) != 2:
        raise PrerequisiteError(f"{interpreter.path} does not tell where its headers are.", remedy=INSTALL)
    return answer[0], answer[1]


def _libraries_root(layout: Layout) -> Path:
    return layout.envs / f"client-{_fingerprint()}"


def _module_root(interpreter: Interpreter, layout: Layout) -> Path:
    of_python = f"{interpreter.path.resolve()} {interpreter.full_version}"
    return layout.envs / f"client-{interpreter.minor}-{_fingerprint(of_python)}"


def _fingerprint(of_python: str = "") -> str:
    digest = hashlib.sha256(lock_file("client").read_bytes())
    for path in (Path(__file__), MAKEFILE):
        digest.update(b"\0" + path.read_bytes())
    for part in (platform.machine(), *platform.libc_ver(), of_python):
        digest.update(b"\0" + part.encode())
    return digest.hexdigest()[:12]


def _fetch(directory: Path, layout: Layout) -> None:
    """AWS's sources, as published. pip runs their setup.py, for which the compiler's environment has setuptools."""
    python = environment("compiler", lock_file("compiler"), Path(sys.executable), layout)
    download = ["download", "--no-deps", "--no-binary", "awslambdaric", "--no-build-isolation", "--retries", "0"]
    what = "The sources of AWS's runtime client cannot be fetched"
    nothing_compiled = {"BUILD": "true"}
    pip(python, lock_file("client"), [*download, "--dest", str(directory)], what, nothing_compiled)


def _make(workshop: Workshop, target: str, directory: Path, values: Mapping[str, str]) -> None:
    variables = {name: value for name, value in os.environ.items() if not MEDDLING.fullmatch(name)}
    given = [f"{name}={value}" for name, value in {**workshop.compilers, **values}.items()]
    command = ["make", f"-j{len(os.sched_getaffinity(0))}", "-f", str(MAKEFILE), target, *given]
    workshop.run(command, directory=directory, variables={**variables, "LC_ALL": "C"})
