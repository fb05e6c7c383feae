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


def test_a_brief_step_is_shown_only_when_it_takes_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "BRIEF_SECONDS", 600.0)
    out = io.StringIO()
    with Progress(stream=out).step("Packages", brief=True) as step:
        step.done("two zips")
    assert out.getvalue() == ""

    monkeypatch.setattr(progress, "BRIEF_SECONDS", 0.01)
    with Progress(stream=out).step("Packages", brief=True) as step:
        assert wait_until(lambda: "Packages ..." in out.getvalue(), 30)
        step.done("two zips")
    assert "Packages: two zips (" in out.getvalue()


def test_a_brief_step_that_fails_says_so_and_a_verbose_run_shows_all() -> None:
    out = io.StringIO()
    with pytest.raises(RuntimeError), Progress(stream=out).step("Packages", brief=True):
        raise RuntimeError
    with Progress(stream=out, verbose=True).step("Edge", brief=True):
        pass
    assert "Packages: failed after" in out.getvalue()
    assert "Edge ..." in out.getvalue()
    assert "Edge: done (" in out.getvalue()
