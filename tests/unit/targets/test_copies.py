"""A copy is whole or not seen; a load that is cut off anywhere leaves the parts of one copy, and says of which."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from staticfire.errors import UsageError
from staticfire.layout import Layout
from staticfire.settings import Settings
from staticfire.targets import copies as module
from staticfire.targets.copies import Copies, snapshot_named, snapshot_place, snapshots

PARTS = ("ministack/state", "edge.sqlite", "applied", "mail.jsonl", "functions/zips")
FILES = ("ministack/state/key.pem", "applied/0/shop.json", "functions/zips/a.zip")


class Crash(BaseException):
    """What no program sees of a kill -9."""


def fill(settings: Settings, text: str) -> None:
    state = Layout.of(settings).state
    for name in FILES:
        (state / name).parent.mkdir(parents=True, exist_ok=True)
        (state / name).unlink(missing_ok=True)  # what is named after its content is never written to again
        (state / name).write_text(text)
    with contextlib.closing(sqlite3.connect(state / "edge.sqlite")) as store:
        store.execute("CREATE TABLE IF NOT EXISTS said (text)")
        store.execute("DELETE FROM said")
        store.execute("INSERT INTO said VALUES (?)", (text,))
        store.commit()


def held(settings: Settings) -> set[str]:
    """What the parts say, each of them."""
    state = Layout.of(settings).state
    said = {(state / name).read_text() for name in FILES}
    with contextlib.closing(sqlite3.connect(state / "edge.sqlite")) as store:
        return said | {row[0] for row in store.execute("SELECT text FROM said")}


@pytest.fixture
def taken(project: Callable[[str], Settings]) -> tuple[Copies, Path]:
    """A copy that says `old`; what is there says `new`, and has a part that the copy has not."""
    settings = project("")
    copies = Copies(settings)
    fill(settings, "old")
    place = snapshot_place(settings, "one")
    copies.take(place, PARTS)
    fill(settings, "new")
    (Layout.of(settings).state / "mail.jsonl").write_text("new")
    return copies, place


def test_a_copy_brings_back_what_was_there_and_not_what_was_not(taken: tuple[Copies, Path]) -> None:
    copies, place = taken
    copies.stage(place)
    assert held(copies.settings) == {"new"}
    copies.put(place, "said")
    assert held(copies.settings) == {"old"}
    state = Layout.of(copies.settings).state
    assert not (state / "mail.jsonl").exists()
    assert (state / ".mail.jsonl.outgoing").read_text() == "new"
    copies.sweep()
    assert not list(state.rglob("*.outgoing"))
    assert copies.finish() == ""
    fill(copies.settings, "newer")  # what was brought back is not the copy itself
    copies.stage(place)
    copies.put(place, "said")
    assert held(copies.settings) == {"old"}


@pytest.mark.parametrize("step", range(12))
def test_a_load_that_is_cut_off_is_of_one_copy(
    taken: tuple[Copies, Path], monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    copies, place = taken
    copies.stage(place)
    calls = 0

    def crashing(do: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls > step:
                raise Crash
            return do(*arguments)

        return call

    with monkeypatch.context() as patched, contextlib.suppress(Crash):
        patched.setattr(module, "_remove", crashing(module._remove))
        patched.setattr(module, "_put_aside", crashing(module._put_aside))
        patched.setattr(os, "renames", crashing(os.renames))
        copies.put(place, "it is loaded now")
    crashed = calls > step
    assert copies.finish() == ("it is loaded now" if crashed else "")
    copies.sweep()
    assert held(copies.settings) == {"old"}
    state = Layout.of(copies.settings).state
    assert not (state / "mail.jsonl").exists()
    assert not list(state.rglob("*.outgoing"))


def test_a_load_that_is_cut_off_before_its_journal_has_changed_nothing(taken: tuple[Copies, Path]) -> None:
    copies, place = taken
    copies.stage(place)
    assert copies.finish() == ""
    assert held(copies.settings) == {"new"}
    assert not list(Layout.of(copies.settings).state.rglob("*.incoming"))


def test_a_copy_that_is_cut_off_is_not_seen(taken: tuple[Copies, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    copies, _ = taken
    with monkeypatch.context() as patched, contextlib.suppress(Crash):
        patched.setattr(module, "write_json", lambda *arguments: (_ for _ in ()).throw(Crash))
        copies.take(snapshot_place(copies.settings, "two"), PARTS)
    assert [path.name for path in snapshots(copies.settings)] == ["one"]
    with pytest.raises(UsageError, match="no snapshot 'two'"):
        snapshot_named(copies.settings, "two")


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "a/b", "../a", "-a", "a b", "a\n", "x" * 101])
def test_a_name_that_could_lead_elsewhere_is_refused(project: Callable[[str], Settings], name: str) -> None:
    with pytest.raises(UsageError, match="cannot be named"):
        snapshot_place(project(""), name)


def test_an_apply_that_was_cut_off_is_undone_once(taken: tuple[Copies, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    copies, _ = taken
    monkeypatch.setattr(module, "emulator_version", lambda layout: "1")
    copies.take(Layout.of(copies.settings).before_apply, module.EMULATOR)
    fill(copies.settings, "half")
    assert "cut off" in copies.roll_back()
    assert held(copies.settings) == {"new"}
    assert copies.roll_back() == ""


def test_what_was_saved_live_and_images_go_with_the_functions(project: Callable[[str], Settings]) -> None:
    """Else functions would have code that nobody knows to put back, and an apply would copy every image first."""
    settings = project("")
    layout, copies = Layout.of(settings), Copies(settings)
    note, blob = layout.live("1", "shop"), layout.state / "images/sha256/ab/abcd"
    for path in (note, blob):
        path.parent.mkdir(parents=True)
        path.write_text("{}")
    place = snapshot_place(settings, "one")
    copies.take(place, module.EMULATOR)
    assert (place / "images/sha256/ab/abcd").samefile(blob)
    note.unlink()
    copies.stage(place)
    copies.put(place, "")
    assert note.read_text() == "{}"
    assert blob.read_text() == "{}"
