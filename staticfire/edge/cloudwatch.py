"""CloudWatch's DescribeAlarms, complete in XML.

MiniStack knows an alarm's actions, dimensions, period and statistic, but its XML leaves them out: with AWS provider 5.x
(which speaks the query protocol) every plan would show a change. Its JSON has them all. So a DescribeAlarms in
the query protocol is asked in JSON and answered in XML.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qsl
from uuid import uuid4
from xml.sax.saxutils import escape

from .aws import FORM, Call
from .emulator import Emulator
from .http1.messages import Response

NAMESPACE = "http://monitoring.amazonaws.com/doc/2010-08-01/"
TARGET = "GraniteServiceVersion20100801.DescribeAlarms"
NUMBERS = frozenset(("MaxRecords",))


class CloudWatch:
    """The `monitoring` service, in part."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    async def answer(self, call: Call) -> Response | None:
        if call.operation != "DescribeAlarms" or call.request.headers.get("x-amz-target"):
            return None
        if not call.request.headers.get("content-type").startswith(FORM) and "Action=" not in call.request.query:
            return None
        form = (await call.body()).decode() or call.request.query
        alarms = await self._emulator.json(call.scope, "monitoring", TARGET, _parameters(form), "1.0")
        body = (
            f'<DescribeAlarmsResponse xmlns="{NAMESPACE}"><DescribeAlarmsResult>{_members(alarms)}'
            f"</DescribeAlarmsResult><ResponseMetadata><RequestId>{uuid4()}</RequestId></ResponseMetadata>"
            "</DescribeAlarmsResponse>"
        )
        return Response(200, [("content-type", "text/xml")], body.encode())

    async def passed(self, call: Call, status: int) -> None:
        """Nothing is cached."""


def _parameters(form: str) -> dict[str, object]:
    """The query protocol's parameters as a document: `AlarmNames.member.1=a` is `{"AlarmNames": ["a"]}`."""
    document: dict[str, object] = {}
    for name, value in parse_qsl(form, keep_blank_values=True):
        key, listed, _ = name.partition(".member.")
        if listed:
            members = document.setdefault(key, [])
            if isinstance(members, list):
                members.append(value)
        elif key not in ("Action", "Version"):
            document[key] = int(value) if key in NUMBERS else value
    return document


def _members(structure: Mapping[str, object]) -> str:
    return "".join(f"<{name}>{_xml(name, value)}</{name}>" for name, value in structure.items() if value is not None)


def _xml(name: str, value: object) -> str:
    if isinstance(value, Mapping):
        return _members(value)
    if isinstance(value, list):
        return "".join(f"<member>{_xml(name, item)}</member>" for item in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float) and name.endswith("Timestamp"):
        return datetime.fromtimestamp(value, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return escape(str(value))
