"""`staticfire trace` and `staticfire logs` as a user calls them, beside one running stack; its spans go to OTLP too."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.cli.traced_project import SOURCES, Answer, Receiver, TracedProject
from tests.integration.edge.kit import eventually
from tests.unit.edge.services.lambda_.debuggers import line_of

ORDER = "order-1"
RAISES = line_of(SOURCES["front"], "raise ValueError")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TracedProject]:
    receiver = Receiver()
    project = TracedProject(tmp_path_factory.mktemp("traced"), receiver)
    try:
        project.up()
        yield project
    finally:
        project.run("down", "--wipe")
        receiver.shutdown()


@pytest.fixture(scope="module")
def taken(shop: TracedProject) -> Answer:
    """The first request; it set off a function by a topic, which has run."""
    answer = shop.request("/orders", {"id": ORDER})
    assert answer.status == 201
    eventually(lambda: trace_of(shop, answer.request)["set_off"])
    eventually(lambda: f"heard {ORDER}" in shop.run("logs", "--raw")[0])
    return answer


@pytest.fixture(scope="module")
def malformed(shop: TracedProject, taken: Answer) -> Answer:
    return shop.request("/orders", {"malformed": True})


@pytest.fixture(scope="module")
def failed(shop: TracedProject, malformed: Answer) -> Answer:
    """The newest that failed."""
    answer = shop.request("/orders", {"fails": "no stock"})
    assert (malformed.status, answer.status) == (500, 500)
    return answer


def trace_of(shop: TracedProject, identifier: str, *arguments: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(shop.run("trace", identifier, "--json", *arguments)[0])
    return document


def steps(trace: dict[str, Any]) -> list[tuple[str, str, int, int | None]]:
    return [(span["kind"], span["name"], span["depth"], span["status"]) for span in trace["waterfall"]]


def test_the_drawing_has_the_request_its_function_and_what_that_did(shop: TracedProject, taken: Answer) -> None:
    root = trace_of(shop, taken.request)["id"]
    drawings = [shop.run("trace", identifier)[0] for identifier in (root, taken.request, taken.text)]
    assert drawings[0] == drawings[1] == drawings[2]
    lines = drawings[0].splitlines()
    assert lines[0] == "POST /orders  ok"
    assert root in lines[1]
    starts = (
        *("POST /orders ", "    route POST /orders, stage live", "  front ", "      cold start ", "    front init "),
        *("    dynamodb PutItem orders ", "    sns Publish orders ", "set off through sns: "),
    )
    assert [line.startswith(start) for line, start in zip(lines[2:], starts, strict=True)] == [True] * len(starts)
    assert [lines[number].split()[-1] for number in (2, 4, 7, 8)] == ["201", "200", "200", "200"]
    before, after = (re.search("[\u2588\u258f]", lines[number]) for number in (7, 8))
    assert before is not None
    assert after is not None
    assert before.start() <= after.start()
    assert taken.text in lines[5]
    assert "\x1b" not in drawings[0]


def test_as_json_it_is_the_same_trace(shop: TracedProject, taken: Answer) -> None:
    assert steps(trace_of(shop, taken.text)) == [
        ("api", "POST /orders", 0, 201),
        ("function", "front", 1, 200),
        ("init", "front init", 2, None),
        ("call", "dynamodb PutItem orders", 2, 200),
        ("call", "sns Publish orders", 2, 200),
    ]


def test_what_came_by_a_topic_leads_back_to_who_sent_it(shop: TracedProject, taken: Answer) -> None:
    before = trace_of(shop, taken.request)
    (link,) = before["set_off"]
    drawing = shop.run("trace", "--function", "heard")[0]
    assert f"came through sns: {before['id']}" in drawing
    assert ", from sns, request " in drawing
    assert trace_of(shop, link["trace"])["id"] in drawing
    assert "sns" in [line.split(": ")[0].split()[-1] for line in drawing.splitlines() if line.startswith("came")]


def test_a_trace_that_begins_at_a_topic(shop: TracedProject, taken: Answer) -> None:
    shop.aws("sns").publish(TopicArn=shop.outputs["topic"], Message="from outside")
    eventually(lambda: "heard from outside" in shop.run("logs", "--function", "heard", "--since", "1m")[0])
    (newest,) = json.loads(shop.run("trace", "--function", "heard", "--list", "--limit", "1", "--json")[0])["traces"]
    assert (newest["name"], newest["source"], newest["outcome"]) == ("heard", "sns", "ok")
    (link,) = trace_of(shop, newest["id"])["came_from"]
    assert steps(trace_of(shop, link["trace"])) == [("call", "sns Publish orders", 0, 200)]


def test_a_trace_that_begins_at_a_schedule_or_a_rule_says_so_whatever_its_input(shop: TracedProject) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=2)).strftime("%Y-%m-%dT%H:%M:%S")
    timed = {"Arn": shop.outputs["timed"], "RoleArn": shop.outputs["role"], "Input": json.dumps({"word": "now"})}
    made = shop.aws("scheduler").create_schedule(
        Name="once", ScheduleExpression=f"at({soon})", FlexibleTimeWindow={"Mode": "OFF"}, Target=timed
    )
    events = shop.aws("events")
    rule = events.put_rule(Name="paid", EventPattern='{"source": ["shop"]}')["RuleArn"]
    transformer = {"InputPathsMap": {"word": "$.detail.word"}, "InputTemplate": '{"word": <word>}'}
    events.put_targets(
        Rule="paid", Targets=[{"Id": "timed", "Arn": shop.outputs["timed"], "InputTransformer": transformer}]
    )
    entry = {"Source": "shop", "DetailType": "paid", "Detail": json.dumps({"word": "paid"})}
    put = events.put_events(Entries=[entry])["Entries"][0]["EventId"]

    def both() -> dict[str, Any]:
        listed = json.loads(shop.run("trace", "--function", "timed", "--list", "--json")[0])["traces"]
        return {one["source"]: one for one in listed} if len(listed) == 2 else {}

    traces = eventually(both)
    scheduled, by_rule = (trace_of(shop, traces[source]["id"]) for source in ("schedule", "events"))
    (function,) = (span for span in scheduled["waterfall"] if span["kind"] == "function")
    assert function["facts"]["source_arn"] == made["ScheduleArn"]
    assert ", from schedule, request " in shop.run("trace", scheduled["id"])[0]
    (function,) = (span for span in by_rule["waterfall"] if span["kind"] == "function")
    assert function["facts"]["source_arn"] == rule
    (link,) = by_rule["came_from"]
    assert (link["by"], link["what"]) == ("events", put)
    assert steps(trace_of(shop, link["trace"])) == [("call", "events PutEvents", 0, 200)]


def test_the_newest_that_failed_is_drawn_with_its_stack(shop: TracedProject, failed: Answer) -> None:
    drawing = shop.run("trace", "--errors")[0]
    assert drawing.startswith("POST /orders  fault\n")
    assert f"request {failed.request}" in drawing
    assert "ValueError: no stock" in drawing
    assert f'File "/var/task/shop/front.py", line {RAISES}, in handler' in drawing
    assert shop.run("trace", "--errors", "--function", "heard", code=1)[1] == "No trace failed.\n"


def test_the_authorizer_is_a_step_of_the_request_that_it_lets_in_or_not(shop: TracedProject, failed: Answer) -> None:
    opened, shut = (shop.request("/secret", authorization=word) for word in ("open", "shut"))
    assert (opened.status, shut.status) == (201, 403)
    assert [step for step in steps(trace_of(shop, opened.request)) if step[0] != "init"] == [
        ("api", "GET /secret", 0, 201),
        ("function", "gate", 1, 200),
        ("function", "front", 1, 200),
    ]
    assert steps(trace_of(shop, shut.request)) == [("api", "GET /secret", 0, 403), ("function", "gate", 1, 200)]
    last = shop.run("trace", "--last")[0]
    assert last == shop.run("trace")[0]
    assert last.startswith("GET /secret  error\n")


def test_a_request_that_was_throttled_has_a_trace_without_a_function(shop: TracedProject, failed: Answer) -> None:
    throttled = eventually(lambda: next((one for one in [shop.request("/few")] if one.status == 429), None))
    drawing = shop.run("trace", throttled.request)[0]
    assert drawing.startswith("GET /few  throttle\n")
    assert "route GET /few, stage live" in drawing
    assert steps(trace_of(shop, throttled.request)) == [("api", "GET /few", 0, 429)]


def test_an_id_that_names_no_trace_is_2_and_says_where_to_look(shop: TracedProject) -> None:
    assert "staticfire trace --list" in shop.run("trace", "1-2-3", code=2)[1]


def test_one_stream_has_functions_access_logs_and_the_edges_reasons(shop: TracedProject, failed: Answer) -> None:
    lines = shop.run("logs")[0].splitlines()
    bodies = [line.partition(" ")[2] for line in lines]
    assert "heard: heard order-1" in bodies
    assert any(body.startswith("front: [INFO]") and body.endswith("order order-1") for body in bodies)
    access = [json.loads(body.partition(": ")[2]) for body in bodies if body.startswith("shop (API): ")]
    assert {"requestId": failed.request, "status": "500", "route": "POST /orders"} in access
    reasons = [body for body in bodies if body.startswith("edge: ")]
    assert any("statusCode is 'none'" in reason for reason in reasons)
    assert any("no stock" in reason for reason in reasons)


def test_errors_alone_as_json(shop: TracedProject, malformed: Answer, failed: Answer) -> None:
    lines = [json.loads(line) for line in shop.run("logs", "--errors", "--json")[0].splitlines()]
    assert {line["error"] for line in lines} == {True}
    assert [line["timestamp"] for line in lines] == sorted(line["timestamp"] for line in lines)
    assert {(line["kind"], line["source"]) for line in lines} == {
        ("function", "front"),
        ("access", "shop (API)"),
        ("edge", "edge"),
    }
    (reason,) = (line for line in lines if line["kind"] == "edge" and line["request_id"] == malformed.request)
    assert "statusCode is 'none'" in reason["message"]


def test_the_lines_of_one_request_by_any_of_its_ids(shop: TracedProject, taken: Answer, failed: Answer) -> None:
    root = trace_of(shop, taken.request)["id"]
    streams = [shop.run("logs", "--request", one, "--json")[0] for one in (root, taken.request, taken.text)]
    assert streams[0] == streams[1] == streams[2]
    lines = [json.loads(line) for line in streams[0].splitlines()]
    assert {line["source"] for line in lines} == {"front", "shop (API)"}
    assert {line["request_id"] for line in lines} == {taken.request, taken.text}
    assert {"level": "WARNING", "message": "taken", "order": ORDER} in [line["message"] for line in lines]
    refused = shop.run("logs", "--request", failed.request, "--raw")[0]
    assert "no stock" in refused
    assert ORDER not in refused


def test_lines_are_chosen_by_a_pattern_functions_and_time(shop: TracedProject, taken: Answer, failed: Answer) -> None:
    assert shop.run("logs", "--raw", "--grep", r"^heard order-\d$")[0] == f"heard {ORDER}\n"
    several = shop.run("logs", "--function", "heard", "--function", "front", "--json")[0].splitlines()
    assert {json.loads(line)["source"] for line in several} == {"heard", "front"}
    assert shop.run("logs", "--since", "0s", "--function", "heard")[0] == ""
    assert "regular expression" in shop.run("logs", "--grep", "(", code=2)[1]
    assert "front" in shop.run("logs", "--function", "frnt", code=2)[1]


def test_for_reading_json_is_unfolded_and_the_users_own_file_is_named(shop: TracedProject, failed: Answer) -> None:
    pretty = shop.run("logs", "--pretty")[0]
    assert re.search(r"front WARNING taken order=order-1$", pretty, re.MULTILINE)
    assert f'File "src/front.py", line {RAISES}, in handler' in pretty
    assert "/var/task/shop/front.py" in shop.run("logs", "--raw")[0]


def test_spans_go_to_the_receiver_of_the_setting_otlp(shop: TracedProject, taken: Answer, failed: Answer) -> None:
    receiver = shop.receiver
    eventually(lambda: {"POST /orders", "front", "dynamodb PutItem orders", "heard"} <= receiver.spans.keys())
    assert receiver.paths == {"/base/v1/traces"}
    (service, call), (_, function) = receiver.spans["dynamodb PutItem orders"], receiver.spans["front init"]
    assert service == "front"
    assert call["traceId"] == function["traceId"] == trace_of(shop, taken.request)["id"][2:].replace("-", "")
    assert call["parentSpanId"] == function["parentSpanId"]
    assert "no stock" not in json.dumps([span.get("attributes") for _, span in receiver.spans.values()])
    assert shop.run("trace", call["traceId"])[0] == shop.run("trace", taken.request)[0]
