"""Event source mappings: filters by AWS's rules, and descriptions with the fields and states that AWS tells."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

# What AWS tells of a stream's mapping that says nothing of it. Each is -1 where it has no limit.
_OF_A_STREAM = {
    "BatchSize": 100,
    "BisectBatchOnFunctionError": False,
    "DestinationConfig": {"OnFailure": {}},
    "MaximumRecordAgeInSeconds": -1,
    "MaximumRetryAttempts": -1,
    "ParallelizationFactor": 1,
    "TumblingWindowInSeconds": 0,
}


def correct() -> None:
    from ministack.services import lambda_svc

    lambda_svc._apply_filter_criteria = _matching
    lambda_svc._create_esm = _created(lambda_svc._create_esm)
    lambda_svc._update_esm = _updated(lambda_svc._update_esm)
    lambda_svc._esm_response = _told(lambda_svc._esm_response)
    lambda_svc._run_sqs_batch = _without_dropped(lambda_svc._run_sqs_batch)


def _matching(records: list[dict[str, Any]], mapping: dict[str, Any]) -> list[dict[str, Any]]:
    """The records that a filter takes: patterns are EventBridge's, and several filters are joined by OR.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
    """
    from ministack.services import eventbridge

    filters = _filters(mapping)
    if not filters:
        return records
    alternatives = [
        alternative for pattern in filters for alternative in eventbridge._compiled_pattern(pattern["Pattern"]) or ()
    ]
    return [
        record
        for record in records
        if any(eventbridge._matches_detail(_filtered(record), alternative) for alternative in alternatives)
    ]


def _filtered(record: dict[str, Any]) -> dict[str, Any]:
    """A record as a pattern sees it: an SQS body or a Kinesis record's data decoded, where it is a JSON document."""
    if "kinesis" in record:
        inner = record["kinesis"]
        data = base64.b64decode(inner.get("data") or "").decode("utf-8", "replace")
        return {**record, **inner, "data": _document(data)}
    if "body" in record:
        return {**record, "body": _document(record["body"])}
    return record


def _document(text: str) -> Any:
    try:
        document = json.loads(text)
    except ValueError:
        return text
    return document if isinstance(document, dict | list) else text


def _without_dropped(run: Callable[..., None]) -> Callable[..., None]:
    """Delete the messages that no filter took, whatever becomes of the others."""
    from ministack.services import sqs

    def run_batch(mapping: Any, function: Any, event: Any, batch: Any, queue_url: str, queue_name: str) -> None:
        taken = {record["messageId"] for record in event["Records"]}
        dropped = {message["receipt_handle"] for message in batch if message["id"] not in taken}
        if dropped:
            sqs._delete_messages_for_esm(queue_url, dropped)
        batch = [message for message in batch if message["id"] in taken]
        run(mapping, function, event, batch, queue_url, queue_name)

    return run_batch


def _filters(document: dict[str, Any]) -> list[dict[str, Any]]:
    return (document.get("FilterCriteria") or {}).get("Filters") or []


def _refused(document: dict[str, Any]) -> Any:
    """AWS's answer to a pattern that is none."""
    from ministack.core.responses import error_response_json
    from ministack.services import eventbridge

    for criterion in _filters(document):
        pattern = criterion.get("Pattern")
        if not pattern or eventbridge._event_pattern_error(pattern):
            return error_response_json("InvalidParameterValueException", "Invalid filter pattern definition.", 400)
    return None


def _created(create: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
    def create_mapping(data: dict[str, Any]) -> Any:
        from ministack.services import lambda_svc

        refused = _refused(data)
        if refused:
            return refused
        of_a_queue = ":sqs:" in data.get("EventSourceArn", "")
        if not of_a_queue:
            data = {**_OF_A_STREAM, **{name: value for name, value in data.items() if value is not None}}
            data["DestinationConfig"] = {"OnFailure": {}, **(data["DestinationConfig"] or {})}
        if not _filters(data):
            data = {name: value for name, value in data.items() if name != "FilterCriteria"}
        status, headers, body = create(data)
        if status >= 300:
            return status, headers, body
        mapping = lambda_svc._esms[json.loads(body)["UUID"]]
        if not of_a_queue:
            mapping["StateTransitionReason"] = "User action"
            mapping["TumblingWindowInSeconds"] = data["TumblingWindowInSeconds"]
        return _as(mapping, "Creating")

    return create_mapping


def _updated(update: Callable[[str, dict[str, Any]], Any]) -> Callable[[str, dict[str, Any]], Any]:
    def update_mapping(uuid: str, data: dict[str, Any]) -> Any:
        from ministack.services import lambda_svc

        refused = _refused(data)
        if refused:
            return refused
        enabled = (lambda_svc._esms.get(uuid) or {}).get("Enabled")
        status, headers, body = update(uuid, data)
        if status >= 300:
            return status, headers, body
        mapping = lambda_svc._esms[uuid]
        if not _filters(mapping):
            mapping.pop("FilterCriteria", None)
        if mapping["Enabled"] == enabled:
            return _as(mapping, "Updating")
        return _as(mapping, "Enabling" if mapping["Enabled"] else "Disabling")

    return update_mapping


def _as(mapping: dict[str, Any], state: str) -> Any:
    """The answer to a write: AWS carries it out afterwards."""
    from ministack.core.responses import json_response
    from ministack.services import lambda_svc

    return json_response({**lambda_svc._esm_response(mapping), "State": state}, 202)


def _told(respond: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """What MiniStack keeps for itself stays with it; the result of the last batch is told of streams only."""

    def response(mapping: dict[str, Any]) -> dict[str, Any]:
        hidden = {"Qualifier", "Tags"}
        if ":sqs:" in mapping.get("EventSourceArn", ""):
            hidden.add("LastProcessingResult")
        return {name: value for name, value in respond(mapping).items() if name not in hidden}

    return response
