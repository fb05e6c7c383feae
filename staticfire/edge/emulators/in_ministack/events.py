"""EventBridge and its Scheduler: a bus may be named by its ARN; targets may be a group of CloudWatch Logs, a stream of
Kinesis or of Firehose; a schedule's event has the source and the type that it names, and what it says of itself; what
cannot be delivered goes to the target's dead-letter queue (undelivered.py)."""

from __future__ import annotations

import base64
import json
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from . import undelivered

# The operations whose `EventBusName` is a name or an ARN, by AWS's model.
_OF_A_BUS = (
    "delete_rule",
    "describe_rule",
    "disable_rule",
    "enable_rule",
    "list_rule_names_by_target",
    "list_rules",
    "list_targets_by_rule",
    "put_rule",
    "put_targets",
    "remove_targets",
)

Handler = Callable[[dict[str, Any]], Any]


def correct() -> None:
    from ministack.services import eventbridge

    for operation in _OF_A_BUS:
        handler = getattr(eventbridge, f"_{operation}")
        setattr(eventbridge, f"_{operation}", _by_name(handler, "EventBusName"))
    eventbridge._describe_event_bus = _by_name(eventbridge._describe_event_bus, "Name")
    _deliver_more()


def _by_name(handler: Handler, member: str) -> Handler:
    """The operation, with the bus' name in the place of its ARN."""
    from ministack.core.responses import error_response_json
    from ministack.services import eventbridge

    def handle(data: dict[str, Any]) -> Any:
        if data.get(member):
            name, error = eventbridge._event_bus_name_from_ref(data[member])
            if error:
                return error_response_json(*error, 400)
            data = {**data, member: name}
        return handler(data)

    return handle


def _deliver_more() -> None:
    from ministack.services import eventbridge

    invoke, to_function, local = eventbridge._invoke_target, eventbridge._dispatch_to_lambda, threading.local()
    deliveries = {"logs": _to_logs, "kinesis": _to_kinesis, "firehose": _to_firehose}
    retries = undelivered.Retries()

    def dispatch_to_lambda(arn: str, payload: str) -> None:
        local.failed = to_function(arn, payload, local.cause)

    def deliver(target: dict[str, Any], event: Any, rule: Any, view: Any) -> Any:
        """What came in the way, if something did."""
        arn = _parsed(target.get("Arn", ""))
        failure = undelivered.unreachable(arn)
        if failure is not None:
            return failure
        if arn.service in deliveries and eventbridge._target_matches_request_scope(arn):
            lost = deliveries[arn.service](arn, target, rule, view or eventbridge._pattern_event_view(event))
            return undelivered.refused(lost) if lost else None
        local.failed, local.cause = "", _cause(event, rule)
        invoke(target, event, rule, view)
        return undelivered.not_invoked(arn, local.failed) if local.failed else None

    def invoke_target(target: dict[str, Any], event: Any, rule: Any, view: Any = None) -> None:
        if "GroupName" not in rule:  # a rule: each schedule has one
            failure = deliver(target, event, rule, view)
            if failure is not None:
                view = view or eventbridge._pattern_event_view(event)
                undelivered.of_a_rule(failure, rule, target, view.event_with_detail())
            return

        def attempt(number: int) -> Any:
            made, described = _scheduled(target, event, rule, number)
            view = eventbridge._pattern_event_view(described)
            payload = target.get("Input") and (made.get("Input") or described.get("Detail"))
            return deliver(made, described, rule, None), payload or json.dumps(view.event_with_detail())

        retries.deliver(rule, target, attempt)

    eventbridge._dispatch_to_lambda = dispatch_to_lambda
    eventbridge._invoke_target = invoke_target


def _cause(event: dict[str, Any], rule: Any) -> dict[str, str]:
    """What a target is invoked by: with an input of its own the event that it gets does not say it."""
    scheduled = "GroupName" in rule or event.get("DetailType") == "Scheduled Event"
    by = "schedule" if scheduled else "events"
    return {"by": by, "arn": rule.get("Arn", ""), "event": event.get("EventId", "")}


def _parsed(arn: str) -> Any:
    from ministack.core.arn import ArnParseError, parse_arn

    try:
        return parse_arn(arn)
    except ArnParseError:
        return None


def _scheduled(
    target: dict[str, Any], event: dict[str, Any], schedule: Any, attempt: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A schedule's target and its event, as the Scheduler has them.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
    https://docs.aws.amazon.com/scheduler/latest/APIReference/API_EventBridgeParameters.html
    """
    if target.get("Input"):
        text = target["Input"]
        of_itself = {
            "schedule-arn": schedule.get("Arn", ""),
            "scheduled-time": datetime.fromtimestamp(event["Time"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "execution-id": str(uuid.uuid4()),
            "attempt-number": str(attempt),
        }
        for name, value in of_itself.items():
            text = text.replace(f"<aws.scheduler.{name}>", value)
        target = {**target, "Input": text}
    to_a_bus = target.get("EventBridgeParameters")
    if to_a_bus:
        event = {**event, "Source": to_a_bus["Source"], "DetailType": to_a_bus["DetailType"]}
        event["Detail"] = target.get("Input") or "{}"
        target = {name: value for name, value in target.items() if name != "Input"}
    return target, event


def _to_logs(arn: Any, target: dict[str, Any], rule: Any, view: Any) -> str:
    """Each event is a line in a stream of its own; why it is lost, if it is.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cloudwatch-logs.html: an input transformer makes
    `{"timestamp": ..., "message": ...}`: the message is the line then.
    """
    group = arn.resource.removeprefix("log-group:").removesuffix(":*")
    return "" if _write(group, *_line(target, rule, view)) else f"there is no log group {group}"


def _to_kinesis(arn: Any, target: dict[str, Any], rule: Any, view: Any) -> str:
    from ministack.services import kinesis

    said = target.get("KinesisParameters") or {}
    event = view.event_with_detail()
    key = said.get("PartitionKey") or event["id"]
    if said.get("PartitionKeyPath"):
        at = _at(event, said["PartitionKeyPath"])
        key = event["id"] if at is event else str(at)
    record = {
        "StreamName": arn.resource.removeprefix("stream/"),
        "PartitionKey": key,
        "Data": _data(target, rule, view),
    }
    return _refused(kinesis._put_record(record))


def _to_firehose(arn: Any, target: dict[str, Any], rule: Any, view: Any) -> str:
    from ministack.services import firehose

    stream, record = arn.resource.removeprefix("deliverystream/"), {"Data": _data(target, rule, view)}
    return _refused(firehose._put_record({"DeliveryStreamName": stream, "Record": record}))


def _data(target: dict[str, Any], rule: Any, view: Any) -> str:
    return base64.b64encode(_input(target, rule, view).encode()).decode()


def _refused(answer: Any) -> str:
    status, _, body = answer
    return "" if status < 300 else body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body)


def _input(target: dict[str, Any], rule: Any, view: Any) -> str:
    """The text that a target gets."""
    from ministack.services import eventbridge

    event = view.event_with_detail()
    if target.get("Input"):
        return str(target["Input"])
    if target.get("InputPath"):
        return json.dumps(_at(event, target["InputPath"]))
    if not target.get("InputTransformer"):
        return json.dumps(event)
    return str(eventbridge._apply_input_transformer(target["InputTransformer"], rule, view))


def _line(target: dict[str, Any], rule: Any, view: Any) -> tuple[str, int | None]:
    """The line that a group gets, and its time where the input tells one."""
    text = _input(target, rule, view)
    if target.get("Input") or target.get("InputPath") or not target.get("InputTransformer"):
        return text, None
    try:
        made = json.loads(text)
    except ValueError:
        return text, None
    if not isinstance(made, dict) or "message" not in made:
        return text, None
    message, time = made["message"], str(made.get("timestamp"))
    return message if isinstance(message, str) else json.dumps(message), int(time) if time.isdigit() else None


def _at(event: Any, path: str) -> Any:
    """What the path leads to; the whole event when it leads nowhere, as MiniStack does for other targets."""
    value = event
    for part in filter(None, path.removeprefix("$").split(".")):
        if not isinstance(value, dict) or part not in value:
            return event
        value = value[part]
    return value


def _write(group: str, line: str, time: int | None) -> bool:
    from ministack.services import cloudwatch_logs

    stream = {"logGroupName": group, "logStreamName": str(uuid.uuid4())}
    if group not in cloudwatch_logs._log_groups:
        return False
    cloudwatch_logs._create_log_stream(stream)
    event = {"message": line} if time is None else {"message": line, "timestamp": time}
    cloudwatch_logs._put_log_events({**stream, "logEvents": [event]})
    return True
