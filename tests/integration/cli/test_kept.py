"""`up`, `down`, `up` and `snapshot`, as a user calls them, with data in every store."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.integration.cli.kept_project import Project, greeting


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """One for all: what a test finds applied, its `up` does not apply again."""
    project = Project(tmp_path_factory.mktemp("kept"))
    project.variables["STATICFIRE_PORT"] = "4793"
    yield project
    project.run("down", "--wipe")


def test_up_down_up_applies_nothing_and_every_store_is_as_it_was(project: Project) -> None:
    first, _ = project.up()
    project.fill("kept")
    before = project.held()
    assert greeting(first) == "hello"
    project.run("down")
    assert project.place.describe() is None
    second, said = project.up()
    assert "Apply shop: nothing changed" in said
    assert (second["stacks"], second["apis"]) == (first["stacks"], first["apis"])
    assert project.held() == before
    assert greeting(second) == "hello"
    assert second["notes"] == first["notes"]


def test_a_snapshot_brings_every_store_back_and_what_is_refused_changes_nothing(project: Project) -> None:
    project.up()
    project.fill("old")
    old = project.held()
    project.run("snapshot", "save", "one")
    project.fill("new")
    new = project.held()
    assert new != old

    for arguments, code in (
        (("save", "one"), 2),
        (("save", "../out"), 2),
        (("save", ""), 2),
        (("load", "none"), 2),
        (("delete", "none"), 2),
    ):
        assert "remedy" in project.run("snapshot", *arguments, code=code)[1]
    state = project.directory / ".staticfire" / "snapshots" / "one" / "ministack" / "kept" / "state"
    whole = state.read_bytes()
    state.write_bytes(whole[:-1])
    assert "damaged" in project.run("snapshot", "load", "one", code=1)[1]
    state.write_bytes(whole)
    assert project.held() == new

    project.run("snapshot", "load", "one")
    assert project.held() == old
    project.run("snapshot", "save", "two")
    project.run("down")
    project.run("snapshot", "save", "one", "--force")
    listed = json.loads(project.run("snapshot", "list", "--json")[0])["snapshots"]
    assert [row["name"] for row in listed] == ["one", "two"]
    assert "Nothing was running" in project.run("snapshot", "load", "two")[1]
    summary, _ = project.up()
    assert project.held() == old
    assert greeting(summary) == "hello"
    assert "one" in project.run("snapshot", "delete", "one")[0]
    said = project.run("down", "--wipe")[1]
    assert "Snapshots stay" in said
    project.up()
    assert project.aws("dynamodb").scan(TableName="items")["Count"] == 0
    project.run("snapshot", "load", "two")
    assert project.held() == old


RUN = """
def test_begins_with_it(aws, postgres, api):
    assert aws("dynamodb").get_item(TableName="items", Key={"id": {"S": "a"}})["Item"]["text"] == {"S": "kept"}
    assert postgres.run("SELECT text FROM texts") == [["kept"]]
    assert api.get("/").body == b"hello"
    aws("dynamodb").delete_item(TableName="items", Key={"id": {"S": "a"}})
"""


def test_a_pytest_run_begins_with_a_snapshot_and_changes_it_not(project: Project) -> None:
    project.up()
    project.fill("kept")
    project.run("snapshot", "save", "one")
    project.run("down")
    (project.directory / "test_run.py").write_text(RUN)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--staticfire-snapshot=one"]
    for _ in range(2):
        run = subprocess.run(
            command,
            cwd=project.directory,
            env=project.variables,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
        assert "1 passed" in run.stdout, run.stdout + run.stderr


def test_where_nothing_is_kept_a_snapshot_is_refused(project: Project) -> None:
    for command in (["save", "a"], ["load", "a"], ["list"], ["delete", "a"]):
        project.variables["STATICFIRE_TARGET"] = "compose"
        assert "embedded" in project.run("snapshot", *command, code=2)[1]
    project.variables["STATICFIRE_TARGET"] = "embedded"
