"""Traces in memory: bounded, found by any id, joined to a tree, linked, told live."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from staticfire.edge.http1.messages import Request
from staticfire.edge.traces import TraceFilter, Traces, recorder
from staticfire.edge.traces.endpoint import answer_about_traces
from staticfire.edge.traces.joining import summarised
from staticfire.edge.traces.model import Record
from staticfire.edge.traces.recorder import EARLY, MARKS, RECORDS_OF_A_TRACE
from staticfire.edge.traces.requests import Served, note_request
from staticfire.edge.traces.segments import BadSegment, take_segment
from staticfire.edge.traces.trace_id import entered, root_of
from staticfire.edge.traces.unfolding import as_text, unfolded


def root(number: int) -> str:
    return f"1-67891233-{number:024x}"


def call(number: int, start: float = 1.0, *, parent: str = "", status: int = 200) -> Record:
    body = b'{"TableName": "orders", "Key": {}}'
    error = b'{"__type": "com.amazonaws#ConditionalCheckFailedException", "message": "no"}'
    facts = ("1", "r", "dynamodb", "PutItem", "POST", "/", body, error if status >= 400 else b"", "f", "e", "")
    return ("call", f"{number:016x}", parent, "", start, start + 1, status, "", "", facts)


def invocation(number: int, start: float = 1.0, *, event: bytes = b"{}", error: str = "", parent: str = "") -> Record:
    answer = json.dumps({"errorType": error, "errorMessage": "m", "stackTrace": ["a", "b"]}).encode() if error else b"1"
    facts: tuple[Any, ...] = ("1", "r", "f", "$LATEST", "arn", "e", True, 5.0, 0.0, 3, 128, 60, 3.0, "success", error)
    status = 500 if error else 200
    identity = f"{number:016x}"
    whole = (*facts, event, answer, "group", "stream")
    return ("function", identity, parent, "f", start, start + 2, status, error, f"request-{number}", whole)


def request(traces: Traces, number: int, *, status: int = 200, error: str = "") -> None:
    served = Served("http", "1", "r", "api", "v1", "POST /x", "host", "127.0.0.1", error=error)
    header, body = f"Root={root(number)}", b"\xff\xfe"
    note_request(traces, header, f"gw-{number}", "POST", "/x", "", [], body, status, [], b"{}", 1.0, 9.0, served)


def test_what_is_paused_keeps_what_it_has_and_goes_on() -> None:
    traces = Traces()
    traces.add(root(1), call(1))
    for method, what, on in (("POST", "pause", False), ("POST", "resume", True)):
        answer = answer_about_traces(traces, Request(method, f"/_staticfire/traces/{what}"), what)
        assert (answer.status, json.loads(answer.body), traces.on) == (200, {"on": on}, on)  # type: ignore[arg-type]
        assert answer_about_traces(traces, Request("GET", "/_staticfire/traces"), root(1)).status == 200
    off = Traces(0)
    off.switch(True)
    assert not off.on
    assert answer_about_traces(off, Request("GET", "/_staticfire/traces"), "").status == 404


def test_the_oldest_go_first() -> None:
    traces = Traces(keep=3)
    for number in range(10):
        traces.add(root(number), call(number))
    assert [summary.id for summary in traces.recent()] == [root(9), root(8), root(7)]
    assert traces.get(root(0)) is None


def test_memory_is_bounded_by_bytes_too_and_given_back() -> None:
    traces = Traces(keep=1000, keep_bytes=100_000)
    for number in range(100):
        traces.add(root(number), call(number), 10_000)
    assert traces.size <= 100_000
    assert 0 < len(traces) < 12
    traces.clear()
    assert (traces.size, len(traces)) == (0, 0)


def test_a_trace_that_grows_without_an_end_is_cut_and_says_so() -> None:
    traces = Traces()
    for number in range(RECORDS_OF_A_TRACE + 7):
        traces.add(root(1), call(number))
    trace = traces.get(root(1))
    assert trace is not None
    assert (len(trace.spans), trace.dropped) == (RECORDS_OF_A_TRACE, 7)


def test_any_id_names_it() -> None:
    traces = Traces()
    request(traces, 1)
    traces.add(root(1), invocation(7))
    traces.mark(root(1), ["sqs:message-1"])
    ids = (root(1), f"Root={root(1)};Parent=1", "gw-1", "request-7", f"{7:016x}", "message-1")
    for identifier in (*ids, root(1)[2:].replace("-", "")):
        trace = traces.get(identifier)
        assert trace is not None, identifier
        assert trace.id == root(1)
    assert traces.get("nothing") is None


def test_spans_are_a_tree_and_calls_say_what_they_are_about() -> None:
    traces = Traces()
    traces.add(root(1), call(3, 2.5, parent=f"{2:016x}", status=400))
    traces.add(root(1), invocation(2, 2.0))
    request(traces, 1)
    trace = traces.get(root(1))
    assert trace is not None
    assert [(span.name, depth) for span, depth in zip(trace.spans, trace.depths, strict=True)] == [
        ("POST /x", 0),
        ("f", 1),
        ("dynamodb PutItem orders", 2),
    ]
    assert trace.spans[2].error == "ConditionalCheckFailedException: no"
    assert trace.spans[0].facts["body"] == {"base64": "//4="}
    json.dumps(trace.document())


def test_parents_in_a_circle_hide_nothing() -> None:
    traces = Traces()
    for one, parent in ((1, 2), (2, 1), (3, 3)):
        traces.add(root(1), call(one, parent=f"{parent:016x}"))
    trace = traces.get(root(1))
    assert trace is not None
    assert len(trace.spans) == 3


def test_filters_choose_and_pages_go_on() -> None:
    traces = Traces()
    for number in range(6):
        request(traces, number, status=500 if number % 2 else 200, error="the function failed" if number % 2 else "")
    failed = traces.recent(TraceFilter(outcome="failed"), limit=2)
    assert [summary.id for summary in failed] == [root(5), root(3)]
    assert failed[0].error == "the function failed"
    assert [one.id for one in traces.recent(TraceFilter(outcome="failed"), before=failed[-1].number)] == [root(1)]
    assert traces.recent(TraceFilter(outcome="ok", text="post /X", status=200, source="api"))[0].id == root(4)
    assert traces.recent(TraceFilter(slower_than=8.5)) == []


def test_an_error_has_its_stack_and_its_source() -> None:
    traces = Traces()
    event = b'{"Records": [{"eventSource": "aws:sqs", "eventSourceARN": "arn:q"}]}'
    traces.add(root(1), invocation(1, event=event, error="ValueError"))
    trace = traces.get(root(1))
    assert trace is not None
    (span,) = trace.spans
    assert (span.error, span.facts["stack"]) == ("ValueError: m", ["a", "b"])
    assert (trace.summary.source, span.facts["source_arn"], trace.summary.outcome) == ("sqs", "arn:q", "fault")


def test_links_go_both_ways_once() -> None:
    traces = Traces()
    traces.add(root(1), call(1))
    traces.mark(root(1), ["sqs:m"])
    for _ in range(2):
        traces.came_from(root(2), ["sqs:m", "sqs:unknown"])
    traces.add(root(2), invocation(2))
    before, after = traces.get(root(1)), traces.get(root(2))
    assert before is not None
    assert after is not None
    assert [(link.trace, link.by, link.what) for link in before.set_off] == [(root(2), "sqs", "m")]
    assert [link.trace for link in after.came_from] == [root(1)]


def test_what_comes_before_its_senders_answer_is_linked_to_it() -> None:
    traces = Traces()
    traces.came_from(root(2), ["events:e"])
    traces.add(root(2), invocation(2))
    traces.mark(root(1), ["events:e"])
    traces.add(root(1), call(1))
    before, after = traces.get(root(1)), traces.get(root(2))
    assert before is not None
    assert after is not None
    assert [(link.trace, link.by, link.what) for link in before.set_off] == [(root(2), "events", "e")]
    assert [link.trace for link in after.came_from] == [root(1)]


def test_marks_that_nobody_sets_are_bounded() -> None:
    traces = Traces()
    for number in range(EARLY + 1):
        traces.came_from(root(2), [f"sqs:{number}"])
    traces.add(root(2), invocation(2))
    traces.mark(root(1), ["sqs:0"])
    assert not traces.get(root(2)).came_from  # type: ignore[union-attr]
    traces.mark(root(1), [f"sqs:{EARLY}"])
    traces.add(root(1), call(1))
    assert traces.get(root(2)).came_from  # type: ignore[union-attr]


def test_an_item_is_known_by_its_keys_where_its_stream_is_read() -> None:
    writes = Traces().item_writes
    body = json.dumps({"TableName": "t", "Item": {"id": {"S": "1"}, "n": {"N": "5"}}}).encode()
    writes.wrote("1", "r", root(1), body)
    assert writes.writer("1", "r", "t", {"id": {"S": "1"}}, 1e12) == ""
    writes.follow("1", "r", "t")
    writes.wrote("1", "r", root(1), body)
    batch = {"RequestItems": {"t": [{"PutRequest": {"Item": {"id": {"S": "2"}}}}]}}
    writes.wrote("1", "r", root(2), json.dumps(batch).encode())
    writes.wrote("1", "r", root(3), b"{cut off")
    assert writes.writer("1", "r", "t", {"id": {"S": "1"}}, 1e12) == root(1)
    assert writes.writer("1", "r", "t", {"id": {"S": "2"}}, 1e12) == root(2)
    assert writes.writer("1", "r", "t", {"id": {"S": "1"}}, 0) == ""


async def test_changes_are_told_live() -> None:
    traces = Traces()
    async with asyncio.timeout(30), traces.subscribe() as changes:
        request(traces, 1)
        traces.add(root(1), invocation(2))
        async for summary in changes:
            assert (summary.id, summary.spans) == (root(1), 2)
            break


def test_the_header_that_a_function_gets() -> None:
    whole = f"Root={root(1)};Parent=463ac35c9f6413ad;Sampled=0"
    assert entered(whole, False)[0] == whole
    header, name, span, parent = entered(whole, True)
    assert (header, name, parent) == (f"Root={root(1)};Parent={span};Sampled=1", root(1), "463ac35c9f6413ad")
    header, name, span, parent = entered(f"Root={root(1)}", False)
    assert (header, parent) == (f"Root={root(1)};Parent={span};Sampled=0", "")
    assert root_of(entered("nonsense", False)[0]) not in ("", root(1))


@pytest.mark.parametrize(
    "header", ["", "Root=", "Root=1-2-3", f"Parent={root(1)}", f"Root={root(1)[:-1]};", "Root=1-é"]
)
def test_a_header_without_a_root_has_none(header: str) -> None:
    assert root_of(header) == ""


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"trace_id": "1-2-3"}, "InvalidTraceId"),
        ({"id": "x"}, "InvalidId"),
        ({"name": ""}, "MissingName"),
        ({"start_time": "now"}, "MissingStartTime"),
        ({"end_time": None}, "MissingEndTime"),
        ({"subsegments": {}, "metadata": "m"}, ""),
        ({"subsegments": [1]}, "ParseError"),
        ({"metadata": "x" * 70_000}, "SegmentTooLarge"),
    ],
)
def test_what_is_no_segment_is_refused(change: dict[str, Any], code: str) -> None:
    traces = Traces()
    segment = {"trace_id": root(1), "id": "0" * 16, "name": "n", "start_time": 1.0, "end_time": 2.0, **change}
    if not code:
        take_segment(traces, json.dumps(segment))
        return
    with pytest.raises(BadSegment, match=code):
        take_segment(traces, json.dumps(segment))
    assert len(traces) == 0


def test_two_requests_of_one_trace_are_two_spans() -> None:
    traces = Traces()
    request(traces, 1)
    request(traces, 1, status=500, error="no")  # as a function makes it that passes the trace on
    trace = traces.get(root(1))
    assert trace is not None
    assert sorted(span.status for span in trace.spans) == [200, 500]
    assert len({span.id for span in trace.spans}) == 2


@pytest.mark.parametrize("answer", [b'{"errorType": "E", "stackTrace": 5}', b"[" * 60_000])
def test_an_error_of_any_form_is_shown(answer: bytes) -> None:
    traces = Traces()
    record = invocation(1, error="E")
    traces.add(root(1), (*record[:9], (*record[9][:16], answer, *record[9][17:])))
    assert traces.recent()[0].outcome == "fault"


@pytest.mark.parametrize("end", ['"x"', "[1]", "-1"])
def test_a_segment_that_goes_on_may_say_any_end(end: str) -> None:
    traces = Traces()
    head = f'{{"trace_id": "{root(1)}", "id": "{1:016x}", "name": "n", "start_time": 1, "in_progress": true'
    take_segment(traces, f'{head}, "end_time": {end}}}')
    assert len(traces) == 1
    with pytest.raises(BadSegment, match="ParseError"):
        take_segment(traces, f'{head}, "metadata": {"[" * 400}{"]" * 400}}}')


def test_old_marks_go_and_the_newest_stay() -> None:
    traces = Traces()
    traces.add(root(1), call(1))
    for number in range(MARKS + 1):
        traces.mark(root(1), [f"sqs:{number}"])
    assert traces.get(f"{MARKS}") is not None
    assert traces.get("0") is None


def test_a_link_to_what_makes_room_for_it_is_none() -> None:
    traces = Traces(keep=1)
    traces.add(root(1), call(1))
    traces.mark(root(1), ["sqs:m"])
    traces.came_from(root(2), ["sqs:m"])
    traces.add(root(2), call(2))
    trace = traces.get(root(2))
    assert trace is not None
    assert not trace.came_from


def test_of_an_item_that_was_written_what_may_be_a_key_is_kept() -> None:
    writes = Traces().item_writes
    writes.follow("1", "r", "t")
    item = {"id": {"S": "a"}, "long": {"S": "x" * 5000}, "more": {"M": {}}, "count": {"N": "1"}}
    writes.wrote("1", "r", root(1), json.dumps({"TableName": "t", "Item": item}).encode())
    assert writes.writer("1", "r", "t", {"id": {"S": "a"}, "count": {"N": "1"}}, 1e12) == root(1)
    assert writes.writer("1", "r", "t", {"long": {"S": "x" * 5000}}, 1e12) == ""


async def test_all_of_a_time() -> None:
    traces = Traces()
    for number in range(3):
        traces.add(root(number), call(number, start=float(number)))
    assert [trace.id async for trace in traces.all(1.0, 1.5)] == [root(1)]


def test_what_cannot_be_chosen_is_not_summed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def counted(identifier: str, *rest: Any) -> Any:
        made.append(identifier)
        return summarised(identifier, *rest)

    monkeypatch.setattr(recorder, "summarised", counted)
    traces = Traces()
    for number in range(20):
        request(traces, number)
    request(traces, 20, status=502, error="no")
    assert [summary.id for summary in traces.recent(TraceFilter(outcome="fault"))] == [root(20)]
    assert traces.recent(TraceFilter(since=5.0)) == []
    assert made == [root(20)]
    traces.add(root(21), invocation(21, error="E"))
    assert [summary.id for summary in traces.recent(TraceFilter(outcome="failed"))] == [root(21), root(20)]


def test_one_trace_is_bounded_too_and_says_what_was_cut() -> None:
    traces = Traces()
    large = {"id": "1", "error": True, "metadata": {"x": "y" * 20_000}}
    for number in range(RECORDS_OF_A_TRACE):
        event = ("ä" * 32_000).encode()
        traces.add(root(1), invocation(number, event=event), len(event))
    document = json.dumps(large).encode()
    assert traces.size < 2 * recorder.BYTES_OF_A_TRACE
    trace = traces.get(root(1))
    assert trace is not None
    assert trace.cut == trace.document()["spans_cut"] > 900
    assert trace.dropped == 0
    assert {len(span.facts["event"]) for span in trace.spans} == {32_000, 512}
    cut, left = recorder._excerpt(("segment", "1", "", "s", 1.0, 2.0, 0, "", "", (document,)))
    assert left < 100
    assert unfolded(cut).facts["is_error"]


def test_text_that_is_cut_within_a_letter_is_text() -> None:
    assert as_text("ää".encode()[:3]) == "ä"
    assert as_text(b"\xff") == {"base64": "/w=="}
    assert as_text(b"\xc3") == {"base64": "ww=="}
