"""A change to MiniStack's code is made to the text that it was written for, or not at all."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from staticfire.edge.emulators.in_ministack import upstream

SOURCE = """
def doubled(number):
    # Twice.
    result = number * 2
    return result

def fails():
    return 1 / 0
"""


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A module as MiniStack has them."""
    (tmp_path / "some_service.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    module: ModuleType = importlib.import_module("some_service")
    yield module
    del sys.modules["some_service"]


def test_a_hunk_takes_the_place_of_its_text_and_sees_its_helper(service: Any) -> None:
    upstream.edit(service, "doubled", ("number * 2", "_times(number, 3)"), _times=lambda one, other: one * other)
    assert service.doubled(5) == 15


def test_lines_of_what_was_edited_are_near_those_of_the_file(service: Any) -> None:
    upstream.edit(service, "fails", ("1 / 0", "2 / 0"))
    with pytest.raises(ZeroDivisionError) as failure:
        service.fails()
    assert failure.traceback[-1].lineno + 1 == SOURCE.splitlines().index("    return 1 / 0") + 1


@pytest.mark.parametrize("hunk", ["number * 4", "number"])
def test_a_text_that_is_not_there_once_is_refused(service: Any, hunk: str) -> None:
    before = service.doubled
    with pytest.raises(upstream.UpstreamChanged, match=r"some_service\.doubled has this (0|2) times") as refused:
        upstream.edit(service, "doubled", (hunk, "0"))
    assert hunk in str(refused.value)
    assert "compare the two" in str(refused.value)
    assert service.doubled is before


def test_a_function_that_is_gone_is_refused(service: Any) -> None:
    with pytest.raises(upstream.UpstreamChanged, match=r"some_service\.tripled is gone"):
        upstream.edit(service, "tripled", ("a", "b"))
    with pytest.raises(upstream.UpstreamChanged, match=r"some_service\.tripled is gone"):
        upstream.unchanged(service, {"tripled": "0"})


def test_a_helper_takes_the_place_of_nothing(service: Any) -> None:
    with pytest.raises(upstream.UpstreamChanged, match="helper"):
        upstream.edit(service, "doubled", ("number * 2", "3"), fails=lambda: 0)


def test_a_function_is_known_by_its_text(service: Any) -> None:
    upstream.unchanged(service, {"doubled": upstream.digest(service.doubled)})
    with pytest.raises(upstream.UpstreamChanged, match=r"some_service\.doubled has the digest \w+, not 0123"):
        upstream.unchanged(service, {"doubled": "0123"})
