"""A message that a function sends carries the trace that the SDK names in X-Amzn-Trace-Id, as its AWSTraceHeader.

https://docs.aws.amazon.com/xray/latest/devguide/xray-services-sqs.html. Emulators leave that out. A call that the
emulator may check the signature of stays as it is.
"""

from __future__ import annotations

from typing import Any

import orjson

from staticfire.edge.aws.calls import MAX_BODY, Call
from staticfire.edge.http1.messages import Response
from staticfire.edge.traces.trace_id import root_of

HEADER = "AWSTraceHeader"


class TracedMessages:
    """The `sqs` service: the emulator answers all of it."""

    async def answer(self, call: Call) -> Response | None:
        if call.operation in ("SendMessage", "SendMessageBatch") and call.caller is not None:
            header = call.request.headers.get("x-amzn-trace-id")
            if root_of(header) and call.request.headers.get("x-amz-target"):
                _carry(call, header, await call.request.body(MAX_BODY))
        return None

    async def passed(self, call: Call, status: int) -> None:
        """Nothing is kept."""


def _carry(call: Call, header: str, body: bytes) -> None:
    try:
        document = orjson.loads(body)
    except ValueError:
        return  # the emulator says what is wrong with it
    if not isinstance(document, dict):
        return
    entries = document.get("Entries") if call.operation == "SendMessageBatch" else [document]
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict):
            attributes: Any = entry.setdefault("MessageSystemAttributes", {})
            if isinstance(attributes, dict):
                attributes.setdefault(HEADER, {"DataType": "String", "StringValue": header})
    call.request.replace_body(orjson.dumps(document))
