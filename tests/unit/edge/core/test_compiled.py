"""Shared objects in place of sources. A package's own stands in for a compiled module, in a process of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import orjson.orjson as stand_in
import pytest

from staticfire.edge.compiled import COMPLETE, SUFFIX

MODULE = "staticfire.edge.orjson"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    shutil.copy(stand_in.__file__, compiled(tmp_path))
    (tmp_path / COMPLETE).write_text(f"{MODULE}\n")
    return tmp_path


def compiled(directory: Path) -> Path:
    path = directory / "staticfire" / "edge" / f"orjson{SUFFIX}"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def run(directory: Path, script: str) -> subprocess.CompletedProcess[str]:
    program = f"""
import sys
from pathlib import Path
from staticfire.edge import compiled
from staticfire.errors import StaticfireError
assert not compiled.in_use()
try:
    compiled.use(Path(sys.argv[1]))
    assert compiled.in_use()
    {script}
except StaticfireError as error:
    sys.exit(str(error))
"""
    return subprocess.run([sys.executable, "-c", program, str(directory)], capture_output=True, text=True, timeout=60)


def test_a_module_that_is_there_compiled_is_imported_so(directory: Path) -> None:
    done = run(directory, f"import {MODULE} as module; print(module.__file__, module.loads(b'[1]'))")
    assert done.stdout.split() == [str(compiled(directory)), "[1]"], done.stderr


def test_every_other_name_is_left_to_python(directory: Path) -> None:
    done = run(directory, "import staticfire.edge.guard, json; print(staticfire.edge.guard.__file__, json.__file__)")
    assert [Path(name).suffix for name in done.stdout.split()] == [".py", ".py"], done.stderr


@pytest.mark.parametrize("content", [b"no machine code", None])
def test_one_that_cannot_be_loaded_ends_the_edge_and_is_named_with_the_remedy(
    directory: Path, content: bytes | None
) -> None:
    compiled(directory).unlink()
    if content is not None:
        compiled(directory).write_bytes(content)
    done = run(directory, f"import {MODULE}")
    assert done.returncode == 1
    assert str(compiled(directory)) in done.stderr
    assert f"remedy: Delete {directory}" in done.stderr


@pytest.mark.parametrize("content", [None, ""])
def test_a_directory_that_was_never_completed_is_not_used(directory: Path, content: str | None) -> None:
    (directory / COMPLETE).unlink()
    if content is not None:
        (directory / COMPLETE).write_text(content)
    done = run(directory, f"import {MODULE}")
    assert done.returncode == 1
    assert f"remedy: Delete {directory}" in done.stderr
