"""Spans on their way out: to an OTLP receiver, into a file."""

from __future__ import annotations

import asyncio
import functools
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from staticfire.edge.http1.messages import Request, Response
from staticfire.edge.traces import Traces, exporting
from staticfire.edge.traces.exporting import IntoFile, Otlp
from staticfire.host.files import rotated
from tests.unit.edge.kit import serving
from tests.unit.edge.traces.test_recorder import call, invocation, request, root


def lost(exporter: Otlp, count: int) -> bool:
    return exporter.lost > count


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_an_otlp_receiver_gets_spans_by_service_without_bodies() -> None:
    received: list[tuple[str, dict[str, Any]]] = []

    async def receive(message: Request) -> Response:
        received.append((message.path, json.loads(await message.body())))
        return Response(200, [("content-type", "application/json")], b"{}")

    async with serving(receive) as server:
        traces = Traces()
        exporter = Otlp(traces, f"http://127.0.0.1:{server.port}/base/")
        request(traces, 1)
        traces.add(root(1), invocation(2, error="ValueError"))
        traces.add(root(1), call(3, parent=f"{2:016x}"))
        await until(lambda: received)
        await exporter.close()
    path, document = received[0]
    assert path == "/base/v1/traces"
    spans = {
        span["name"]: (resource["resource"]["attributes"][0]["value"]["stringValue"], span)
        for resource in document["resourceSpans"]
        for span in resource["scopeSpans"][0]["spans"]
    }
    service, function = spans["f"]
    assert service == "f"
    assert function["traceId"] == "67891233000000000000000000000001"
    assert function["status"] == {"code": 2, "message": "ValueError: m"}
    assert spans["dynamodb PutItem orders"][1]["parentSpanId"] == function["spanId"]
    assert "stackTrace" not in json.dumps(document)


async def test_a_receiver_that_is_away_is_complained_of_once(caplog: pytest.LogCaptureFixture) -> None:
    async def refuse(message: Request) -> Response:
        await message.body()
        return Response(503, [], b"busy")

    async with serving(refuse) as server:
        traces = Traces()
        exporter = Otlp(traces, f"http://127.0.0.1:{server.port}")
        with caplog.at_level(logging.WARNING):
            for number in range(2):
                traces.add(root(number), call(number))
                await until(functools.partial(lost, exporter, number))
        await exporter.close()
    assert len([record for record in caplog.records if "busy" in record.getMessage()]) == 1


async def test_a_file_has_a_document_a_line(tmp_path: Path) -> None:
    traces = Traces()
    exporter = IntoFile(traces, tmp_path / "sub" / "traces.jsonl")
    traces.add(root(1), call(1))
    await exporter.close()
    assert (tmp_path / "sub" / "traces.jsonl").stat().st_mode & 0o077 == 0
    (line,) = (tmp_path / "sub" / "traces.jsonl").read_text().splitlines()
    assert json.loads(line)["trace"] == root(1)
    assert json.loads(line)["name"] == "dynamodb PutItem orders"


async def test_a_span_that_cannot_be_written_does_not_end_the_export(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    traces = Traces()
    exporter = IntoFile(traces, tmp_path / "traces.jsonl")
    traces.add(root(1), invocation(1, error="\ud800"))  # as JSON may name it, and UTF-8 cannot hold it
    await until(lambda: exporter.lost)
    traces.add(root(2), call(2))
    await until((tmp_path / "traces.jsonl").exists)
    await exporter.close()
    assert "cannot be written down" in caplog.text
    assert json.loads((tmp_path / "traces.jsonl").read_text())["trace"] == root(2)


async def test_what_waits_is_bounded_by_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "WAITING_BYTES", 10_000)
    traces = Traces()
    exporter = IntoFile(traces, tmp_path / "traces.jsonl")
    for number in range(100):
        traces.add(root(number), invocation(number, event=b"x" * 1000))
    assert exporter.lost > 80
    await exporter.close()
    assert len((tmp_path / "traces.jsonl").read_text().splitlines()) == 100 - exporter.lost


async def test_what_is_forgotten_is_gone_from_the_file_too(tmp_path: Path) -> None:
    traces, path = Traces(), tmp_path / "traces.jsonl"
    exporter = IntoFile(traces, path)
    traces.add(root(1), call(1))
    await until(path.exists)
    rotated(path).write_text("older")
    traces.add(root(2), call(2))
    traces.clear()
    assert list(tmp_path.iterdir()) == []
    traces.add(root(3), call(3))
    await exporter.close()
    assert [json.loads(line)["trace"] for line in path.read_text().splitlines()] == [root(3)]
