"""What is said where AWS's runtime client is not compiled."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from staticfire import environments
from staticfire.client_build import clients
from staticfire.doctor import checks
from staticfire.layout import Layout
from staticfire.native import Build
from staticfire.progress import Progress
from staticfire.settings import Settings

linux = pytest.mark.skipif(sys.platform != "linux", reason="AWS compiles a client for Linux only")


def client(settings: Settings) -> Build:
    python = environments.interpreters()[f"3.{sys.version_info.minor}"]
    return clients([python], settings, Layout.of(settings), Progress(stream=io.StringIO()))[python.minor]


def programs(directory: Path, *names: str) -> str:
    for name in names:
        (directory / name).touch(0o755)
    return str(directory)


@linux
@pytest.mark.parametrize(
    ("there", "missing", "install"),
    [
        ([], "no C compiler", "g++ make python3-dev"),
        (["gcc"], "no C++ compiler", "g++ make python3-dev"),
        (["gcc", "g++"], "no make", "make"),
        (["gcc", "g++", "make"], "no tar", "tar"),
    ],
)
def test_without_what_compiles_it_the_client_is_as_published_and_the_note_says_how_to_get_it(
    there: list[str],
    missing: str,
    install: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    project: Callable[..., Settings],
) -> None:
    monkeypatch.setenv("PATH", programs(tmp_path, *there))
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.delenv("CXX", raising=False)
    settings = project()
    build = client(settings)
    assert build.path is None
    for part in ("as published", missing, f"`apt-get install {install}`"):
        assert part in build.note
    assert len(build.note.splitlines()) == 1
    assert not list(settings.cache_dir.rglob("client-*"))
    check = next(check for check in checks(settings) if check.name == "Runtime client")
    assert (check.mark, check.remedy) == ("note", f"Debian: `apt-get install {install}`.")
    assert "as published" in check.found


def test_where_the_published_client_is_wanted_nothing_is_compiled_and_nothing_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, project: Callable[..., Settings]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    settings = replace(project(), compile_client=False)
    assert client(settings) == Build()
    check = next(check for check in checks(settings) if check.name == "Runtime client")
    assert (check.mark, check.found) == ("ok", "as published")


def test_where_aws_compiles_none_nothing_is_compiled_and_nothing_said(
    monkeypatch: pytest.MonkeyPatch, project: Callable[..., Settings]
) -> None:
    settings = project()
    monkeypatch.setattr(sys, "platform", "darwin")
    assert client(settings) == Build()


@linux
def test_a_path_that_make_cannot_take_is_named_before_anything_is_fetched(
    tmp_path: Path, project: Callable[..., Settings]
) -> None:
    settings = replace(project(), cache_dir=tmp_path / "it's #1")
    build = client(settings)
    assert build.path is None
    for part in ("no path with # '", str(settings.cache_dir), "STATICFIRE_CACHE_DIR"):
        assert part in build.note
    assert not list(settings.cache_dir.glob("envs/client-*"))
