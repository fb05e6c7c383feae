"""Spans on their way out, where somebody asked for it: into a file, or to an OTLP receiver. In batches, bounded.

OTLP's JSON is written by hand: it is part of the protocol (https://opentelemetry.io/docs/specs/otlp/) and a page of
code, where the official exporter brings protobuf, an SDK and a thread of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from staticfire.edge.http1.client import Client
from staticfire.host.files import remove_rotated, rotated

from .model import Record, Span
from .recorder import Traces
from .unfolding import unfolded

log = logging.getLogger(__name__)

INTERVAL = 1.0
WAITING = 20_000
WAITING_BYTES = 32 * 1024 * 1024  # of bodies: what waits outlives the traces themselves
BATCH = 512
SECONDS = 10.0
FILE_BYTES = 100 * 1024 * 1024
ANSWER = 64 * 1024

SERVER, CLIENT, INTERNAL = 2, 3, 1
FAILED = 2
_KINDS = {"api": SERVER, "function": SERVER, "call": CLIENT}
_HEX = re.compile(r"1-[0-9a-f]{8}-[0-9a-f]{24}")


class Exporter:
    """Takes each record as it comes; what waits longer than it can be sent goes, the oldest first, and is counted."""

    def __init__(self, traces: Traces) -> None:
        self._waiting: deque[tuple[str, Record, int]] = deque()
        self._bytes = 0
        self.lost = 0
        self._complaint = ""
        self._closing = asyncio.Event()
        self._task = asyncio.create_task(self._run())
        traces.listeners.append(self._take)
        traces.forgetting.append(self.forget)

    def forget(self) -> None:
        """What waits is not sent any more."""
        self._waiting.clear()
        self._bytes = 0

    def _take(self, root: str, record: Record) -> None:
        size = sum(len(fact) for fact in record[9] if isinstance(fact, bytes))
        self._bytes += size
        self._waiting.append((root, record, size))
        while len(self._waiting) > WAITING or self._bytes > WAITING_BYTES:
            self._next()
            self.lost += 1

    def _next(self) -> tuple[str, Record]:
        root, record, size = self._waiting.popleft()
        self._bytes -= size
        return root, record

    async def close(self) -> None:
        """What is being sent is sent, and what waits after it."""
        self._closing.set()
        await self._task

    async def _run(self) -> None:
        closing = False
        while not closing:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(INTERVAL):
                    await self._closing.wait()
            closing = self._closing.is_set()
            await self._flush()

    async def _flush(self) -> None:
        while self._waiting:
            batch = [self._next() for _ in range(min(BATCH, len(self._waiting)))]
            try:
                await self.send([(root, unfolded(record)) for root, record in batch])
            except (OSError, TimeoutError, ValueError) as error:
                self.lost += len(batch)
                if not self._complaint:
                    self._complaint = str(error) or type(error).__name__
                    log.warning("Traces cannot be exported to %s: %s (told once, until it works again)", self, error)
                return
            except Exception:
                # Whatever is in a span, as a character that is none: what comes after it is exported all the same.
                self.lost += len(batch)
                log.exception("%d spans cannot be written down, and do not go to %s", len(batch), self)
                continue
            if self._complaint:
                log.info("Traces go to %s again; %d spans were lost meanwhile", self, self.lost)
                self._complaint = ""

    async def send(self, spans: Sequence[tuple[str, Span]]) -> None:
        raise NotImplementedError


class IntoFile(Exporter):
    """A JSON document a line, bodies and all; at FILE_BYTES the file becomes `NAME.1`."""

    def __init__(self, traces: Traces, path: Path) -> None:
        super().__init__(traces)
        self._path = path
        self._writing = threading.Lock()
        self._forgotten = 0

    def __str__(self) -> str:
        return str(self._path)

    def forget(self) -> None:
        super().forget()
        with self._writing:
            self._forgotten += 1
            remove_rotated(self._path)

    async def send(self, spans: Sequence[tuple[str, Span]]) -> None:
        lines = [orjson.dumps({"trace": root, **span.document()}) for root, span in spans]
        await asyncio.to_thread(self._write, b"\n".join([*lines, b""]), self._forgotten)

    def _write(self, data: bytes, forgotten: int) -> None:
        with self._writing:
            if forgotten != self._forgotten:
                return
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if self._path.exists() and self._path.stat().st_size + len(data) > FILE_BYTES:
                self._path.replace(rotated(self._path))
            self._path.touch(0o600)  # headers and bodies hold secrets
            with self._path.open("ab") as file:
                file.write(data)


class Otlp(Exporter):
    """OTLP/HTTP with JSON. `base_url` is the receiver's, `/v1/traces` is added, as to OTEL_EXPORTER_OTLP_ENDPOINT."""

    def __init__(self, traces: Traces, base_url: str) -> None:
        super().__init__(traces)
        parts = urlsplit(base_url)
        self._base_url = f"{parts.scheme}://{parts.netloc}"
        self._target = f"{parts.path.rstrip('/')}/v1/traces"
        self._client = Client()

    def __str__(self) -> str:
        return f"{self._base_url}{self._target}"

    async def close(self) -> None:
        await super().close()
        self._client.close()

    async def send(self, spans: Sequence[tuple[str, Span]]) -> None:
        body = orjson.dumps(document(spans))
        headers = [("content-type", "application/json")]
        async with asyncio.timeout(SECONDS):
            answer = await self._client.request("POST", self._base_url, self._target, headers, body)
            said = await answer.read(ANSWER)
        if answer.status >= 300:
            raise ValueError(f"it answered {answer.status}: {said[:200].decode('utf-8', 'replace')}")


def document(spans: Sequence[tuple[str, Span]]) -> dict[str, Any]:
    """Spans as an ExportTraceServiceRequest, by the service that they are of. Bodies and headers stay here."""
    services: dict[str, list[dict[str, Any]]] = {}
    for root, span in spans:
        if _HEX.fullmatch(root):
            services.setdefault(_service(span), []).append(_span(root, span))
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": _attributes({"service.name": name})},
                "scopeSpans": [{"scope": {"name": "staticfire"}, "spans": of_service}],
            }
            for name, of_service in services.items()
        ]
    }


def _service(span: Span) -> str:
    if span.kind == "api":
        return f"{span.facts['api_id']}/{span.facts['stage']}"
    return str(span.facts.get("function") or "staticfire")


def _span(root: str, span: Span) -> dict[str, Any]:
    status = {"code": FAILED, "message": span.error} if span.outcome != "ok" else {}
    parent = span.parent or (root[-16:] if span.kind == "function" and span.facts["source"] in ("api", "url") else "")
    return {
        "traceId": root[2:].replace("-", ""),
        "spanId": span.id,
        **({"parentSpanId": parent} if parent else {}),
        "name": span.name,
        "kind": _KINDS.get(span.kind, INTERNAL),
        "startTimeUnixNano": str(int(span.start * 1e9)),
        "endTimeUnixNano": str(int(span.end * 1e9)),
        "attributes": _attributes(_told(span)),
        "status": status,
    }


def _told(span: Span) -> dict[str, Any]:
    """By OpenTelemetry's names."""
    facts = span.facts
    if span.kind == "api":
        return {
            "http.request.method": facts["method"],
            "url.path": facts["path"],
            "http.route": facts["route"],
            "http.response.status_code": span.status,
            "client.address": facts["source_ip"],
            "aws.request_id": span.request_id,
        }
    if span.kind == "function":
        return {
            "faas.name": facts["function"],
            "faas.version": facts["version"],
            "faas.invocation_id": span.request_id,
            "faas.coldstart": facts["cold"],
            "faas.max_memory": facts["memory_mb"] * 1024 * 1024,
            "cloud.account.id": facts["account"],
            "cloud.region": facts["region"],
            "aws.lambda.invoked_arn": facts["arn"],
            "aws.log.group.names": facts["log_group"],
            "error.type": facts["error_type"],
        }
    if span.kind == "call":
        return {
            "rpc.system": "aws-api",
            "rpc.service": facts["service"],
            "rpc.method": facts["operation"],
            "aws.resource": facts["resource"],
            "http.response.status_code": span.status,
            "cloud.region": facts["region"],
        }
    annotations = facts.get("annotations")
    return dict(annotations) if isinstance(annotations, dict) else {}


def _attributes(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": name, "value": _value(value)} for name, value in values.items() if value not in (None, "")]


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    return {"doubleValue": value} if isinstance(value, float) else {"stringValue": str(value)}
