"""What a function receives of a request: payload formats 2.0 and 1.0."""

from __future__ import annotations

import base64
import json
import re
import sys
import time
from datetime import UTC, datetime

import pytest

from tests.conformance.fidelity import GATEWAY, documented
from tests.conformance.lab import Api, Lab

AREA = "HTTP API: events"
PAGE = "apigateway/latest/developerguide/http-api-develop-integrations-lambda.html"


@documented(
    AREA, "Format 2.0 says `version`, `routeKey`, `rawPath`, `rawQueryString`, `headers`, `requestContext`", PAGE
)
def test_a_plain_request_is_an_event_of_format_2_0(lab: Lab, echoing: Api) -> None:
    event = echoing.event("GET", "/my/path", {"X-One": "1"})
    assert event["version"] == "2.0"
    assert event["routeKey"] == "$default"
    assert event["rawPath"] == "/my/path"
    assert event["rawQueryString"] == ""
    assert event["headers"]["x-one"] == "1"
    assert event["isBase64Encoded"] is False
    assert event["requestContext"]["accountId"] == lab.account


@documented(AREA, "Keys of format 2.0 with nothing to say are absent, not null", PAGE)
def test_absent_keys_are_absent(echoing: Api) -> None:
    event = echoing.event("GET", "/")
    assert not {"cookies", "queryStringParameters", "pathParameters", "stageVariables", "body"} & set(event)
    assert "authorizer" not in event["requestContext"]
    assert set(event) == {
        "version",
        "routeKey",
        "rawPath",
        "rawQueryString",
        "headers",
        "requestContext",
        "isBase64Encoded",
    }


@documented(AREA, "`requestContext` of format 2.0: API, domain, `http`, request id, route key, stage and time", PAGE)
def test_the_request_context_is_complete(lab: Lab, echoing: Api, client_ip: str) -> None:
    before = int(time.time() * 1000)
    context = echoing.event("PUT", "/a/b?c=d", {"User-Agent": "agent/1.0"})["requestContext"]
    after = int(time.time() * 1000)
    assert context["apiId"] == echoing.id
    assert context["domainPrefix"] == echoing.id
    assert context["domainName"].startswith(f"{echoing.id}.execute-api.")
    assert context["routeKey"] == "$default"
    assert context["stage"] == "$default"
    http = context["http"]
    assert http == {
        "method": "PUT",
        "path": "/a/b",
        "protocol": "HTTP/1.1",
        "sourceIp": client_ip,
        "userAgent": "agent/1.0",
    }
    assert before <= context["timeEpoch"] <= after
    moment = datetime.strptime(context["time"], "%d/%b/%Y:%H:%M:%S %z")
    assert moment == datetime.fromtimestamp(context["timeEpoch"] // 1000, UTC)
    assert set(context) == {
        "accountId",
        "apiId",
        "domainName",
        "domainPrefix",
        "http",
        "requestId",
        "routeKey",
        "stage",
        "time",
        "timeEpoch",
    }


@documented(AREA, "The event's `requestId` is the `apigw-requestid` of the answer, another one for each request", PAGE)
def test_the_request_id_of_the_event_is_the_one_answered(echoing: Api) -> None:
    answers = [echoing.get("/") for _ in range(3)]
    ids = [answer.json()["requestContext"]["requestId"] for answer in answers]
    assert ids == [answer.headers["apigw-requestid"] for answer in answers]
    assert len(set(ids)) == 3


@documented(AREA, "`rawPath` carries the name of a named stage, and not of `$default`", PAGE)
def test_a_named_stage_is_part_of_the_raw_path(lab: Lab, echo: str) -> None:
    api = lab.api({"GET /pets/{id}": echo}, stage="prod")
    event = api.event("GET", "/pets/7")
    assert event["rawPath"] == "/prod/pets/7"
    assert event["requestContext"]["http"]["path"] == "/prod/pets/7"
    assert event["requestContext"]["stage"] == "prod"
    assert event["requestContext"]["routeKey"] == event["routeKey"] == "GET /pets/{id}"


@documented(AREA, "`rawQueryString` is the query as sent; repeated parameters are joined by a comma", PAGE)
def test_a_query_is_told_raw_and_joined(echoing: Api) -> None:
    event = echoing.event("GET", "/?b=1&a=x%20y&b=2&c&d=&e=%2C+z")
    assert event["rawQueryString"] == "b=1&a=x%20y&b=2&c&d=&e=%2C+z"
    assert event["queryStringParameters"] == {"a": "x y", "b": "1,2", "c": "", "d": "", "e": ", z"}


@documented(AREA, "Header names are lower-case; repeated headers are joined by a comma", PAGE)
def test_repeated_headers_are_joined(echoing: Api) -> None:
    event = echoing.event("GET", "/", [("X-Many", "a"), ("Other", "o"), ("x-MANY", "b")])
    assert event["headers"]["x-many"] == "a,b"
    assert all(name == name.lower() for name in event["headers"])


@documented(AREA, "Cookies are a list of their own and no header", PAGE)
def test_cookies_are_a_list(echoing: Api) -> None:
    event = echoing.event("GET", "/", {"Cookie": "a=1; b=two words; c"})
    assert event["cookies"] == ["a=1", "b=two words", "c"]
    assert "cookie" not in event["headers"]


@documented(AREA, "The event carries `X-Forwarded-For`, `-Proto` and `-Port` and `X-Amzn-Trace-Id`", PAGE)
def test_forwarding_headers_are_added(lab: Lab, echoing: Api, client_ip: str) -> None:
    headers = echoing.event("GET", "/")["headers"]
    assert headers["x-forwarded-for"] == client_ip
    assert headers["x-forwarded-proto"] == "http"
    assert headers["x-forwarded-port"] == lab.netloc.rpartition(":")[2]
    assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", headers["x-amzn-trace-id"])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8")
@documented(AREA, "`sourceIp` is the address that the request came from", PAGE, elsewhere=GATEWAY)
def test_the_source_ip_is_the_clients(lab: Lab, echoing: Api) -> None:
    with lab.wire(source="127.0.0.7") as wire:
        wire.write(f"GET {echoing.url.removeprefix(lab.endpoint)}/ HTTP/1.1\r\nHost: {lab.netloc}\r\n\r\n")
        event = wire.answer().json()
    assert event["requestContext"]["http"]["sourceIp"] == "127.0.0.7"
    assert event["headers"]["x-forwarded-for"] == "127.0.0.7"


@documented(AREA, "`X-Forwarded-For` of the client is kept and continued", PAGE)
def test_a_clients_forwarded_for_is_continued(echoing: Api, client_ip: str) -> None:
    headers = echoing.event("GET", "/", {"X-Forwarded-For": "203.0.113.9"})["headers"]
    assert headers["x-forwarded-for"] == f"203.0.113.9, {client_ip}"


@documented(AREA, "A trace id that the client sends is kept", PAGE)
def test_a_clients_trace_id_is_kept(echoing: Api) -> None:
    root = "Root=1-5e1b4151-5ac6c58f1234567890abcdef"
    assert root in echoing.event("GET", "/", {"X-Amzn-Trace-Id": root})["headers"]["x-amzn-trace-id"]


@documented(AREA, "`pathParameters` are decoded; the raw path is as sent", PAGE)
def test_path_parameters_are_decoded(lab: Lab, echo: str) -> None:
    api = lab.api({"GET /u/{id}/files/{proxy+}": echo})
    event = api.event("GET", "/u/J%C3%BCrgen%20M/files/a/b%2Fc")
    assert event["pathParameters"] == {"id": "Jürgen M", "proxy": "a/b/c"}


@documented(AREA, "`stageVariables` are those of the stage", PAGE)
def test_stage_variables_are_told(lab: Lab, echo: str) -> None:
    api = lab.api({"$default": echo}, stage="test", stage_settings={"StageVariables": {"colour": "blue"}})
    assert api.event("GET", "/")["stageVariables"] == {"colour": "blue"}


TEXT = ["application/json", "text/plain; charset=utf-8", "application/xml", "application/javascript"]
BINARY = ["application/octet-stream", "image/png", "multipart/form-data; boundary=x"]


@documented(AREA, "A body of a text type is told as text", PAGE)
@pytest.mark.parametrize("kind", TEXT)
def test_a_text_body_is_text(echoing: Api, kind: str) -> None:
    event = echoing.event("POST", "/", {"Content-Type": kind}, "grüße".encode())
    assert (event["body"], event["isBase64Encoded"]) == ("grüße", False)


@documented(AREA, "A body of another type is base64, and `isBase64Encoded` says so", PAGE)
@pytest.mark.parametrize("kind", BINARY)
def test_a_binary_body_is_base64(echoing: Api, kind: str) -> None:
    sent = bytes(range(256))
    event = echoing.event("POST", "/", {"Content-Type": kind}, sent)
    assert event["isBase64Encoded"] is True
    assert base64.b64decode(event["body"]) == sent


@documented(AREA, "A compressed body is base64 whatever its type", PAGE)
def test_a_compressed_body_is_base64(echoing: Api) -> None:
    event = echoing.event(
        "POST", "/", {"Content-Type": "application/json", "Content-Encoding": "gzip"}, b"\x1f\x8b\x08"
    )
    assert event["isBase64Encoded"] is True
    assert base64.b64decode(event["body"]) == b"\x1f\x8b\x08"


@documented(AREA, "A body sent in chunks arrives whole", PAGE)
def test_a_chunked_body_arrives_whole(lab: Lab, echoing: Api) -> None:
    path = echoing.url.removeprefix(lab.endpoint)
    with lab.wire() as wire:
        wire.write(
            f"POST {path}/ HTTP/1.1\r\nHost: {lab.netloc}\r\nContent-Type: text/plain\r\n"
            "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n\r\n"
        )
        event = wire.answer().json()
    assert event["body"] == "abcdefg"
    assert "transfer-encoding" not in event["headers"]


@documented(AREA, "Format 1.0 says `resource`, `path`, `httpMethod` and both forms of headers and query", PAGE)
def test_format_1_0_is_complete(lab: Lab, echo: str, client_ip: str) -> None:
    api = lab.api(
        {"POST /pets/{id}": echo},
        stage="prod",
        integration={"PayloadFormatVersion": "1.0"},
        stage_settings={"StageVariables": {"v": "1"}},
    )
    answer = api.post(
        "/pets/7?a=1&a=2&b=3", "{}", [("X-Many", "a"), ("X-Many", "b"), ("Content-Type", "application/json")]
    )
    assert answer.status == 200, answer.body
    event = answer.json()
    assert event["version"] == "1.0"
    assert event["resource"] == "/pets/{id}"
    assert event["path"] == "/prod/pets/7"
    assert event["httpMethod"] == "POST"
    assert event["queryStringParameters"] == {"a": "2", "b": "3"}
    assert event["multiValueQueryStringParameters"] == {"a": ["1", "2"], "b": ["3"]}
    lower = {name.lower(): value for name, value in event["multiValueHeaders"].items()}
    assert lower["x-many"] == ["a", "b"]
    assert {name.lower(): value for name, value in event["headers"].items()}["x-many"] == "b"
    assert event["pathParameters"] == {"id": "7"}
    assert event["stageVariables"] == {"v": "1"}
    assert (event["body"], event["isBase64Encoded"]) == ("{}", False)
    context = event["requestContext"]
    assert context["resourcePath"] == "/pets/{id}"
    assert context["httpMethod"] == "POST"
    assert context["stage"] == "prod"
    assert context["path"] == "/prod/pets/7"
    assert context["protocol"] == "HTTP/1.1"
    assert context["identity"]["sourceIp"] == client_ip
    assert context["requestId"] == answer.headers["apigw-requestid"]
    assert isinstance(context["requestTimeEpoch"], int)
    datetime.strptime(context["requestTime"], "%d/%b/%Y:%H:%M:%S %z")


@documented(AREA, "Format 1.0 spells `Host`, `User-Agent`, `X-Forwarded-For` so, others as they came", PAGE)
def test_format_1_0_spells_headers_as_aws_does(lab: Lab, echo: str) -> None:
    api = lab.api({"POST /": echo}, integration={"PayloadFormatVersion": "1.0"})
    sent = {"user-agent": "agent/1", "content-type": "text/plain", "Accept": "*/*", "X-Api-Key": "k", "x-lower": "l"}
    event = api.event("POST", "/", {**sent, "Accept-Encoding": "gzip", "Cache-Control": "no-cache"}, "hello")
    names = {
        *("Content-Length", "Content-Type", "Host", "User-Agent", "X-Amzn-Trace-Id"),
        *("X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Proto"),
        *("accept", "accept-encoding", "cache-control", "X-Api-Key", "x-lower"),
    }
    assert set(event["headers"]) == set(event["multiValueHeaders"]) == names
    assert event["headers"]["User-Agent"] == "agent/1"
    assert event["multiValueHeaders"]["X-Api-Key"] == ["k"]


@documented(AREA, "In format 1.0 what is missing is null", PAGE)
def test_what_format_1_0_lacks_is_null(lab: Lab, echo: str) -> None:
    event = lab.api({"GET /": echo}, integration={"PayloadFormatVersion": "1.0"}).event("GET", "/")
    for key in ("queryStringParameters", "multiValueQueryStringParameters", "pathParameters", "stageVariables", "body"):
        assert key in event
        assert event[key] is None


@documented(AREA, "Cookies stay a header in format 1.0", PAGE)
def test_cookies_stay_a_header_in_format_1_0(lab: Lab, echo: str) -> None:
    event = lab.api({"GET /": echo}, integration={"PayloadFormatVersion": "1.0"}).event(
        "GET", "/", {"Cookie": "a=1; b=2"}
    )
    headers = {name.lower(): value for name, value in event["headers"].items()}
    assert headers["cookie"] == "a=1; b=2"
    assert "cookies" not in event


@documented(AREA, "The event is what an `Invoke` with the same payload would give the function", PAGE)
def test_the_event_is_plain_json(lab: Lab, echo: str, echoing: Api) -> None:
    event = echoing.event("POST", "/x?y=z", {"Content-Type": "text/plain"}, 'quotes " and \\ and \u2028')
    assert json.loads(lab.result(echo, event)["body"]) == event
