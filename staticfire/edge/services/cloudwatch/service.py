"""CloudWatch's alarms: described as they were put, and evaluated (see alarms/).

MiniStack knows an alarm's actions, dimensions, period and statistic, but its XML leaves them out: with AWS provider 5.x
(which speaks the query protocol) every plan would show a change. Its JSON has them, so each DescribeAlarms is asked in
JSON and answered in the caller's protocol: XML, JSON or CBOR. What MiniStack does not keep at all (metric math, how
percentiles treat few samples, that no plain statistic was given) is remembered here from PutMetricAlarm.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4
from xml.sax.saxutils import escape

import cbor2
import orjson

from staticfire.edge.aws.calls import AwsError, Call, Scope
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.http1.messages import Response
from staticfire.host.clock import rfc3339

from .alarms import Actions, Alarms

NAMESPACE = "http://monitoring.amazonaws.com/doc/2010-08-01/"
TARGET = "GraniteServiceVersion20100801.DescribeAlarms"
FORGOTTEN = ("Metrics", "ThresholdMetricId", "EvaluateLowSampleCountPercentile", "InsufficientDataActions")
TYPES: Mapping[str, Callable[[str], Any]] = {
    "MaxRecords": int,
    "Period": int,
    "ReturnData": lambda text: text == "true",
}
# Calls with these have a document as their input.
DOCUMENTS = frozenset(("smithy-protocol", "x-amz-target"))
# CBOR's tag of seconds since 1970.
EPOCH = 1
INVENTED = ("Statistic", "Period", "MetricName", "Namespace", "Unit")


class CloudWatch:
    """The `monitoring` service, in part."""

    def __init__(self, emulator: Emulator) -> None:
        self.alarms = Alarms(emulator, self.described)
        self.actions = Actions(emulator, self.as_put)
        self._emulator = emulator
        self._declared: dict[tuple[Scope, str], Mapping[str, Any]] = {}

    async def answer(self, call: Call) -> Response | None:
        if call.operation != "DescribeAlarms":
            headers = call.request.headers
            if headers.any_of(DOCUMENTS) and "content-encoding" not in headers:
                await parameters(call)  # MiniStack takes an input that it cannot read for an empty one
            return None
        return _described(call, await self.described(call.scope, await parameters(call)))

    async def described(self, scope: Scope, request: Mapping[str, object]) -> dict[str, Any]:
        answer = await self._emulator.json(scope, "monitoring", TARGET, request, "1.0")
        answer["MetricAlarms"] = [self.as_put(scope, alarm) for alarm in answer.get("MetricAlarms", ())]
        return answer

    async def passed(self, call: Call, status: int) -> None:
        if call.operation == "PutMetricAlarm":
            declared = await parameters(call)
            self._declared[call.scope, declared["AlarmName"]] = declared
        elif call.operation == "DeleteAlarms":
            for name in (await parameters(call)).get("AlarmNames", ()):
                self._declared.pop((call.scope, name), None)

    async def close(self) -> None:
        await self.alarms.close()

    def as_put(self, scope: Scope, alarm: Mapping[str, Any]) -> dict[str, Any]:
        declared = self._declared.get((scope, alarm["AlarmName"]))
        if declared is None:
            return dict(alarm)
        kept = {name: value for name, value in alarm.items() if name not in INVENTED or name in declared}
        return kept | {name: declared[name] for name in FORGOTTEN if name in declared}


async def parameters(call: Call) -> dict[str, Any]:
    """The operation's input as a document, in whatever protocol it came."""
    headers, body = call.request.headers, await call.body()
    try:
        if "smithy-protocol" in headers:
            return dict(_from_cbor(body))
        if "x-amz-target" in headers:
            return dict(json.loads(body))
    except (cbor2.CBORDecodeError, TypeError, ValueError) as error:
        raise AwsError(400, "SerializationException", f"The input is not a document: {error}") from error
    tree: dict[str, Any] = {}
    for name, value in parse_qsl(body.decode() or call.request.query, keep_blank_values=True):
        *parents, last = name.split(".")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[last] = value
    return {name: _value(name, node) for name, node in tree.items() if name not in ("Action", "Version")}


def _from_cbor(data: bytes) -> Any:
    """The one item that `data` is, as JSON would have it: a point in time is its seconds since 1970."""
    stream = BytesIO(data)
    item = cbor2.load(stream)
    if stream.read(1):
        raise ValueError("there is more after the CBOR item")
    return orjson.loads(orjson.dumps(item, _as_json, orjson.OPT_PASSTHROUGH_DATETIME))


def _as_json(value: object) -> float | None:
    if isinstance(value, datetime):
        return value.timestamp()
    if value is cbor2.undefined:
        return None
    raise TypeError(f"JSON has nothing like {value!r}")


def _value(name: str, node: Any) -> Any:
    """`{"member": {"1": a, "2": b}}`, the query protocol's list, as `[a, b]`; numbers and booleans as such."""
    if not isinstance(node, dict):
        return TYPES.get(name, str)(node)
    members = node.get("member")
    if isinstance(members, dict):
        return [_value(name, members[number]) for number in sorted(members, key=int)]
    return {inner: _value(inner, value) for inner, value in node.items()}


def _described(call: Call, alarms: dict[str, Any]) -> Response:
    headers = call.request.headers
    if "smithy-protocol" in headers:
        kind = [("content-type", "application/cbor"), ("smithy-protocol", "rpc-v2-cbor")]
        return Response(200, kind, cbor2.dumps(_stamped("", alarms)))
    if "x-amz-target" in headers:
        return Response(200, [("content-type", "application/x-amz-json-1.0")], json.dumps(alarms).encode())
    body = (
        f'<DescribeAlarmsResponse xmlns="{NAMESPACE}"><DescribeAlarmsResult>{_members(alarms)}'
        f"</DescribeAlarmsResult><ResponseMetadata><RequestId>{uuid4()}</RequestId></ResponseMetadata>"
        "</DescribeAlarmsResponse>"
    )
    return Response(200, [("content-type", "text/xml")], body.encode())


def _stamped(name: str, value: Any) -> Any:
    """The document with its points in time marked as such; what is not set is left out."""
    if isinstance(value, dict):
        return {member: _stamped(member, inner) for member, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_stamped(name, item) for item in value]
    return cbor2.CBORTag(EPOCH, value) if name.endswith("Timestamp") else value


def _members(structure: Mapping[str, Any]) -> str:
    """Elements of a structure; what is not set has none."""
    present = [(name, value) for name, value in structure.items() if value is not None and value != ""]
    return "".join(f"<{name}>{_xml(name, value)}</{name}>" for name, value in present)


def _xml(name: str, value: Any) -> str:
    if isinstance(value, Mapping):
        return _members(value)
    if isinstance(value, list):
        return "".join(f"<member>{_xml(name, item)}</member>" for item in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float) and name.endswith("Timestamp"):
        return rfc3339(datetime.fromtimestamp(value, UTC))
    return escape(str(value))
