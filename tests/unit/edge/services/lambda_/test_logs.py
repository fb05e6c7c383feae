"""What functions write, in CloudWatch Logs: every line, in order, with Lambda's own around them."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Mapping
from typing import Any

import pytest

from staticfire.edge.aws.calls import Scope
from staticfire.edge.services.cloudwatch.log_writer import BATCH_EVENTS, _take_batch
from staticfire.edge.services.lambda_.function_logs import FunctionLogs
from staticfire.edge.services.lambda_.output_parser import OutputParser
from tests.unit.edge.services.lambda_.kit import Lab

GROUP = "/aws/lambda/f"


def frame(text: str, milliseconds: int = 1000) -> bytes:
    data = text.encode()
    return b"\xa5\x5a\x00\x03" + len(data).to_bytes(4, "big") + (milliseconds * 1000).to_bytes(8, "big") + data


def test_lines_and_framed_records_keep_their_order() -> None:
    parser = OutputParser()
    records = parser.feed(b"one\n" + frame("two\nlines\n") + b"three\nfo")
    assert records == [(None, "one\n"), (1000, "two\nlines\n"), (None, "three\n")]
    assert parser.feed(b"ur\n") == [(None, "four\n")]


def test_output_in_single_bytes_gives_the_same_records() -> None:
    whole = b"one\n" + frame("two\n\xa5") + b"tail " + frame("three") + b"\n"
    parser = OutputParser()
    records = [record for byte in whole for record in parser.feed(bytes([byte]))]
    assert records == OutputParser().feed(whole)
    assert [text for _, text in records] == ["one\n", "two\n\xa5", "tail ", "three", "\n"]


def test_an_unfinished_line_can_be_ended_and_an_unfinished_frame_stays() -> None:
    parser = OutputParser()
    assert parser.feed(b"half") == []
    assert parser.end_line() == [(None, "half")]
    start, rest = frame("whole")[:10], frame("whole")[10:]
    assert parser.feed(start) == []
    assert parser.end_line() == []
    assert parser.feed(rest) == [(1000, "whole")]


def test_a_mark_with_an_impossible_length_is_text() -> None:
    parser = OutputParser()
    records = parser.feed(b"\xa5\x5a\x00\x03\xff\xff\xff\xff12345678\nnext\n")
    assert records[-1] == (None, "next\n")


async def test_an_invocations_lines_stand_between_start_and_report(lab: Lab) -> None:
    ref = lab.deploy(
        "import logging\ndef handler(e, c):\n"
        "    print('first'); logging.getLogger().warning('second\\nof two lines'); print('third', end='')\n"
    )
    async with lab.running() as functions:
        outcome = await functions.invoke(ref, b"{}")
        await functions.reset()
    lines = lab.emulator.lines[GROUP]
    identifier = outcome.request_id
    assert lines[0].startswith("INIT_START Runtime Version: python:3.")
    assert lines[1:3] == [f"START RequestId: {identifier} Version: $LATEST\n", "first\n"]
    assert re.fullmatch(rf"\[WARNING\]\t\S+Z\t{identifier}\tsecond\nof two lines\n", lines[3])
    assert lines[4:6] == ["third", f"END RequestId: {identifier}\n"]
    assert re.fullmatch(
        rf"REPORT RequestId: {identifier}\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\tMemory Size: 256 MB\t"
        r"Max Memory Used: \d+ MB\tInit Duration: [\d.]+ ms\t\n",
        lines[6],
    )
    assert len(lines) == 7


async def test_an_import_error_is_followed_by_what_the_native_modules_are_for(lab: Lab) -> None:
    head = b"\x7fELF\x02\x01\x01" + bytes(11) + (0x3E).to_bytes(2, "little")
    modules = {
        "fast/__init__.py": "from .fast import loads\n",
        "fast/fast.cpython-302-x86_64-linux-gnu.so": head.decode(),
    }
    ref = lab.deploy({"app.py": "from fast import loads\ndef handler(e, c): print(e)\n", **modules})
    async with lab.running() as functions:
        assert (await functions.invoke(ref, b"{}")).error
        await functions.reset()
    said = [line for line in lab.emulator.lines[GROUP] if "staticfire" in line]
    assert f"the native module of fast is for cpython-302, not for python{lab.version}" in said[0]


async def test_the_log_tail_is_the_invocations_own(lab: Lab) -> None:
    ref = lab.deploy("def handler(e, c): print('saw', e)\n")
    async with lab.running() as functions:
        await functions.invoke(ref, b"1")
        outcome = await functions.invoke(ref, b"2", tail=True)
    assert outcome.log_tail.startswith(f"START RequestId: {outcome.request_id}")
    assert "saw 2" in outcome.log_tail
    assert "saw 1" not in outcome.log_tail


async def test_json_logging_is_json_throughout(lab: Lab) -> None:
    ref = lab.deploy(
        "import logging\nlog = logging.getLogger()\ndef handler(e, c): log.info('hidden'); log.warning('seen')\n",
        LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "WARN", "LogGroup": "/my/group"},
    )
    async with lab.running() as functions:
        outcome = await functions.invoke(ref, b"{}")
        await functions.reset()
    records = [json.loads(line) for line in lab.emulator.lines["/my/group"]]
    assert [record.get("type", record.get("message")) for record in records] == [
        "platform.initStart",
        "platform.start",
        "seen",
        "platform.report",
    ]
    assert records[2]["requestId"] == outcome.request_id
    assert records[3]["record"]["metrics"]["memorySizeMB"] == 256
    (stream,) = lab.emulator.streams
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/f\[\$LATEST\][0-9a-f]{32}", stream)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("raise ValueError", {"status": "success"}),  # the runtime told of it, and is ready for the next
        ("import os; os._exit(3)", {"status": "error", "errorType": "Runtime.ExitError"}),
    ],
)
async def test_a_report_names_an_error_type_only_with_a_status_of_an_error(
    lab: Lab, line: str, expected: dict[str, str]
) -> None:
    ref = lab.deploy(f"def handler(e, c): {line}\n", LoggingConfig={"LogFormat": "JSON", "LogGroup": "/my/group"})
    async with lab.running() as functions:
        assert (await functions.invoke(ref, b"{}")).error
        await functions.reset()
    records = [json.loads(line) for line in lab.emulator.lines["/my/group"]]
    (report,) = (record["record"] for record in records if record.get("type") == "platform.report")
    assert {name: report.get(name) for name in ("status", "errorType") if name in report} == expected


async def test_lines_survive_an_emulator_that_is_away_for_a_while(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    ref = lab.deploy("def handler(e, c): print('kept', e)\n")
    async with lab.running() as functions:
        await functions.invoke(ref, b"0")
        lab.emulator.down = True
        with caplog.at_level(logging.WARNING):
            assert (await functions.invoke(ref, b"1")).error is None
            await lab.until(lambda: "cannot be sent now" in caplog.text)
        lab.emulator.down = False
        await lab.until(lambda: "kept 1\n" in lab.emulator.lines.get(GROUP, []))


async def test_a_full_buffer_drops_the_oldest_and_says_so(
    lab: Lab, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("staticfire.edge.services.cloudwatch.log_writer.BUFFER_LIMIT", 10)
    lab.emulator.down = True
    lab.deploy("")
    async with lab.running() as functions:
        lab.emulator.down = False
        config = await functions.describe(lab.deploy(""))
    lab.emulator.down = True
    logs = FunctionLogs(lab.emulator)
    stream = logs.stream(config)
    with caplog.at_level(logging.WARNING):
        for number in range(11):
            stream.append([(None, str(number))])
    lab.emulator.down = False
    await logs.close()
    assert "6 lines of function logs were dropped" in caplog.text
    assert lab.emulator.lines[GROUP] == ["6", "7", "8", "9", "10"]


async def test_lines_that_are_dropped_while_others_are_on_their_way_do_not_disturb_these(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("staticfire.edge.services.cloudwatch.log_writer.BUFFER_LIMIT", 10)
    async with lab.running() as functions:
        config = await functions.describe(lab.deploy(""))
    answer, asked, go_on = lab.emulator.json, asyncio.Event(), asyncio.Event()

    async def slow(*arguments: Any, **named: Any) -> dict[str, Any]:
        asked.set()
        await go_on.wait()
        return await answer(*arguments, **named)

    monkeypatch.setattr(lab.emulator, "json", slow)
    logs = FunctionLogs(lab.emulator)
    stream = logs.stream(config)
    stream.made = True
    lab.emulator.groups.add(GROUP)
    lab.emulator.streams.add(stream.name)
    stream.append([(None, f"first {number}") for number in range(8)])
    sending = asyncio.ensure_future(logs.flush())
    await asked.wait()
    for number in range(3):
        stream.append([(None, f"then {number}")])
    go_on.set()
    await sending
    await logs.close()
    assert lab.emulator.lines[GROUP] == [f"first {number}" for number in range(8)]


async def test_lines_that_come_while_a_batch_is_on_its_way_wait_for_the_next_round(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with lab.running() as functions:
        config = await functions.describe(lab.deploy(""))
    logs = FunctionLogs(lab.emulator)
    stream = logs.stream(config)
    answer, batches = lab.emulator.json, []

    async def busy(scope: Scope, service: str, target: str, body: Mapping[str, Any], **named: Any) -> dict[str, Any]:
        if target.endswith("PutLogEvents"):
            batches.append([event["message"] for event in body["logEvents"]])
            stream.append([(None, f"while {len(batches)}")])
        return await answer(scope, service, target, body, **named)

    monkeypatch.setattr(lab.emulator, "json", busy)
    stream.append([(None, "first"), (None, "second")])
    await logs.flush()
    assert batches == [["first", "second"]]
    await logs.flush()
    assert batches[1:] == [["while 1"]]
    await logs.close()


async def test_time_never_runs_backwards_in_a_stream(lab: Lab) -> None:
    logs = FunctionLogs(lab.emulator)
    async with lab.running() as functions:
        stream = logs.stream(await functions.describe(lab.deploy("")))
    stream.append([(None, "now"), (1, "framed long ago"), (None, "later")])
    await logs.close()
    assert lab.emulator.lines[GROUP] == ["now", "framed long ago", "later"]


async def test_a_batch_is_no_larger_than_cloudwatch_takes(lab: Lab) -> None:
    logs = FunctionLogs(lab.emulator)
    async with lab.running() as functions:
        stream = logs.stream(await functions.describe(lab.deploy("")))
    stream.append([(None, "x" * 300_000)] * 10 + [(None, "y")] * 20_000)
    first = _take_batch(stream.waiting)
    assert sum(len(text) + 26 for _, text in first) <= 1_048_576
    assert max(len(text) for _, text in first) <= 256 * 1024 - 26
    while stream.waiting[0][1] != "y":
        stream.waiting.popleft()
    assert len(_take_batch(stream.waiting)) == BATCH_EVENTS
    await logs.close()
    assert len(lab.emulator.lines[GROUP]) == 10_000


async def test_metrics_count_every_invocation(lab: Lab) -> None:
    ref = lab.deploy("def handler(e, c): return 1 / e\n")
    async with lab.running() as functions:
        await asyncio.gather(*(functions.invoke(ref, payload) for payload in (b"1", b"0", b"2")))
    data = {}
    for params in [body for action, body in lab.emulator.sent if action == "PutMetricData"]:
        assert params["Namespace"] == "AWS/Lambda"
        for key in [key for key in params if key.endswith("MetricName")]:
            datum = key.removesuffix("MetricName")
            dimensions = tuple(params.get(f"{datum}Dimensions.member.{n}.Value") for n in (1, 2))
            if counts := [count for name, count in params.items() if name.startswith(f"{datum}Counts.")]:
                data[params[key], dimensions] = [str(sum(map(int, counts)))]  # in bins, for percentiles
                continue
            data[params[key], dimensions] = [
                params[f"{datum}StatisticValues.{name}"] for name in ("SampleCount", "Sum")
            ]
    assert data["Invocations", ("f", None)] == ["3", "3"]
    assert data["Errors", ("f", None)] == ["3", "1"]
    assert ("Errors", ("f", "f")) not in data, "a version or alias has metrics of its own, the function has not"
    assert data["Duration", ("f", None)][0] == "3"
    assert lab.scope == Scope()
