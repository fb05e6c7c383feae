"""EventBridge: a bus may be named by its ARN, and a rule's target may be a group of CloudWatch Logs."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Callable
from typing import Any

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
    _deliver_to_logs()


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


def _deliver_to_logs() -> None:
    """Each event is a line in a stream of its own.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cloudwatch-logs.html: an input transformer makes
    `{"timestamp": ..., "message": ...}`: the message is the line then.
    """
    from ministack.core.arn import ArnParseError, parse_arn
    from ministack.services import eventbridge

    invoke = eventbridge._invoke_target

    def invoke_target(target: dict[str, Any], event: Any, rule: Any, view: Any = None) -> None:
        try:
            arn = parse_arn(target.get("Arn", ""))
        except ArnParseError:
            arn = None
        if arn is None or arn.service != "logs" or not eventbridge._target_matches_request_scope(arn):
            invoke(target, event, rule, view)
            return
        view = view or eventbridge._pattern_event_view(event)
        group = arn.resource.removeprefix("log-group:").removesuffix(":*")
        if not _write(group, *_line(target, rule, view)):
            print(f"an event of rule {rule.get('Name')} is lost: there is no log group {group}", file=sys.stderr)

    eventbridge._invoke_target = invoke_target


def _line(target: dict[str, Any], rule: Any, view: Any) -> tuple[str, int | None]:
    """The line that a target gets, and its time where the input tells one."""
    from ministack.services import eventbridge

    event = view.event_with_detail()
    if target.get("Input"):
        return target["Input"], None
    if target.get("InputPath"):
        return json.dumps(_at(event, target["InputPath"])), None
    if not target.get("InputTransformer"):
        return json.dumps(event), None
    text = eventbridge._apply_input_transformer(target["InputTransformer"], rule, view)
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
