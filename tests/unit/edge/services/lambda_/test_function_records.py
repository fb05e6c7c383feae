"""What is under way is told until it is over, whoever asks then, and whatever was killed meanwhile."""

from __future__ import annotations

import pytest

from staticfire.edge.services.lambda_.function_records import being_created, being_updated, settled, version_id


def test_a_new_configuration_is_pending_and_becomes_active_with_another_revision(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = being_created({"FunctionName": "f"})
    assert settled(made) is made
    assert (made["State"], made["StateReasonCode"]) == ("Pending", "Creating")
    assert "LastUpdateStatus" not in made
    at = made["at"]
    monkeypatch.setattr("time.time", lambda: at + 0.001)
    over = settled(made)
    assert over.pop("RevisionId") != made["RevisionId"]
    assert over == {"FunctionName": "f", "State": "Active", "LastUpdateStatus": "Successful"}


def test_a_change_is_in_progress_while_the_function_is_active() -> None:
    changed = being_updated({"FunctionName": "f", "State": "Active", "LastUpdateStatus": "Successful"})
    assert (changed["State"], changed["LastUpdateStatus"]) == ("Active", "InProgress")
    assert changed["LastUpdateStatusReason"] == "The function is being created."


def test_versions_sort_by_their_numbers() -> None:
    ids = [version_id(10), version_id(9), version_id("100")]
    assert sorted(ids) == [version_id(9), version_id(10), version_id(100)]
