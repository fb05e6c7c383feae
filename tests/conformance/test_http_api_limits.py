"""Sizes, time and concurrency: the quotas of HTTP APIs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from threading import Thread

import pytest

from tests.conformance.fidelity import documented
from tests.conformance.lab import Answer, Api, Lab, Wire, together

AREA = "HTTP API: quotas"
PAGE = "apigateway/latest/developerguide/http-api-quotas.html"
INTEGRATION = "apigatewayv2/latest/api-reference/apis-apiid-integrations-integrationid.html"
CONCURRENCY = "lambda/latest/dg/configuration-concurrency.html"
UNAVAILABLE = {"message": "Service Unavailable"}
MIB = 1024 * 1024


@documented(AREA, 'A body over 10 MB: 413 `{"message":"Request Entity Too Large"}`', PAGE)
def test_a_body_over_10_mb_is_too_large(echoing: Api) -> None:
    answer = echoing.post("/", b"x" * (10 * MIB + 1), {"Content-Type": "text/plain"})
    assert (answer.status, answer.json()) == (413, {"message": "Request Entity Too Large"})


@documented(AREA, "The 10 MB count for a body in chunks too", PAGE)
def test_a_chunked_body_over_10_mb_is_too_large(lab: Lab, echoing: Api) -> None:
    path = echoing.url.removeprefix(lab.endpoint)
    with lab.wire() as wire:
        wire.write(f"POST {path}/ HTTP/1.1\r\nHost: {lab.netloc}\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"100000\r\n" + b"x" * MIB + b"\r\n"
        Thread(target=flood, args=(wire, chunk * 11 + b"0\r\n\r\n"), daemon=True).start()
        assert wire.answer().status == 413


def flood(wire: Wire, data: bytes) -> None:
    """Writes until all is written or the other side has had enough."""
    with suppress(OSError):
        wire.write(data)


@documented(
    AREA,
    "A body that Lambda's 6 MB cannot hold is refused with 413 as well",
    "lambda/latest/dg/gettingstarted-limits.html",
)
def test_a_body_over_lambdas_limit_is_too_large(echoing: Api) -> None:
    assert echoing.post("/", b"x" * (7 * MIB), {"Content-Type": "text/plain"}).status == 413


@documented(AREA, "The request line and headers hold 10,240 bytes together, more is 431", PAGE)
def test_headers_over_10_kb_are_too_large(echoing: Api) -> None:
    assert echoing.get("/", {"X-Large": "x" * 8000}).status == 200
    assert echoing.get("/", {"X-Large": "x" * 10240}).status == 431
    assert echoing.get("/", {f"X-{n}": "x" * 500 for n in range(30)}).status == 431


@documented(AREA, 'A function that is out of concurrency: 503 `{"message":"Service Unavailable"}`', CONCURRENCY)
def test_a_function_out_of_concurrency_is_unavailable(lab: Lab) -> None:
    function = lab.function("def handler(event, context):\n    return 1\n")
    api = lab.api({"GET /": function})
    assert api.get("/").status == 200
    lab.aws("lambda").put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
    answer = api.get("/")
    assert (answer.status, answer.json()) == (503, UNAVAILABLE)


SLOW = "import time\ndef handler(event, context):\n    time.sleep(60)\n"


@documented(AREA, 'An integration slower than its time-out: 503 `{"message":"Service Unavailable"}`', INTEGRATION)
def test_an_integration_has_its_own_time_out(lab: Lab) -> None:
    function = lab.function(SLOW, Timeout=60)
    answer = lab.api({"GET /": function}, integration={"TimeoutInMillis": 200}).get("/")
    assert (answer.status, answer.json()) == (503, UNAVAILABLE)


def slower_than_30_seconds(lab: Lab) -> Answer:
    return lab.api({"GET /": lab.function(SLOW, Timeout=60)}).get("/")


@documented(AREA, "An integration waits 30 seconds at the most", PAGE)
@pytest.mark.begins(work=slower_than_30_seconds)
def test_an_integration_waits_30_seconds(begun: Callable[[], Answer]) -> None:
    answer = begun()
    assert (answer.status, answer.json()) == (503, UNAVAILABLE)


@documented(AREA, "After the time-out of the API the function runs on", INTEGRATION)
def test_the_function_runs_on_after_the_time_out(lab: Lab) -> None:
    queue = lab.queue()
    source = """
        import time
        import boto3

        def handler(event, context):
            time.sleep(1)
            boto3.client("sqs").send_message(QueueUrl=QUEUE, MessageBody="finished")
    """
    function = lab.function(source.replace("QUEUE", repr(queue.url)), Timeout=30)
    assert lab.api({"GET /": function}, integration={"TimeoutInMillis": 300}).get("/").status == 503
    assert queue.receive()["Body"] == "finished"


@documented(AREA, "Requests at the same time run in as many environments", CONCURRENCY)
def test_requests_at_the_same_time_run_beside_each_other(lab: Lab) -> None:
    source = """
        import time

        def handler(event, context):
            time.sleep(3)
            return context.log_stream_name
    """
    api = lab.api({"GET /": lab.function(source, Timeout=10)})
    answers = together(4, lambda _: api.get("/"))
    assert [answer.status for answer in answers] == [200] * 4
    assert len({answer.body for answer in answers}) == 4


@documented(AREA, "A client that hangs up costs no other client anything", PAGE)
def test_a_client_that_hangs_up_costs_no_other(lab: Lab, echoing: Api) -> None:
    path = echoing.url.removeprefix(lab.endpoint)
    for _ in range(20):
        with lab.wire() as wire:
            wire.write(f"POST {path}/ HTTP/1.1\r\nHost: {lab.netloc}\r\nContent-Length: 100\r\n\r\nhalf")
    assert echoing.get("/").status == 200
