"""The wheel, as a stranger gets it: in an empty home directory, on the oldest and on a new Python, up to an answer."""

from __future__ import annotations

import re
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

from benchmarks.first_answer import Stranger, build_wheel
from staticfire.toolchain.runtimes import interpreters

ROOT = Path(__file__).parents[3]
LINK = re.compile(r"\]\(([^)]+)\)")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.mark.parametrize("version", ["3.11", "3.13"])
def test_from_nothing_to_the_first_answer(wheel: Path, version: str, tmp_path: Path) -> None:
    python = interpreters().get(version)
    assert python is not None, f"Python {version} is not on this machine: the wheel is for it too"
    stranger = Stranger(tmp_path, str(python.path))
    stranger.make_environment()
    try:
        assert stranger.first_answer(wheel) == "hello from hello"
    finally:
        stranger.end()


def test_the_index_can_show_what_it_is(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = message_from_string(archive.read(name).decode())
        assert any(entry.endswith("licenses/LICENSE") for entry in archive.namelist())
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert {"test", "load", "containers"} <= set(metadata.get_all("Provides-Extra") or ())
    assert len(metadata.get_all("Classifier") or ()) > 5
    links = LINK.findall(str(metadata.get_payload()))
    assert links
    assert [link for link in links if not link.startswith("https://")] == []


def test_each_link_into_the_repository_is_to_a_file_that_there_is() -> None:
    base = "https://github.com/staticfire/staticfire/blob/main/"
    links = LINK.findall((ROOT / "docs/pypi.md").read_text(encoding="utf-8"))
    files = [link.removeprefix(base) for link in links if link.startswith(base)]
    assert files
    assert [file for file in files if not (ROOT / file).exists()] == []
