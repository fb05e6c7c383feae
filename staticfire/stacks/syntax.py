"""Whether a source file can be read by the runtime that it is for, and where not: before it is put into a function.

Python's files are compiled by this Python, and where that fails by the function's: newer syntax is not an error. Node's
are checked by `node --check`. What a file does when it runs, nobody knows before.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

from staticfire.toolchain.runtimes import PYTHON, interpreters, nearest

JAVASCRIPT = {".js", ".mjs", ".cjs"}
SECONDS = 20
# An ES module in a file that Node may take for CommonJS: what it becomes is the package's matter.
OF_A_MODULE = re.compile(r"Cannot use import statement|Unexpected token 'export'|await is only valid")
NODES_PLACE = re.compile(r"^(.+):(\d+)$", re.MULTILINE)

CHECK = """
import ast, sys
try:
    with open(sys.argv[1], "rb") as file:
        ast.parse(file.read(), sys.argv[1])
except (SyntaxError, ValueError) as error:
    print(f"{getattr(error, 'lineno', None) or 1}\\n{getattr(error, 'msg', error)}")
"""


def problems(paths: Iterable[Path], runtimes: Sequence[str]) -> Iterator[str]:
    """What keeps these files from being read, each as `src/api.py:12: invalid syntax`."""
    for path in paths:
        try:
            said = _problem(path, runtimes)
        except FileNotFoundError:
            continue  # it is gone again
        if said is not None:
            line, what = said
            yield f"{os.path.relpath(path)}:{line}: {what}"


def _problem(path: Path, runtimes: Sequence[str]) -> tuple[int, str] | None:
    if path.suffix == ".py":
        return _of_python(path, runtimes)
    if path.suffix in JAVASCRIPT:
        return _of_node(path)
    return None


def _of_python(path: Path, runtimes: Sequence[str]) -> tuple[int, str] | None:
    try:
        with warnings.catch_warnings(action="ignore"):
            ast.parse(path.read_bytes(), str(path))
    except (SyntaxError, ValueError) as error:
        own = (getattr(error, "lineno", None) or 1, str(getattr(error, "msg", error)))
    else:
        return None
    pythons = [runtime for runtime in runtimes if PYTHON.fullmatch(runtime)]
    said: tuple[int, str] | None = own
    for python in {_python(runtime) for runtime in pythons} - {sys.executable}:
        run = subprocess.run(
            [python, "-I", "-c", CHECK, str(path)], capture_output=True, text=True, timeout=SECONDS, check=False
        )
        line, _, what = run.stdout.strip().partition("\n")
        if not line.isdigit():
            said = None
            continue
        return int(line), what
    return said


@cache
def _python(runtime: str) -> str:
    return str(nearest(runtime, interpreters()).path)


def _of_node(path: Path) -> tuple[int, str] | None:
    node = shutil.which("node")
    if node is None:
        return None
    run = subprocess.run(
        [node, "--check", str(path)], capture_output=True, text=True, timeout=SECONDS, check=False, cwd=path.parent
    )
    if run.returncode == 0 or OF_A_MODULE.search(run.stderr):
        return None
    place = NODES_PLACE.search(run.stderr)
    error = next((line for line in run.stderr.splitlines() if "SyntaxError" in line), "")
    if not error:
        return None  # Node itself could not: that is not the file's fault
    return int(place[2]) if place else 1, error.partition("SyntaxError: ")[2] or error
