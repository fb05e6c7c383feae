"""GitHub's workflows are valid by their published schema, and deploy without stored keys."""

from __future__ import annotations

import configparser
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
ACTIONS = [ROOT / "action.yml", *sorted((ROOT / ".github/actions").glob("*/action.yml"))]


def read(name: str) -> dict[Any, Any]:
    document: dict[Any, Any] = yaml.safe_load((ROOT / ".github/workflows" / name).read_text(encoding="utf-8"))
    return document


def triggers(workflow: dict[Any, Any]) -> dict[str, Any]:
    """YAML 1.1 reads the key `on` as true."""
    events: dict[str, Any] = workflow[True]
    return events


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_is_valid_by_its_published_schema(path: Path) -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_no_workflow_reads_a_stored_key(path: Path) -> None:
    text = path.read_text(encoding="utf-8").lower()
    for forbidden in ("secrets.", "aws-access-key-id", "aws_access_key_id", "aws_secret_access_key"):
        assert forbidden not in text


def test_every_push_and_pull_request_is_tested() -> None:
    on = triggers(read("test.yml"))
    assert {"push", "pull_request", "workflow_call"} <= on.keys()


def test_a_push_runs_every_suite_that_there_is_on_the_oldest_and_the_newest_python() -> None:
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / "tox.ini", encoding="utf-8")
    environments = {name.partition(":")[2] for name in config.sections() if name.startswith("testenv:")}
    jobs = read("test.yml")["jobs"].values()
    matrices = [job["strategy"]["matrix"] for job in jobs]
    rows = [row["suite"] for matrix in matrices for row in matrix.get("include", ())]
    suites = {name for matrix in matrices for suite in [*matrix["suite"], *rows] for name in suite.split(",")}
    assert environments - suites == {"resources"}  # for when the emulator's pin is raised
    assert [step.get("run") for job in jobs for step in job["steps"]].count(".venv/bin/tox -e ${{ matrix.suite }}") == 2
    pythons = re.findall(r"Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    run = {(row["suite"], row["python"]) for matrix in matrices for row in matrix.get("include", ())}
    assert run == {(suite, python) for suite in ("unit", "scenarios") for python in (pythons[0], pythons[-1])}


@pytest.mark.parametrize("path", [*WORKFLOWS, *ACTIONS], ids=lambda path: path.parent.name + "/" + path.name)
def test_an_action_of_others_is_pinned_by_its_digest(path: Path) -> None:
    used = re.findall(r"uses: (\S+)(.*)", path.read_text(encoding="utf-8"))
    of_others = [(name, comment) for name, comment in used if not name.startswith("./")]
    assert all(re.search(r"@[0-9a-f]{40}$", name) and re.search(r"# v\d", comment) for name, comment in of_others), used


def test_only_main_is_deployed_and_only_when_its_tests_pass() -> None:
    deploy = read("deploy.yml")
    assert triggers(deploy) == {"push": {"branches": ["main"]}}
    assert deploy["jobs"]["test"]["uses"] == "./.github/workflows/test.yml"
    assert deploy["jobs"]["deploy"]["needs"] == "test"


def test_the_deployment_alone_may_ask_for_a_role_and_takes_it_by_openid_connect() -> None:
    for path in WORKFLOWS:
        workflow = read(path.name)
        assert workflow["permissions"] == {"contents": "read"}
        asking = [name for name, job in workflow["jobs"].items() if "id-token" in job.get("permissions", {})]
        assert asking == (["deploy"] if path.name == "deploy.yml" else [])
    steps = read("deploy.yml")["jobs"]["deploy"]["steps"]
    [credentials] = [step["with"] for step in steps if "configure-aws-credentials" in step.get("uses", "")]
    assert credentials["role-to-assume"] == "${{ vars.AWS_ROLE_ARN }}"


def test_an_apply_is_never_cut_short_by_the_next_one_and_locks_an_encrypted_state() -> None:
    deploy = read("deploy.yml")
    assert deploy["concurrency"]["cancel-in-progress"] is False
    [initialised] = [
        step["run"] for step in deploy["jobs"]["deploy"]["steps"] if "terraform init" in step.get("run", "")
    ]
    assert "use_lockfile=true" in initialised
    assert "encrypt=true" in initialised


EXAMPLES = re.findall(
    r"^```yaml\n(.*?)^```", (ROOT / "docs/continuous-integration.md").read_text(encoding="utf-8"), re.M | re.S
)


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_of_the_documents_is_a_valid_workflow(example: str, tmp_path: Path) -> None:
    (tmp_path / "example.yml").write_text(example, encoding="utf-8")
    test_a_workflow_is_valid_by_its_published_schema(tmp_path / "example.yml")


def test_actions_are_valid_by_their_published_schema_and_the_inputs_of_ours_are_in_the_document() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-actions"]
    subprocess.run([*command, *map(str, ACTIONS)], check=True)
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    document = (ROOT / "docs/continuous-integration.md").read_text(encoding="utf-8")
    assert [name for name in (*action["inputs"], *action["outputs"]) if f"`{name}`" not in document] == []


def test_each_platform_runs_up_and_the_scenarios() -> None:
    jobs = read("platforms.yml")["jobs"]
    assert jobs["scenarios"]["strategy"]["matrix"]["runner"] == ["ubuntu-24.04", "ubuntu-24.04-arm", "macos-15"]
    commands = [step.get("run", "") for step in jobs["scenarios"]["steps"]]
    assert "make up" in commands
    assert any("scenarios" in command for command in commands)
