"""Which invocation an AWS call belongs to, and what it sent that may set something off.

Each execution environment signs with a key of its own and has one invocation at a time: a call that is signed with that
key is that invocation's. Of other callers only what sends something (a message, an event) begins a trace: Terraform's
thousands of calls are nobody's request.
"""

from __future__ import annotations

import random
import re
import time

from staticfire.edge.http1.messages import Response
from staticfire.edge.traces import Traces
from staticfire.edge.traces.trace_id import new_root, root_of

from .calls import Call

KEPT = 4096
KEPT_ANSWER = 2048
MARKS_OF_A_CALL = 100

# What sends something, and where its answer names what it sent.
_IDS = re.compile(rb'"(?:MessageId|EventId|SequenceNumber)"\s*:\s*"([^"]{1,128})"')
_XML_IDS = re.compile(rb"<MessageId>([^<]{1,128})</MessageId>")
SENDS = frozenset(
    (
        *("SendMessage", "SendMessageBatch", "Publish", "PublishBatch", "PutEvents", "PutRecord", "PutRecords"),
        *("StartExecution", "StartSyncExecution"),
    )
)
WRITES_ITEMS = frozenset(("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"))


class CallTracing:
    def __init__(self, traces: Traces) -> None:
        self._traces = traces

    def begin(self, call: Call) -> float:
        """When it began; 0 where it belongs to no trace."""
        traces = self._traces
        if not traces.on:
            return 0.0
        working = traces.running.get(call.execution_environment) if call.execution_environment else None
        if working is not None:
            call.root, call.parent = working.in_flight()
        elif call.operation in SENDS and not call.execution_environment:
            call.root = root_of(call.request.headers.get("x-amzn-trace-id")) or new_root(time.time())[5:]
        if not call.root:
            return 0.0
        call.span = f"{random.getrandbits(64):016x}"
        return time.time()

    def end(self, call: Call, began: float, response: Response | None, fault: str) -> None:
        """It was answered, or (None) its connection was cut."""
        request = call.request
        status = response.status if response is not None else 0
        answer = b""
        if response is not None:
            answer = response.raw or (response.body if isinstance(response.body, bytes) else b"")
            if status < 400 and call.operation in SENDS:
                self._traces.mark(call.root, marks(call.service, answer))
        if status < 400 and call.service == "s3" and request.method in ("PUT", "POST"):
            self._traces.mark(call.root, [f"s3:{request.path.lstrip('/').partition('?')[0]}"])
        body = request.arrived
        if self._traces.item_writes and status < 400 and call.operation in WRITES_ITEMS:
            self._traces.item_writes.wrote(*call.scope, call.root, body)
        body = body[:KEPT]
        kept = answer[:KEPT_ANSWER] if status >= 400 else b""
        facts = (
            *(*call.scope, call.service, call.carried_out or call.operation or "", request.method, request.path),
            *(body, kept, call.caller.function if call.caller is not None else "", call.execution_environment, fault),
        )
        error = "" if response is not None else "The connection was cut"
        record = ("call", call.span, call.parent, "", began, time.time(), status, error, "", facts)
        self._traces.add(call.root, record, len(body) + len(kept))


def marks(service: str, answer: bytes) -> list[str]:
    """What a call sent, by the ids that whoever gets it sees: `sqs:MESSAGE-ID`."""
    ids = _IDS.findall(answer) or _XML_IDS.findall(answer)
    return [f"{service}:{one.decode('latin-1')}" for one in ids[:MARKS_OF_A_CALL]]
