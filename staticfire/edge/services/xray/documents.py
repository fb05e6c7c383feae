"""A trace as X-Ray tells it: its summary, its segment documents, and what a filter expression sees of it.

A function has the two segments that Lambda sends (AWS::Lambda, AWS::Lambda::Function); what it called are subsegments
of the second; what its SDK sent stays as it was sent. A request to an API is AWS::ApiGateway::Stage's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from staticfire.edge.traces import Span, Trace

from .filters import Seen

FUNCTION = "AWS::Lambda::Function"
SERVICE = "AWS::Lambda"
STAGE = "AWS::ApiGateway::Stage"
_TYPES = {
    "dynamodb": "AWS::DynamoDB::Table",
    "sqs": "AWS::SQS::Queue",
    "sns": "AWS::SNS",
    "s3": "AWS::S3::Bucket",
    "kinesis": "AWS::Kinesis",
    "events": "AWS::Events",
    "lambda": FUNCTION,
}
_NAMES = {"dynamodb": "DynamoDB", "sqs": "SQS", "sns": "SNS", "s3": "S3", "lambda": "Lambda", "kinesis": "Kinesis"}


def service_of(span: Span) -> tuple[str, str]:
    """The node of the service map that a span belongs to: its name and type; none for what is within another's."""
    if span.kind == "api":
        return f"{span.facts['api_id']}/{span.facts['stage']}".rstrip("/"), STAGE
    if span.kind == "function":
        return span.name, FUNCTION
    if span.kind == "call":
        service = span.facts["service"]
        return span.facts["resource"] or _NAMES.get(service, service), _TYPES.get(service, f"AWS::{service.upper()}")
    if span.facts.get("namespace") in ("remote", "aws"):
        return span.name, "remote" if span.facts["namespace"] == "remote" else f"AWS::{span.name}"
    return "", ""


def failed_as(span: Span) -> dict[str, bool]:
    outcome = span.outcome
    return {
        "fault": outcome == "fault",
        "error": outcome in ("error", "throttle"),
        "throttle": outcome == "throttle",
    }


def summary(trace: Trace) -> dict[str, Any]:
    """As GetTraceSummaries tells it."""
    spans = trace.spans
    main = next((span for span in spans if span.kind in ("api", "function")), spans[0])
    worst = [failed_as(span) for span in spans if span.kind in ("api", "function")] or [failed_as(main)]
    services = _services(spans)
    entry = service_of(main)
    http = _http(main)
    return {
        "Id": trace.id,
        "StartTime": trace.summary.start,
        "Duration": round(trace.summary.seconds, 3),
        "ResponseTime": round(main.seconds, 3),
        "HasFault": any(one["fault"] for one in worst),
        "HasError": any(one["error"] for one in worst),
        "HasThrottle": any(one["throttle"] for one in worst),
        "IsPartial": False,
        "Http": http,
        "Annotations": {
            key: [{"AnnotationValue": _annotation(value), "ServiceIds": []} for value in values]
            for key, values in _annotations(spans).items()
        },
        "Users": [],
        "ServiceIds": [service_id(name, kind, main) for name, kind in services],
        "ResourceARNs": [{"ARN": span.facts["arn"]} for span in spans if span.kind == "function"],
        "InstanceIds": [],
        "AvailabilityZones": [],
        "EntryPoint": service_id(*entry, main),
        "Revision": 0,
    }


def service_id(name: str, kind: str, span: Span) -> dict[str, Any]:
    return {"Name": name, "Names": [name], "AccountId": span.facts.get("account") or "", "Type": kind}


def _http(span: Span) -> dict[str, Any]:
    if span.kind != "api":
        return {"HttpStatus": span.status} if span.status else {}
    facts = span.facts
    agent = next((value for name, value in facts["headers"] if name == "user-agent"), None)
    return {
        "HttpURL": _url(span),
        "HttpMethod": facts["method"],
        "HttpStatus": span.status,
        "UserAgent": agent,
        "ClientIp": facts["source_ip"],
    }


def _url(span: Span) -> str:
    return f"http://{span.facts['host']}{span.facts['path']}"


def _services(spans: Sequence[Span]) -> list[tuple[str, str]]:
    return [service for service in dict.fromkeys(service_of(span) for span in spans) if service[0]]


def _annotations(spans: Sequence[Span]) -> dict[str, list[str | float | bool]]:
    annotations: dict[str, list[str | float | bool]] = {}
    for span in spans:
        own = span.facts.get("annotations") if span.kind == "segment" else None
        for key, value in own.items() if isinstance(own, dict) else ():
            if isinstance(value, str | int | float | bool):
                annotations.setdefault(key, []).append(value)
    return annotations


def _annotation(value: str | float | bool) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"BooleanValue": value}
    return {"StringValue": value} if isinstance(value, str) else {"NumberValue": float(value)}


def seen(trace: Trace) -> Seen:
    """What a filter expression looks at."""
    answer = summary(trace)
    return Seen(
        booleans={
            "ok": not (answer["HasFault"] or answer["HasError"] or answer["HasThrottle"]),
            "fault": answer["HasFault"],
            "error": answer["HasError"],
            "throttle": answer["HasThrottle"],
        },
        numbers={
            "duration": answer["Duration"],
            "responsetime": answer["ResponseTime"],
            "coldstart": float(trace.summary.cold),
            **({"http.status": float(answer["Http"]["HttpStatus"])} if "HttpStatus" in answer["Http"] else {}),
        },
        texts={
            "http.url": [str(answer["Http"].get("HttpURL") or "")],
            "http.method": [str(answer["Http"].get("HttpMethod") or "")],
            "http.useragent": [str(answer["Http"].get("UserAgent") or "")],
            "http.clientip": [str(answer["Http"].get("ClientIp") or "")],
            "name": [name for name, _ in _services(trace.spans)],
            "message": [span.error for span in trace.spans if span.error],
        },
        annotations=_annotations(trace.spans),
        services=[(*service, _inside(span)) for span in trace.spans if (service := service_of(span))[0]],
        edges=list(edges(trace)),
    )


def _inside(span: Span) -> Seen:
    failed = failed_as(span)
    return Seen(
        booleans={"ok": not any(failed.values()), **failed},
        numbers={
            "duration": span.seconds,
            "responsetime": span.seconds,
            **({"http.status": float(span.status)} if span.status else {}),
        },
        texts={"name": [span.name], "message": [span.error]},
    )


def edges(trace: Trace) -> Iterator[tuple[str, str]]:
    """Which service called which."""
    by_id = {span.id: span for span in trace.spans}
    for span in trace.spans:
        name = service_of(span)[0]
        above = by_id.get(span.parent)
        while above is not None and not service_of(above)[0]:
            above = by_id.get(above.parent)
        if name and above is not None and service_of(above)[0] != name:
            yield service_of(above)[0], name


def segments(trace: Trace) -> list[dict[str, str]]:
    """As BatchGetTraces tells them: ids and documents."""
    documents: list[dict[str, Any]] = []
    for span in trace.spans:
        if span.kind == "api":
            documents.append(_of_api(span, trace.id))
        elif span.kind == "function":
            documents += _of_function(span, trace)
        elif span.kind == "segment":
            documents.append(_as_sent(span, trace.id))
        elif span.kind == "call" and not span.parent:
            documents.append({**_call(span), "trace_id": trace.id})
    return [{"Id": document["id"], "Document": json.dumps(document)} for document in documents]


def _base(span: Span, name: str) -> dict[str, Any]:
    failed = {kind: True for kind, is_so in failed_as(span).items() if is_so}
    cause = {}
    if span.error and failed:
        kind, _, message = span.error.partition(": ")
        stack = [{"label": str(line).strip()} for line in span.facts.get("stack") or ()]
        exception = {"id": span.id, "type": kind, "message": message or kind, "stack": stack}
        cause = {"cause": {"exceptions": [exception]}}
    return {"id": span.id, "name": name, "start_time": span.start, "end_time": span.end, **failed, **cause}


def _of_api(span: Span, root: str) -> dict[str, Any]:
    facts = span.facts
    request = {"url": _url(span), "method": facts["method"], "client_ip": facts["source_ip"]}
    return {
        **_base(span, service_of(span)[0]),
        "trace_id": root,
        "origin": STAGE,
        "http": {"request": request, "response": {"status": span.status}},
        "aws": {
            "account_id": facts["account"],
            "api_gateway": {"request_id": span.request_id, "rest_api_id": facts["api_id"], "stage": facts["stage"]},
        },
    }


def _of_function(span: Span, trace: Trace) -> list[dict[str, Any]]:
    facts = span.facts
    outer = f"{int(span.id, 16) ^ 1:016x}"
    about = {"trace_id": trace.id, "resource_arn": facts["arn"]}
    parent = {"parent_id": span.parent} if span.parent else {}
    service = {
        **_base(span, span.name),
        **about,
        **parent,
        "id": outer,
        "origin": SERVICE,
        "http": {"response": {"status": 200 if not span.error else 502}},
        "aws": {"request_id": span.request_id},
    }
    below = [one for one in trace.spans if one.parent == span.id]
    within = [
        _call(one) if one.kind == "call" else _initialisation(one) for one in below if one.kind in ("call", "init")
    ]
    function = {
        **_base(span, span.name),
        **about,
        "parent_id": outer,
        "origin": FUNCTION,
        "aws": {"account_id": facts["account"], "function_arn": facts["arn"], "cold_start": facts["cold"]},
        "subsegments": within,
    }
    return [service, function]


def _initialisation(span: Span) -> dict[str, Any]:
    return _base(span, "Initialization")


def _call(span: Span) -> dict[str, Any]:
    facts = span.facts
    service = facts["service"]
    about = {"operation": facts["operation"] or span.name.split()[1], "region": facts["region"]}
    if service == "dynamodb" and facts["resource"]:
        about["table_name"] = facts["resource"]
    elif service == "sqs" and facts["resource"]:
        about["queue_url"] = facts["resource"]
    return {
        **_base(span, _NAMES.get(service, service)),
        "namespace": "aws",
        "http": {"response": {"status": span.status}},
        "aws": about,
    }


def _as_sent(span: Span, root: str) -> dict[str, Any]:
    facts = span.facts
    kept = {
        name: facts[name]
        for name in ("annotations", "metadata", "namespace", "aws", "http", "sql", "cause")
        if facts[name]
    }
    base = {name: value for name, value in _base(span, span.name).items() if name != "cause"}
    document = {**base, **kept, "trace_id": root}
    if span.parent:
        document |= {"parent_id": span.parent, "type": "subsegment"}
    return document
