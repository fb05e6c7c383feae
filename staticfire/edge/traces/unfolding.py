"""Records taken apart: what a span is called, and its facts as somebody reads them."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

from .model import FACTS, Record, Span

EXCERPT = 500

# What a call is about, by the members that name it, the more telling ones first.
_RESOURCES = (
    *(
        "TableName",
        "StreamName",
        "StreamARN",
        "QueueUrl",
        "TopicArn",
        "TargetArn",
        "FunctionName",
        "SecretId",
        "Bucket",
    ),
    *("stateMachineArn", "EventBusName", "AlarmName", "logGroupName", "UserPoolId", "KeyId", "Name", "RoleArn"),
)
_JSON_MEMBER = re.compile(rb'"(' + "|".join(_RESOURCES).encode() + rb')"\s*:\s*"((?:[^"\\]|\\.){1,512})"')
_FORM_MEMBER = re.compile(rb"(?:^|&)(" + "|".join(_RESOURCES).encode() + rb")=([^&]{1,512})")
_LAMBDA_PATH = re.compile(r"/functions/([^/?]+)")
_ERROR_CODES = (
    re.compile(rb'"(?:__type|code|Code)"\s*:\s*"(?:[^"]*#)?([^"]{1,200})"'),
    re.compile(rb"<Code>([^<]{1,200})</Code>"),
)
_MESSAGES = (
    re.compile(rb'"[mM]essage"\s*:\s*"((?:[^"\\]|\\.){0,2000})"'),
    re.compile(rb"<Message>([^<]{0,2000})</Message>"),
)


def unfolded(record: Record) -> Span:
    """The span that a record is."""
    kind, identifier, parent, name, start, end, status, error, request_id, values = record
    if callable(values[0]):
        values = values[0](*values[1:])
    facts: dict[str, Any] = dict(zip(FACTS[kind], values, strict=True))
    if kind == "call":
        name, error = _call(facts, status, error)
    elif kind == "function":
        error = _function(facts, error)
    elif kind == "segment":
        facts = _segment(facts["document"])
    for member, value in facts.items():
        if isinstance(value, bytes):
            facts[member] = as_text(value)
        elif member in ("headers", "answer_headers"):
            facts[member] = [list(pair) for pair in value]
    return Span(kind, identifier, parent, name, start, end, status, error, request_id, facts)  # type: ignore[arg-type]


def as_text(body: bytes) -> Any:
    """Text that was cut within a letter is text still."""
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        if error.start and error.reason == "unexpected end of data":
            return body[: error.start].decode()
        return {"base64": base64.b64encode(body).decode()}


def _call(facts: dict[str, Any], status: int, error: str) -> tuple[str, str]:
    """`dynamodb UpdateItem usage-table`; the error's code and message."""
    service, request, answer = facts["service"], facts["request"], facts["answer"]
    resource = resource_of(service, facts["path"], request)
    facts["resource"] = resource
    operation = facts["operation"] or _rest_operation(service, facts["method"], facts["path"])
    if status >= 400 and not error:
        error = ": ".join(filter(None, (_first(_ERROR_CODES, answer), _first(_MESSAGES, answer)))) or f"HTTP {status}"
    return " ".join(filter(None, (service, operation, resource))), error


def _rest_operation(service: str, method: str, path: str) -> str:
    """REST services name no operation: S3's by its method and what it is about, others by method and path."""
    if service == "lambda" and path.endswith("/invocations"):
        return "Invoke"
    if service == "s3":
        key = path.strip("/").partition("/")[2]
        return (
            {"GET": "GetObject", "PUT": "PutObject", "DELETE": "DeleteObject", "HEAD": "HeadObject"}.get(method, method)
            if key
            else f"{method} bucket"
        )
    return f"{method} {path}"


def resource_of(service: str, path: str, request: bytes) -> str:
    """The table, queue, topic, bucket or function that a call is about; empty where it does not say."""
    if service == "s3":
        return path.strip("/")
    if service == "lambda":
        function = _LAMBDA_PATH.search(path)
        return function[1] if function else ""
    members: dict[str, str] = {}
    for name, value in (_JSON_MEMBER if request[:1] in (b"{", b"[") else _FORM_MEMBER).findall(request):
        members.setdefault(name.decode(), value.decode("utf-8", "replace"))
    value = next((members[name] for name in _RESOURCES if name in members), "")
    if "%" in value:
        value = unquote(value)
    return re.split(r"[/:]", value)[-1] if value.startswith(("arn:", "http")) else value


def _first(patterns: Iterable[re.Pattern[bytes]], text: bytes) -> str:
    for pattern in patterns:
        match = pattern.search(text)
        if match is not None:
            return match[1].decode("utf-8", "replace")
    return ""


def _function(facts: dict[str, Any], error: str) -> str:
    """Why it failed, from its answer; its stack; what set it off."""
    facts["source"], facts["source_arn"] = source_of(facts["event"])
    if not error:
        return ""
    try:
        answer = json.loads(facts["answer"])
    except (ValueError, RecursionError):
        return error
    if isinstance(answer, dict):
        stack = answer.get("stackTrace") or answer.get("trace")
        facts["stack"] = [str(line) for line in stack] if isinstance(stack, list) else []
        said = ": ".join(str(answer[name]) for name in ("errorType", "errorMessage") if answer.get(name))
        return said or error
    return error


def source_of(event: bytes) -> tuple[str, str]:
    """What an event came from, and its ARN: `sqs`, `dynamodb`, `sns`, `s3`, `events`, `api`, ...; empty: not known."""
    head = event[:65536]
    record = _SOURCE.search(head)
    if record is not None and b'"Records"' in head:
        arn = _SOURCE_ARN.search(head)
        return record[1].decode(), arn[1].decode() if arn else ""
    if b'"detail-type"' in head:
        rule = _RULE.search(head)
        scheduled = b'"Scheduled Event"' in head
        return "schedule" if scheduled else "events", rule[1].decode() if rule else ""
    if b'"requestContext"' in head:
        return "url" if b".lambda-url." in head else "api", ""
    return "", ""


_SOURCE = re.compile(rb'"[eE]ventSource"\s*:\s*"aws:([a-z0-9]+)"')
_SOURCE_ARN = re.compile(rb'"(?:eventSourceARN|EventSubscriptionArn|TopicArn)"\s*:\s*"([^"]{1,300})"')
_RULE = re.compile(rb'"resources"\s*:\s*\[\s*"([^"]{1,300})"')


def _segment(document: bytes) -> dict[str, Any]:
    """What a segment of X-Ray says, as its sender wrote it."""
    segment: Mapping[str, Any] = json.loads(document)
    return {
        "annotations": segment.get("annotations") or {},
        "metadata": segment.get("metadata") or {},
        "namespace": segment.get("namespace") or "",
        "aws": segment.get("aws") or {},
        "http": segment.get("http") or {},
        "sql": segment.get("sql") or {},
        "cause": segment.get("cause") or {},
        "in_progress": bool(segment.get("in_progress")),
        "throttled": bool(segment.get("throttle")),
        "is_error": bool(segment.get("error")) and not segment.get("fault"),
    }
