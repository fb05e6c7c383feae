from __future__ import annotations

import io

import pytest

from staticfire import progress
from staticfire.host.waiting import wait_until
from staticfire.progress import Progress


def test_a_step_shows_its_begin_and_its_result() -> None:
    out = io.StringIO()
    with Progress(stream=out).step("Packages") as step:
        step.done("two zips")
    begin, end = out.getvalue().splitlines()
    assert begin.endswith("Packages ...")
    assert "Packages: two zips (" in end


def test_a_step_that_fails_says_so_and_lets_the_error_through() -> None:
    out = io.StringIO()
    with pytest.raises(RuntimeError), Progress(stream=out).step("Packages"):
        raise RuntimeError
    assert "Packages: failed after" in out.getvalue()


def test_notes_are_lines_only_when_verbose() -> None:
    for verbose in (False, True):
        out = io.StringIO()
        with Progress(verbose=verbose, stream=out).step("Apply") as step:
            step.note("3/58 table")
        assert ("3/58 table" in out.getvalue()) is verbose


def test_a_silent_step_is_shown_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "HEARTBEAT_SECONDS", 0.01)
    out = io.StringIO()
    with Progress(stream=out).step("Apply") as step:
        step.note("3/58 table")
        assert wait_until(lambda: "Apply: 3/58 table" in out.getvalue(), 30)
