"""What kill -9 of everything leaves, and what the next `up` makes of it."""

from __future__ import annotations

import json
import time

import pytest

from staticfire.host.waiting import wait_until
from tests.integration.cli.kept_project import Project, greeting


@pytest.mark.parametrize("made", [1, 5, 9])
def test_everything_killed_in_the_middle_of_an_apply_is_applied_by_the_next_up(project: Project, made: int) -> None:
    applying = project.start("up", "--json")
    log = project.directory / ".staticfire" / "logs"

    def complete() -> bool:
        text = "".join(path.read_text(errors="replace") for path in log.rglob("*.log") if "terraform" in str(path))
        return applying.poll() is not None or text.count('"apply_complete"') >= made

    assert wait_until(complete, 200)
    assert applying.poll() is None
    project.kill_all(applying)
    summary, said = project.up()
    assert "cut off" in json.dumps(summary["notes"]) + said
    assert greeting(summary) == "hello"
    assert not (project.directory / ".staticfire" / "before-apply").exists()


def test_everything_killed_under_writes_comes_up_with_what_was_saved(project: Project) -> None:
    project.variables["STATICFIRE_PORT"] = "4794"
    project.up()
    project.fill("saved")
    held = project.held()
    running = project.place.describe()
    assert running is not None
    running.edge(timeout=60).save()
    table = project.aws("dynamodb")
    for number in range(50):
        table.put_item(TableName="items", Item={"id": {"S": f"late-{number}"}})
    project.kill_all()
    time.sleep(0.1)
    summary, _ = project.up()
    assert project.held() == held
    missing = 50 - (project.aws("dynamodb").scan(TableName="items")["Count"] - 1)
    assert not missing or "dynamodb" in json.dumps(summary["notes"])
    assert greeting(summary) == "hello"
