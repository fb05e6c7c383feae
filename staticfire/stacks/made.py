"""What Terraform made, as its state has it: every API, function URL, bucket, table, queue, rule, with its address."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

EXECUTE_API = re.compile(
    r"(?:https?|wss?)://([a-z0-9]+)\.execute-api\.(?:[a-z0-9-]+\.amazonaws\.com(?:\.cn)?|localhost(?::\d+)?)(/[^\s\"']*)?"
)
FUNCTION_URL = re.compile(r"https?://([a-z0-9]{32})\.lambda-url\.[a-z0-9-]+\.(?:on\.aws|localhost(?::\d+)?)")
# What is listed by name, the attribute that names it, and how one of them is called.
LISTED: Mapping[str, tuple[str, str]] = {
    "aws_lambda_function": ("function_name", "function"),
    "aws_dynamodb_table": ("name", "table"),
    "aws_s3_bucket": ("bucket", "bucket"),
    "aws_sqs_queue": ("name", "queue"),
    "aws_sns_topic": ("name", "topic"),
    "aws_sfn_state_machine": ("name", "state machine"),
    "aws_kinesis_stream": ("name", "stream"),
    "aws_cloudwatch_event_bus": ("name", "event bus"),
    "aws_cloudwatch_event_rule": ("name", "rule"),
    "aws_scheduler_schedule": ("name", "schedule"),
    "aws_db_instance": ("address", "database"),
}

WITH_URL = ("HTTP API", "REST API", "function URL")
BY_NAME = 4  # so many of a kind are named, more are counted


@dataclass(frozen=True)
class Made:
    """One thing that is there: `kind` (`HTTP API`, `table`), its name, the address it answers at (or an empty text)."""

    kind: str
    name: str
    url: str = ""
    id: str = ""


def made_by(state: Mapping[str, Any], endpoint: str) -> list[Made]:
    """What a state has, in the order of its kinds."""
    return [
        *_http_apis(state, endpoint),
        *_rest_apis(state, endpoint),
        *_function_urls(state, endpoint),
        *_listed(state),
    ]


def stage_url(endpoint: str, api_id: str, stage: str) -> str:
    """Ready to be pasted: a shell would take `$default` for a variable."""
    return f"{endpoint}/_aws/execute-api/{api_id}/{quote(stage, safe='')}"


def _of_type(state: Mapping[str, Any], kind: str) -> Iterator[Mapping[str, Any]]:
    for resource in state.get("resources", ()):
        if resource["mode"] == "managed" and resource["type"] == kind:
            yield from (instance["attributes"] for instance in resource["instances"] if "attributes" in instance)


def _http_apis(state: Mapping[str, Any], endpoint: str) -> Iterator[Made]:
    stages = list(_of_type(state, "aws_apigatewayv2_stage"))
    for api in _of_type(state, "aws_apigatewayv2_api"):
        names = [stage["name"] for stage in stages if stage["api_id"] == api["id"]]
        kind = "HTTP API" if api.get("protocol_type") == "HTTP" else "WebSocket API"
        for name in names or ["$default"] * bool(api.get("target")):
            yield Made(kind, api["name"], stage_url(endpoint, api["id"], name), api["id"])


def _rest_apis(state: Mapping[str, Any], endpoint: str) -> Iterator[Made]:
    stages = [
        *((stage["rest_api_id"], stage["stage_name"]) for stage in _of_type(state, "aws_api_gateway_stage")),
        *((stage["rest_api_id"], stage.get("stage_name")) for stage in _of_type(state, "aws_api_gateway_deployment")),
    ]
    for api in _of_type(state, "aws_api_gateway_rest_api"):
        for name in dict.fromkeys(name for api_id, name in stages if api_id == api["id"] and name):
            yield Made("REST API", api["name"], stage_url(endpoint, api["id"], name), api["id"])


def _function_urls(state: Mapping[str, Any], endpoint: str) -> Iterator[Made]:
    for url in _of_type(state, "aws_lambda_function_url"):
        address = _local_function_urls(url["function_url"], endpoint)
        yield Made("function URL", url["function_name"].rpartition(":function:")[2], address)


def _local_function_urls(text: str, endpoint: str) -> str:
    return FUNCTION_URL.sub(rf"{endpoint}/_aws/lambda-url/\1", text)


def _listed(state: Mapping[str, Any]) -> Iterator[Made]:
    for kind, (attribute, word) in LISTED.items():
        for values in _of_type(state, kind):
            if values.get(attribute):
                yield Made(word, values[attribute], values.get("url") or "")
    for values in _of_type(state, "aws_sns_topic_subscription"):
        if values.get("protocol") in ("email", "email-json"):
            yield Made("mail to", values["endpoint"])


def listed(made: Sequence[Made]) -> Iterator[str]:
    """What has no address of its own to open, a line a kind."""
    for kind in dict.fromkeys(resource.kind for resource in made if resource.kind not in WITH_URL):
        names = [resource.name for resource in made if resource.kind == kind]
        yield f"{kind:<8}  {', '.join(names) if len(names) <= BY_NAME else f'{len(names)} of them'}"


def localised(value: Any, made: Sequence[Made], endpoint: str) -> Any:
    """An output with the addresses of these APIs as they answer on this machine: the provider makes AWS's own names."""
    if isinstance(value, str):
        value = _local_function_urls(value, endpoint)
        return EXECUTE_API.sub(lambda match: _local(match, made, endpoint), value)
    if isinstance(value, list):
        return [localised(entry, made, endpoint) for entry in value]
    if isinstance(value, dict):
        return {name: localised(entry, made, endpoint) for name, entry in value.items()}
    return value


def _local(match: re.Match[str], made: Sequence[Made], endpoint: str) -> str:
    urls = [resource.url for resource in made if resource.id == match[1]]
    if not urls:
        return match[0]
    path = match[2] or ""
    first = path.split("/")[1] if "/" in path else ""
    default = stage_url(endpoint, match[1], "$default")
    if stage_url(endpoint, match[1], first) in urls or default not in urls:
        return f"{endpoint}/_aws/execute-api/{match[1]}{path}"
    return default + path
