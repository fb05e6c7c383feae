"""CloudWatch's alarms, described in XML as they were put.

MiniStack knows an alarm's actions, dimensions, period and statistic, but its XML leaves them out: with AWS provider 5.x
(which speaks the query protocol) every plan would show a change. Its JSON has them, so a DescribeAlarms in the query
protocol is asked in JSON and answered in XML. What MiniStack does not keep at all (metric math, how percentiles treat
few samples, that no plain statistic was given) is remembered here from PutMetricAlarm.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4
from xml.sax.saxutils import escape

from .aws import Call, Scope
from .emulator import Emulator
from .http1.messages import Response

NAMESPACE = "http://monitoring.amazonaws.com/doc/2010-08-01/"
TARGET = "GraniteServiceVersion20100801.DescribeAlarms"
FORGOTTEN = ("Metrics", "ThresholdMetricId", "EvaluateLowSampleCountPercentile")
INVENTED = ("Statistic", "Period", "MetricName", "Namespace", "Unit")


class CloudWatch:
    """The `monitoring` service, in part."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._declared: dict[tuple[Scope, str], Mapping[str, Any]] = {}

    async def answer(self, call: Call) -> Response | None:
        if call.operation != "DescribeAlarms" or not _is_query(call):
            return None
        wanted = await _parameters(call)
        if "MaxRecords" in wanted:
            wanted["MaxRecords"] = int(wanted["MaxRecords"])
        found = await self._emulator.json(call.scope, "monitoring", TARGET, wanted, "1.0")
        found["MetricAlarms"] = [self._as_put(call.scope, alarm) for alarm in found.get("MetricAlarms", ())]
        body = (
            f'<DescribeAlarmsResponse xmlns="{NAMESPACE}"><DescribeAlarmsResult>{_members(found)}'
            f"</DescribeAlarmsResult><ResponseMetadata><RequestId>{uuid4()}</RequestId></ResponseMetadata>"
            "</DescribeAlarmsResponse>"
        )
        return Response(200, [("content-type", "text/xml")], body.encode())

    async def passed(self, call: Call, status: int) -> None:
        if call.operation == "PutMetricAlarm":
            declared = await _parameters(call)
            if declared:
                self._declared[call.scope, declared["AlarmName"]] = declared
        elif call.operation == "DeleteAlarms":
            for name in (await _parameters(call)).get("AlarmNames", ()):
                self._declared.pop((call.scope, name), None)

    def _as_put(self, scope: Scope, alarm: Mapping[str, Any]) -> dict[str, Any]:
        declared = self._declared.get((scope, alarm["AlarmName"]))
        if declared is None:
            return dict(alarm)
        kept = {name: value for name, value in alarm.items() if name not in INVENTED or name in declared}
        return kept | {name: declared[name] for name in FORGOTTEN if name in declared}


def _is_query(call: Call) -> bool:
    headers = call.request.headers
    return "x-amz-target" not in headers and "smithy-protocol" not in headers


async def _parameters(call: Call) -> dict[str, Any]:
    """The operation's input as a document; empty for protocols that are only passed on (CBOR)."""
    body = await call.body()
    if "x-amz-target" in call.request.headers:
        document: dict[str, Any] = json.loads(body)
        return document
    if not _is_query(call):
        return {}
    tree: dict[str, Any] = {}
    for name, value in parse_qsl(body.decode() or call.request.query, keep_blank_values=True):
        *parents, last = name.split(".")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[last] = value
    return {name: _lists(value) for name, value in tree.items() if name not in ("Action", "Version")}


def _lists(node: Any) -> Any:
    """`{"member": {"1": a, "2": b}}`, the query protocol's list, as `[a, b]`."""
    if not isinstance(node, dict):
        return node
    members = node.get("member")
    if isinstance(members, dict):
        return [_lists(members[number]) for number in sorted(members, key=int)]
    return {name: _lists(value) for name, value in node.items()}


def _members(structure: Mapping[str, Any]) -> str:
    """Elements of a structure; what is not set has none."""
    given = {name: value for name, value in structure.items() if value is not None and value != ""}
    return "".join(f"<{name}>{_xml(name, value)}</{name}>" for name, value in given.items())


def _xml(name: str, value: Any) -> str:
    if isinstance(value, Mapping):
        return _members(value)
    if isinstance(value, list):
        return "".join(f"<member>{_xml(name, item)}</member>" for item in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float) and name.endswith("Timestamp"):
        return datetime.fromtimestamp(value, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return escape(str(value))
