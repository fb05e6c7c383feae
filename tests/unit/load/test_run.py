"""What a load run keeps when a part of it fails, and what it says of it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from botocore.exceptions import EndpointConnectionError

from staticfire.load import breakdown, run
from staticfire.load.integrity import Books, Integrity
from staticfire.progress import Progress
from staticfire.settings import Breakdown, LoadSettings
from staticfire.stacks.stack import Stack


def test_a_breakdown_that_aws_refuses_is_a_failure_of_the_run_and_not_its_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refused(*_: object) -> None:
        raise EndpointConnectionError(endpoint_url="http://127.0.0.1:1")

    monkeypatch.setattr(breakdown, "measure", refused)
    described = LoadSettings(tmp_path / "shop.py", breakdown=Breakdown("function", "shop", ()))
    troubles = run.Troubles()
    assert run._breakdown(cast(Stack, None), described, 1, tmp_path, troubles, Progress()) == ()
    [failure] = troubles.failures
    assert failure.startswith("breakdown: ")
    assert "http://127.0.0.1:1" in failure


@pytest.fixture(autouse=True)
def no_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    """These books ask no stack."""
    monkeypatch.setattr(run, "StackUnderTest", lambda *_: None)


def judged(directory: Path, check: str) -> tuple[Integrity | None, run.Troubles]:
    file = directory / "books.py"
    file.write_text(
        "from staticfire.load.integrity import Integrity\n"
        "def baseline(stack):\n    return {}\n"
        f"def check(journal, stack, before):\n    {check}\n"
    )
    (directory / run.BASELINE).write_text("{}")
    troubles = run.Troubles()
    stack = cast(Stack, SimpleNamespace(name="shop"))
    return run._integrity(stack, Books(file), directory, troubles, Progress()), troubles


def test_books_that_cannot_be_read_are_no_failure_and_the_later_check_is_named(tmp_path: Path) -> None:
    verdict, troubles = judged(tmp_path, "raise ConnectionRefusedError('nobody there')")
    assert verdict is None
    assert troubles.failures == []
    [reason] = troubles.unknown
    assert "nobody there" in reason
    assert f"`staticfire load shop --check {tmp_path}`" in reason


def test_a_loss_is_a_failure_and_earlier_drift_a_warning(tmp_path: Path) -> None:
    verdict, troubles = judged(tmp_path, "return Integrity(writes=2, acknowledged=2, lost=1, earlier_drift=3)")
    assert verdict is not None
    assert [failure.partition(":")[0] for failure in troubles.failures] == ["integrity"]
    [warning] = troubles.warnings
    assert warning.startswith("3 sums had drifted before the run began")
