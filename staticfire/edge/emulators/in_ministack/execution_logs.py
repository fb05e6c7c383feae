"""What state machines log of their executions: MiniStack keeps `loggingConfiguration`, and writes nothing.

An event is logged when it happens, so that one can be followed; by level, and without input and output where the
state machine says so.

https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

DATA = ("input", "output")
FATAL = ("ExecutionAborted", "ExecutionFailed", "ExecutionTimedOut")
ERRORS = ("Aborted", "Failed", "TimedOut")


def correct() -> None:
    from ministack.services import stepfunctions

    add_event, run_execution = stepfunctions._add_event, stepfunctions._run_execution

    def added(execution: dict[str, Any], event_type: str, details: Any = None) -> Any:
        event = add_event(execution, event_type, details)
        write(execution, event)
        return event

    def run(exec_arn: str) -> None:
        execution = stepfunctions._executions.get(exec_arn)
        if execution:
            write(execution, execution["events"][0])
        run_execution(exec_arn)

    def write(execution: dict[str, Any], event: Mapping[str, Any]) -> None:
        machine = stepfunctions._state_machines.get(execution["stateMachineArn"]) or {}
        logging = machine.get("loggingConfiguration") or {}
        if not is_logged(logging.get("level", "OFF"), event["type"]):
            return
        if "logStream" not in execution:
            execution["logStream"] = _stream_name(machine["name"])
        message = line(execution["executionArn"], event, with_data=bool(logging.get("includeExecutionData")))
        for destination in logging.get("destinations") or []:
            arn = (destination.get("cloudWatchLogsLogGroup") or {}).get("logGroupArn", "")
            _put(arn.partition(":log-group:")[2].removesuffix(":*"), execution["logStream"], message)

    stepfunctions._add_event, stepfunctions._run_execution = added, run


def is_logged(level: str, kind: str) -> bool:
    if level == "ERROR":
        return kind.endswith(ERRORS)
    return level == "ALL" or (level == "FATAL" and kind in FATAL)


def line(execution_arn: str, event: Mapping[str, Any], *, with_data: bool) -> str:
    details: dict[str, Any] = {}
    for name, value in event.items():
        if name.endswith("EventDetails"):
            details |= value
    for name in DATA:
        if name in details and not with_data:
            del details[name]
        elif name in details:
            details[f"{name}Details"] = {"truncated": False}
    moment = datetime.fromisoformat(event["timestamp"].replace("Z", "+00:00"))
    return json.dumps(
        {
            "id": str(event["id"]),
            "type": event["type"],
            "details": details,
            "previous_event_id": str(event["id"] - 1),
            "event_timestamp": str(int(moment.timestamp() * 1000)),
            "execution_arn": execution_arn,
        }
    )


def _stream_name(machine: str) -> str:
    return f"states/{machine}/{datetime.now(UTC):%Y-%m-%d-%H-%M}/{uuid.uuid4().hex[:8]}"


def _put(group: str, stream: str, message: str) -> None:
    from ministack.services import cloudwatch_logs

    if group not in cloudwatch_logs._log_groups:
        return  # deleted under a state machine that still names it: as on AWS nothing is logged
    if stream not in cloudwatch_logs._log_groups[group]["streams"]:
        cloudwatch_logs._create_log_stream({"logGroupName": group, "logStreamName": stream})
    moment = int(datetime.now(UTC).timestamp() * 1000)
    cloudwatch_logs._put_log_events(
        {"logGroupName": group, "logStreamName": stream, "logEvents": [{"timestamp": moment, "message": message}]}
    )
