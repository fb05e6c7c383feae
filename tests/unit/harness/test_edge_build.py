"""What the edge is compiled from, and what is said where it cannot be."""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from staticfire import edge_build
from staticfire.doctor import checks
from staticfire.edge_build import Sources, compiled_edge, compilers
from staticfire.errors import PrerequisiteError
from staticfire.layout import Layout
from staticfire.progress import Progress
from staticfire.settings import Settings

PACKAGE = Path(edge_build.__file__).parent


def sources(root: Path, text: str = "x = 1\n") -> Sources:
    root.mkdir(exist_ok=True)
    (root / "one.py").write_text(text)
    return Sources(root, ["one"], [root / "one.py"])


def test_another_source_or_another_list_is_another_build(tmp_path: Path) -> None:
    first = sources(tmp_path).fingerprint()
    assert sources(tmp_path).fingerprint() == first
    assert sources(tmp_path, "x = 2\n").fingerprint() != first
    assert replace(sources(tmp_path), modules=["one", "two"]).fingerprint() != first


def test_the_same_sources_elsewhere_are_the_same_build(tmp_path: Path) -> None:
    assert sources(tmp_path / "a").fingerprint() == sources(tmp_path / "b").fingerprint()


def test_without_a_c_compiler_the_edge_is_plain_and_the_note_says_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    build = compiled_edge(Layout(tmp_path, tmp_path), Progress(stream=io.StringIO()))
    assert build.path is None
    assert "runs as plain Python" in build.note
    assert "no C compiler" in build.note
    assert "apt-get install g++ make python3-dev" in build.note
    assert not list(tmp_path.rglob("compiler-*"))


def test_for_doctor_a_missing_c_compiler_is_a_note_and_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, project: Callable[..., Settings]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    check = next(check for check in checks(project()) if check.name == "C compiler")
    assert (check.ok, check.mark) == (False, "note")
    assert "apt-get install g++ make" in check.remedy


def test_pythons_headers_are_needed_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = tmp_path / "cc"
    compiler.touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(PrerequisiteError, match=r"headers are missing: .*Python\.h"):
        compilers()


def test_another_compiler_is_found_where_the_one_that_python_was_built_with_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "clang").touch(0o755)
    (tmp_path / "Python.h").touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CC", "/nowhere/gcc -pthread")
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    assert compilers() == {"CC": "clang"}


@pytest.mark.parametrize("command", ["gcc '-O2", "'"])
def test_a_cc_that_is_no_command_is_an_error_that_names_it(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", command)
    with pytest.raises(PrerequisiteError, match="CC is no command"):
        compilers()


def test_a_directory_that_cannot_be_made_leaves_the_edge_plain(tmp_path: Path) -> None:
    (tmp_path / "envs").touch()
    build = compiled_edge(Layout(tmp_path, tmp_path), Progress(stream=io.StringIO()))
    assert build.path is None
    assert "runs as plain Python" in build.note
    assert str(tmp_path / "envs") in build.note


def test_what_is_imported_before_the_compiled_modules_are_in_use_is_none_of_them() -> None:
    script = "import sys, staticfire.edge.__main__; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    listed = set(Sources.of_the_edge().modules)
    assert listed
    assert not listed & set(done.stdout.split())


def test_a_build_sees_every_file_that_the_edge_imports_but_third_parties() -> None:
    seen = set(Sources.of_the_edge().files)
    imported = {path for file in (PACKAGE / "edge").rglob("*.py") for path in imports(file)}
    assert PACKAGE / "errors.py" in imported
    assert imported <= seen


def imports(file: Path) -> Iterator[Path]:
    """The modules that `file` imports relatively: `from .a import b` is the module a, or b of the package a."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = file.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            named = [base.with_suffix(".py"), *(base / f"{alias.name}.py" for alias in node.names)]
            yield from (path for path in named if path.exists())
