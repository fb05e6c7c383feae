"""Alarms: the function made to fail from outside, the mail that says so, and that it is over."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator

import pytest

from scenarios.tasks.kit import Task
from staticfire.testing.kit import (
    AccountFaults,
    AccountFunctions,
    AccountMailbox,
    ApiClient,
    AwsClients,
    FunctionFailed,
    StackUnderTest,
    wait_until,
)

PERIODS = 90.0  # seconds that an alarm may take: a few of its periods, on a busy machine
RECIPIENT = "ops@example.com"
States = Callable[..., list[str]]
Watch = Callable[[str], str]


@pytest.fixture
def errors(staticfire_stack_name: str) -> str:
    return f"{staticfire_stack_name}-LambdaErrorAlarm"


@pytest.fixture
def duration(staticfire_stack_name: str) -> str:
    return f"{staticfire_stack_name}-LambdaDurationAlarm"


@pytest.fixture
def states(aws: AwsClients) -> States:
    """The states of alarms by name."""

    def of(*names: str) -> list[str]:
        alarms = aws("cloudwatch").describe_alarms(AlarmNames=names)["MetricAlarms"]
        return [alarm["StateValue"] for alarm in sorted(alarms, key=lambda alarm: names.index(alarm["AlarmName"]))]

    return of


@pytest.fixture
def stranger(aws: AwsClients, functions: AccountFunctions, staticfire_stack: StackUnderTest) -> Iterator[str]:
    """Another function of the account, which fails whenever it is invoked."""
    name = "stranger"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("stranger.py", "def handler(event, context):\n    raise ValueError('as ever')\n")
    aws("lambda").create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="stranger.handler",
        Role=aws("lambda").get_function_configuration(FunctionName=staticfire_stack.outputs["api_function_name"])[
            "Role"
        ],
        Code={"ZipFile": packed.getvalue()},
    )
    yield name
    aws("lambda").delete_function(FunctionName=name)


@pytest.fixture
def watch(aws: AwsClients, errors: str) -> Iterator[Watch]:
    """An alarm like the error alarm, on another function."""
    made: list[str] = []

    def make(function: str) -> str:
        [like] = aws("cloudwatch").describe_alarms(AlarmNames=[errors])["MetricAlarms"]
        kept = (
            "Namespace",
            "MetricName",
            "Statistic",
            "Period",
            "EvaluationPeriods",
            "Threshold",
            "ComparisonOperator",
        )
        alarm = {name: like[name] for name in (*kept, "TreatMissingData")}
        dimensions = [{"Name": "FunctionName", "Value": function}]
        aws("cloudwatch").put_metric_alarm(AlarmName=f"{function}-errors", Dimensions=dimensions, **alarm)
        made.append(f"{function}-errors")
        return made[-1]

    yield make
    aws("cloudwatch").delete_alarms(AlarmNames=made)


def changes_of(aws: AwsClients, alarm: str) -> list[str]:
    """The states that an alarm went to, in the order of time."""
    history = aws("cloudwatch").describe_alarm_history(AlarmName=alarm, HistoryItemType="StateUpdate")
    items = sorted(history["AlarmHistoryItems"], key=lambda item: item["Timestamp"])
    return [item["HistorySummary"].rpartition(" ")[2] for item in items]


def test_another_functions_errors_do_not_set_off_the_alarm(
    aws: AwsClients, functions: AccountFunctions, stranger: str, states: States, watch: Watch, errors: str
) -> None:
    wait_until(lambda: states(errors) == ["OK"], "the alarm at rest", PERIODS)
    before = changes_of(aws, errors)

    watched = watch(stranger)
    with pytest.raises(FunctionFailed, match="as ever"):
        functions.invoke(stranger)

    wait_until(lambda: states(watched) == ["ALARM"], "the stranger's own alarm", PERIODS)
    assert states(errors) == ["OK"]
    assert changes_of(aws, errors) == before


def test_errors_and_slowness_set_off_their_alarms_are_mailed_once_and_are_over_again(
    api: ApiClient,
    aws: AwsClients,
    faults: AccountFaults,
    mailbox: AccountMailbox,
    states: States,
    task: Task,
    errors: str,
    duration: str,
) -> None:
    wait_until(lambda: states(errors, duration) == ["OK", "OK"], "the alarms at rest", PERIODS)
    mailbox.empty()

    with (
        faults("dynamodb", "Query", kind="error", status=400, code="ValidationException"),
        faults("dynamodb", "GetItem", kind="delay", seconds=1.2, times=1),
    ):
        failed = api.get("/tasks")
        assert api.get(f"/tasks/{task['id']}").status == 200
    # A REST API says it otherwise than an HTTP API.
    assert (failed.status, failed.json()["message"].lower()) in (
        (500, "internal server error"),
        (502, "internal server error"),
    )

    for alarm in (errors, duration):
        mail = mailbox.wait(to=RECIPIENT, subject=f'ALARM: "{alarm}"', patience=PERIODS)
        assert "- State Change: OK -> ALARM" in mail["text"].splitlines()
        assert "Threshold Crossed" in mail["text"]
    # A period in which all went well ends it at once; without traffic the last datapoints count for some more.
    wait_until(
        lambda: api.get(f"/tasks/{task['id']}").status == 200 and len(mailbox(to=RECIPIENT, subject="OK: ")) == 2,
        "mails that it is over",
        PERIODS,
    )
    assert states(errors, duration) == ["OK", "OK"]
    assert len(mailbox(to=RECIPIENT)) == 4
    for alarm in (errors, duration):
        assert changes_of(aws, alarm)[-2:] == ["ALARM", "OK"]
