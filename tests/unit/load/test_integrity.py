"""The verdict on a load run's writes, and the project's file that gives it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from staticfire.errors import StaticfireError, UsageError
from staticfire.load.integrity import EXAMPLES, Books, Integrity, examples_of
from staticfire.load.journal import Journal, Writer
from staticfire.load.typed_json import to_json
from staticfire.testing.kit import StackUnderTest

STACK = cast(StackUnderTest, None)


def integrity(acknowledged: int, **counts: Any) -> Integrity:
    return Integrity(writes=2, acknowledged=acknowledged, **counts)


@pytest.mark.parametrize("count", ["lost", "doubled", "unexplained", "drifted_users", "drifted_totals"])
def test_any_loss_doubling_or_drift_is_a_failure(count: str) -> None:
    assert not integrity(2, **{count: 1}).holds


@pytest.mark.parametrize("count", ["unacknowledged_stored", "reconciled_users", "earlier_drift"])
def test_what_was_never_acknowledged_was_mended_or_is_older_is_none(count: str) -> None:
    assert integrity(1, **{count: 1}).holds


def test_the_report_has_the_counts_the_verdict_and_a_few_examples() -> None:
    lost = examples_of("lost", {f"k-{number}": "stored nothing" for number in range(100)})
    document = to_json(Integrity(writes=100, acknowledged=100, lost=100, users=3, examples=lost))

    assert len(document["examples"]) == EXAMPLES
    assert document["examples"][0] == {"count": "lost", "what": "k-0", "found": "stored nothing"}
    assert (document["acknowledged"], document["lost"], document["holds"]) == (100, 100, False)


def test_the_verdict_in_words_names_what_was_found() -> None:
    text = str(Integrity(writes=2, acknowledged=1, lost=1, users=1, examples=examples_of("lost", {"k": "nothing"})))
    assert "1 of 2 writes of 1 users were acknowledged, 1 lost" in text
    assert "lost: k: nothing" in text


def test_the_projects_file_checks(tmp_path: Path) -> None:
    file = tmp_path / "books.py"
    file.write_text(
        "from staticfire.load.integrity import Integrity\n"
        "def check(journal, stack):\n    return Integrity(writes=len(list(journal)), acknowledged=0)\n"
    )
    journal = Journal(tmp_path / "journal")
    Writer(journal.directory).sending({}, 1.0)
    books = Books(file)
    assert books.baseline(STACK) == {}
    assert books.check(journal, STACK, {}) == Integrity(writes=1, acknowledged=0)


def test_a_file_with_a_baseline_gets_it_back(tmp_path: Path) -> None:
    file = tmp_path / "books.py"
    file.write_text(
        "from staticfire.load.integrity import Integrity\n"
        "def baseline(stack):\n    return {'rows': 7}\n"
        "def check(journal, stack, before):\n    return Integrity(writes=before['rows'], acknowledged=0)\n"
    )
    books = Books(file)
    assert books.check(Journal(tmp_path), STACK, books.baseline(STACK)).writes == 7


@pytest.mark.parametrize(
    "error",
    [
        "AssertionError('it failed')",
        "ConnectionRefusedError('it failed')",
        "__import__('pg8000').InterfaceError('it failed')",
    ],
)
def test_a_check_that_meets_what_does_not_run_is_an_error_and_no_verdict(tmp_path: Path, error: str) -> None:
    file = tmp_path / "books.py"
    file.write_text(f"def check(journal, stack):\n    raise {error}\n")
    with pytest.raises(StaticfireError, match="it failed"):
        Books(file).check(Journal(tmp_path), STACK, {})


@pytest.mark.parametrize("content", [None, "", "check = 1"])
def test_a_file_that_cannot_check_is_refused_with_the_remedy(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "books.py"
    if content is not None:
        file.write_text(content)
    with pytest.raises(UsageError, match="remedy"):
        Books(file)
