"""State machines as their users meet them: what they log of their executions, work that an activity hands out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from tests.integration.edge.kit import Edge, eventually

ROLE = "arn:aws:iam::100000000001:role/machine"
DEFINITION = {
    "StartAt": "Greet",
    "States": {
        "Greet": {"Type": "Pass", "Result": {"said": "hello"}, "Next": "Which"},
        "Which": {"Type": "Fail", "Error": "Refused", "Cause": "it is a test"},
    },
}
EVERY = ["ExecutionStarted", "PassStateEntered", "PassStateExited", "FailStateEntered", "ExecutionFailed"]


@pytest.fixture(scope="module")
def edge(ministack_python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    edge = Edge(ministack_python, tmp_path_factory.mktemp("edge"))
    yield edge
    edge.end()


@pytest.fixture(autouse=True)
def _one_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DISABLE_HOST_PREFIX_INJECTION", "true")  # as `staticfire env` exports it


@pytest.mark.parametrize(
    ("level", "with_data", "kinds"),
    [
        (
            "ALL",
            True,
            ["ExecutionStarted", "PassStateEntered", "PassStateExited", "FailStateEntered", "ExecutionFailed"],
        ),
        ("ERROR", False, ["ExecutionFailed"]),
        ("FATAL", True, ["ExecutionFailed"]),
    ],
)
@pytest.mark.parametrize("kind", ["STANDARD", "EXPRESS"])
def test_an_execution_is_logged_by_level(edge: Edge, kind: str, level: str, with_data: bool, kinds: list[str]) -> None:
    logs, states = edge.client("logs"), edge.client("stepfunctions")
    name = f"{kind}-{level}".lower()
    group = f"/aws/vendedlogs/states/{name}"
    logs.create_log_group(logGroupName=group)
    arn = f"arn:aws:logs:eu-west-1:100000000001:log-group:{group}:*"
    machine = states.create_state_machine(
        name=name,
        type=kind,
        roleArn=ROLE,
        definition=json.dumps(DEFINITION),
        loggingConfiguration={
            "level": level,
            "includeExecutionData": with_data,
            "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": arn}}],
        },
    )["stateMachineArn"]
    run = states.start_execution if kind == "STANDARD" else states.start_sync_execution
    execution = run(stateMachineArn=machine, input='{"n": 1}')["executionArn"]

    def lines() -> list[dict[str, Any]]:
        said = [json.loads(event["message"]) for event in logs.filter_log_events(logGroupName=group)["events"]]
        return said if said and said[-1]["type"] == "ExecutionFailed" else []

    written = eventually(lines)
    assert [one["type"] for one in written] == kinds
    assert {one["execution_arn"] for one in written} == {execution}
    assert written[-1]["details"] == {"error": "Refused", "cause": "it is a test"}
    assert written[0].get("details", {}).get("input") == ('{"n": 1}' if level == "ALL" else None)
    [stream] = logs.describe_log_streams(logGroupName=group)["logStreams"]
    assert stream["logStreamName"].startswith(f"states/{name}/")


def test_what_logs_nothing_writes_nothing(edge: Edge) -> None:
    logs, states = edge.client("logs"), edge.client("stepfunctions")
    logs.create_log_group(logGroupName="silent")
    machine = states.create_state_machine(
        name="silent", type="EXPRESS", roleArn=ROLE, definition=json.dumps(DEFINITION)
    )
    assert states.start_sync_execution(stateMachineArn=machine["stateMachineArn"])["status"] == "FAILED"
    assert logs.filter_log_events(logGroupName="silent")["events"] == []


def test_an_activity_hands_its_work_out_and_takes_the_result(edge: Edge) -> None:
    states = edge.client("stepfunctions")
    activity = states.create_activity(name="by-hand")["activityArn"]
    task = {"Type": "Task", "Resource": activity, "End": True}
    definition = json.dumps({"StartAt": "Ask", "States": {"Ask": task}})
    machine = states.create_state_machine(name="asks", roleArn=ROLE, definition=definition)["stateMachineArn"]
    outcomes = {}
    for number in (1, 2):
        execution = states.start_execution(stateMachineArn=machine, input=json.dumps({"n": number}))["executionArn"]
        work = states.get_activity_task(activityArn=activity, workerName="test")
        assert json.loads(work["input"]) == {"n": number}
        if number == 1:
            states.send_task_success(taskToken=work["taskToken"], output='{"done": true}')
        else:
            states.send_task_failure(taskToken=work["taskToken"], error="Refused", cause="no")
        outcomes[number] = eventually(partial(ended, states, execution))
    assert (outcomes[1]["status"], outcomes[1]["output"]) == ("SUCCEEDED", '{"done": true}')
    assert (outcomes[2]["status"], outcomes[2]["error"], outcomes[2]["cause"]) == ("FAILED", "Refused", "no")


def ended(states: Any, execution: str) -> dict[str, Any] | None:
    described = dict(states.describe_execution(executionArn=execution))
    return described if described["status"] != "RUNNING" else None
