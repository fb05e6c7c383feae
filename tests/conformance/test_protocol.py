"""Malformed, hostile and merely odd HTTP: it never takes the endpoint down and never reaches a function wrongly."""

from __future__ import annotations

import json
import re
import resource
from contextlib import ExitStack, suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conformance.fidelity import documented
from tests.conformance.lab import Api, Lab, Wire, send

AREA = "HTTP and safety"
HTTP = "https://www.rfc-editor.org/rfc/rfc9112.html"
QUOTAS = "apigateway/latest/developerguide/http-api-quotas.html"
CORS = "apigateway/latest/developerguide/http-api-cors.html"
LOCAL = "https://www.w3.org/TR/private-network-access/"

RECORD = """
    seen = []

    def handler(event, context):
        if event["rawPath"].endswith("/seen"):
            return seen
        seen.append([event["requestContext"]["http"]["method"], event["rawPath"], event.get("body")])
        return {"statusCode": 200, "body": "recorded"}
"""


@pytest.fixture(scope="module")
def recording(lab: Lab) -> Api:
    """An API whose function keeps what reached it: `GET /seen` answers it."""
    function = lab.function(RECORD)
    lab.aws("lambda").put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=1)
    return lab.api({"$default": function})


def path(lab: Lab, api: Api) -> str:
    return api.url.removeprefix(lab.endpoint)


def exchange(lab: Lab, data: bytes) -> bytes:
    """What comes back for raw bytes, until the connection is closed; nothing when it simply waits."""
    with lab.wire() as wire:
        with suppress(OSError):
            wire.write(data)
            wire.finish()
        return wire.rest()


HEAD = "POST {path}/smuggled HTTP/1.1\r\nHost: {host}\r\n"
MALFORMED = {
    "length and chunks": "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "a list of lengths": "Content-Length: 3, 4\r\n\r\nabcd",
    "a negative length": "Content-Length: -1\r\n\r\n",
    "a length with a sign": "Content-Length: +3\r\n\r\nabc",
    "a length that is no number": "Content-Length: three\r\n\r\nabc",
    "a length beyond all": "Content-Length: 99999999999999999999999999\r\n\r\nabc",
    "chunked, not last": "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "an unknown coding": "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a coding with a tab": "Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    "a chunk size that is no number": "Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
    "a chunk longer than it says": "Transfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\n",
    "a chunk size with 0x": "Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
    "a negative chunk size": "Transfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n",
    "a space before the colon": "Content-Length : 3\r\n\r\nabc",
    "a folded header": "X-Folded: a\r\n b\r\nContent-Length: 0\r\n\r\n",
    "a NUL in a value": "X-Nul: a\x00b\r\nContent-Length: 0\r\n\r\n",
    "a bare CR in a value": "X-Cr: a\rb\r\nContent-Length: 0\r\n\r\n",
    "a header without a name": ": value\r\nContent-Length: 0\r\n\r\n",
    "a header without a colon": "nonsense\r\nContent-Length: 0\r\n\r\n",
    "a second Host": "Host: elsewhere\r\nContent-Length: 0\r\n\r\n",
}


@documented(AREA, "A message whose end is in doubt, or that is malformed: 400, and the connection is closed", HTTP)
@pytest.mark.parametrize("why", MALFORMED)
def test_a_malformed_request_is_refused(lab: Lab, recording: Api, why: str) -> None:
    head = HEAD.format(path=path(lab, recording), host=lab.netloc)
    smuggled = f"GET {path(lab, recording)}/second HTTP/1.1\r\nHost: {lab.netloc}\r\n\r\n"
    answers = exchange(lab, (head + MALFORMED[why] + smuggled).encode("latin-1"))
    assert answers.startswith(b"HTTP/1.1 400") or answers.startswith((b"HTTP/1.1 413", b"HTTP/1.1 501"))
    assert len(re.findall(rb"HTTP/1\.1 \d{3} ", answers)) == 1, "nothing is answered after it"
    assert not [seen for seen in recording.get("/seen").json() if seen[1] in ("/smuggled", "/second")]


@documented(AREA, "A request without a Host, or of another protocol, is refused", HTTP)
@pytest.mark.parametrize(
    "line",
    [
        "GET {path}/x HTTP/1.1\r\n\r\n",
        "GET {path}/x HTTP/3.9\r\nHost: {host}\r\n\r\n",
        "GET {path}/x\r\nHost: {host}\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n",
        "G\u00cbT {path}/x HTTP/1.1\r\nHost: {host}\r\n\r\n",
    ],
)
def test_what_is_not_http_1_1_is_refused(lab: Lab, recording: Api, line: str) -> None:
    answer = exchange(lab, line.format(path=path(lab, recording), host=lab.netloc).encode("latin-1"))
    assert answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5")) or answer == b""
    assert recording.get("/x").status == 200


@documented(AREA, "Requests in one packet are answered one by one, in order", HTTP)
def test_pipelined_requests_are_answered_in_order(lab: Lab, echoing: Api) -> None:
    request = "GET {path}/{n} HTTP/1.1\r\nHost: {host}\r\n\r\n"
    with lab.wire() as wire:
        wire.write("".join(request.format(path=path(lab, echoing), host=lab.netloc, n=n) for n in range(10)))
        answers = [wire.answer() for _ in range(10)]
    assert [answer.json()["rawPath"] for answer in answers] == [f"/{n}" for n in range(10)]


@documented(AREA, "`Expect: 100-continue` is answered before the body", HTTP)
def test_expect_continue(lab: Lab, echoing: Api) -> None:
    with lab.wire() as wire:
        wire.write(
            f"POST {path(lab, echoing)}/ HTTP/1.1\r\nHost: {lab.netloc}\r\nContent-Type: text/plain\r\n"
            "Content-Length: 4\r\nExpect: 100-continue\r\n\r\n"
        )
        assert wire.answer().status == 100
        wire.write("body")
        assert wire.answer().json()["body"] == "body"


@documented(AREA, "HTTP/1.0 is answered and closed", HTTP)
def test_http_1_0_is_answered_and_closed(lab: Lab, echoing: Api) -> None:
    answer = exchange(lab, f"GET {path(lab, echoing)}/ HTTP/1.0\r\nHost: {lab.netloc}\r\n\r\n".encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.split(b" ")[1] == b"200"
    assert json.loads(body)["requestContext"]["http"]["protocol"] == "HTTP/1.0"


@documented(AREA, "A header section or a target beyond all bounds is refused", QUOTAS)
@pytest.mark.parametrize(
    ("target", "headers", "status"),
    [
        ("/x", "X-Large: " + "x" * 200_000 + "\r\n", b"431"),
        ("/x", "".join(f"X-{n}: {n}\r\n" for n in range(5000)), b"431"),
        ("/" + "x" * 200_000, "", b"414"),
    ],
    ids=["one large header", "many headers", "a long target"],
)
def test_beyond_all_bounds(lab: Lab, recording: Api, target: str, headers: str, status: bytes) -> None:
    data = f"GET {path(lab, recording)}{target} HTTP/1.1\r\nHost: {lab.netloc}\r\n{headers}\r\n"
    answer = exchange(lab, data.encode())
    assert answer.split(b" ")[1:2] in ([status], [b"431"]), answer[:100]
    assert recording.get("/x").status == 200


@documented(AREA, "A slow sender holds up nobody else", HTTP)
def test_a_slow_sender_holds_up_nobody(lab: Lab, echoing: Api) -> None:
    with ExitStack() as stack:
        for _ in range(50):
            wire = stack.enter_context(lab.wire())
            wire.write(f"POST {path(lab, echoing)}/ HTTP/1.1\r\nHost: {lab.netloc}\r\nContent-Le")
        assert echoing.get("/").status == 200


@documented(AREA, "Thousands of idle connections hold up nobody", HTTP)
def test_idle_connections_hold_up_nobody(lab: Lab, echoing: Api) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as stack:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4096)), hard))
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        idle = [stack.enter_context(lab.wire()) for _ in range(2000)]
        assert echoing.get("/").status == 200
        for wire in idle[::100]:
            wire.write(f"GET {path(lab, echoing)}/ HTTP/1.1\r\nHost: {lab.netloc}\r\n\r\n")
            assert wire.answer().status == 200


@documented(AREA, "Random bytes are refused or ignored, and the next request is served", HTTP)
def test_random_bytes_take_nothing_down(lab: Lab, recording: Api) -> None:
    start = f"POST {path(lab, recording)}/fuzz HTTP/1.1\r\nHost: {lab.netloc}\r\n".encode()
    pieces = st.one_of(
        st.binary(max_size=64),
        st.sampled_from(
            [
                b"\r\n",
                b"\n",
                b"\r",
                b"\r\n\r\n",
                b"Transfer-Encoding: chunked\r\n",
                b"Content-Length: 5\r\n",
                b"0\r\n\r\n",
            ]
        ),
    )

    @settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.booleans(), st.lists(pieces, max_size=8))
    def fuzz(well_begun: bool, rest: list[bytes]) -> None:
        answer = exchange(lab, (start if well_begun else b"") + b"".join(rest))
        assert answer == b"" or answer.startswith(b"HTTP/1.1 ")

    fuzz()
    assert recording.get("/after").status == 200


@documented(AREA, "What reaches a function is exactly one request", HTTP)
def test_a_body_is_never_a_request(lab: Lab, recording: Api) -> None:
    inner = f"GET {path(lab, recording)}/inner HTTP/1.1\r\nHost: {lab.netloc}\r\n\r\n"
    recording.post("/outer", inner, {"Content-Type": "text/plain"})
    seen = recording.get("/seen").json()
    assert ["POST", "/outer", inner] in seen
    assert not [one for one in seen if one[1] == "/inner"]


FOREIGN = ["https://evil.example.com", "http://localhost.evil.example.com", "null", "http://127.0.0.1.evil.example"]


@documented(
    AREA,
    "AWS endpoints are reached with signed requests only",
    LOCAL,
    "signatures are not checked, so calls that a web page makes are refused: by `Origin`, `Sec-Fetch-Site`, `Host`",
)
@pytest.mark.parametrize("origin", FOREIGN)
def test_a_web_page_cannot_drive_the_endpoint(lab: Lab, origin: str) -> None:
    form = "Action=CreateTopic&Name=driven"
    for headers in (
        {"Origin": origin, "Content-Type": "application/x-www-form-urlencoded"},
        {"Sec-Fetch-Site": "cross-site", "Content-Type": "text/plain"},
    ):
        answer = send("POST", f"{lab.endpoint}/", headers, form)
        assert answer.status == 403
        assert answer.body
    for target in ("/2015-03-31/functions", "/v2/apis", "/_staticfire/health", "/_ministack/reset"):
        assert send("POST", lab.endpoint + target, {"Origin": origin}, "{}").status == 403, target
    topics = lab.aws("sns").list_topics()["Topics"]
    assert not [topic for topic in topics if topic["TopicArn"].endswith(":driven")]


@documented(
    AREA,
    "AWS's names resolve to AWS",
    LOCAL,
    "a name that is not this endpoint's is refused (DNS rebinding)",
)
@pytest.mark.parametrize("host", ["evil.example.com", "localhost.evil.com", "127.0.0.1.evil.com"])
def test_a_rebound_name_is_refused(lab: Lab, host: str) -> None:
    for target in ("/", "/2015-03-31/functions", "/_staticfire/health"):
        answer = send("GET", lab.endpoint + target, {"Host": host})
        assert answer.status in (403, 404), target
        assert answer.status == 403 or b"Not Found" in answer.body


@documented(AREA, "Local names reach the endpoint", LOCAL)
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "s3.localhost", "sqs.us-east-1.localhost.localstack.cloud"])
def test_local_names_reach_the_endpoint(lab: Lab, host: str) -> None:
    port = lab.netloc.rpartition(":")[2]
    assert send("GET", f"{lab.endpoint}/2015-03-31/functions/", {"Host": f"{host}:{port}"}).status != 403


@documented(AREA, "HTTP APIs answer any origin, as their own CORS configuration says", CORS)
def test_apis_answer_any_origin(echoing: Api) -> None:
    answer = echoing.get("/", {"Origin": "https://evil.example.com", "Sec-Fetch-Site": "cross-site"})
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] is None


@documented(AREA, "An upgrade to another protocol is not made", HTTP)
def test_an_upgrade_is_not_made(lab: Lab, echoing: Api) -> None:
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "x"}
    assert echoing.get("/", headers).status != 101


@documented(AREA, "Connections that end in the middle leave nothing behind", HTTP)
def test_connections_that_end_in_the_middle(lab: Lab, recording: Api) -> None:
    head = f"POST {path(lab, recording)}/half HTTP/1.1\r\nHost: {lab.netloc}\r\nContent-Length: 10\r\n\r\n12345"
    for _ in range(30):
        wire = Wire(*lab.address)
        wire.write(head)
        wire.reset()
    assert not [seen for seen in recording.get("/seen").json() if seen[1] == "/half"]
