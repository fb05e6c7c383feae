"""What a client gets of what a function returned."""

from __future__ import annotations

import base64
import json

import pytest

from tests.conformance.fidelity import documented
from tests.conformance.lab import Answer, Api, Lab

AREA = "HTTP API: responses"
PAGE = "apigateway/latest/developerguide/http-api-develop-integrations-lambda.html"
TROUBLE = "apigateway/latest/developerguide/http-api-troubleshooting-lambda.html"
PERMISSION = "lambda/latest/dg/services-apigateway.html"
INTERNAL = {"message": "Internal Server Error"}


def refused(answer: Answer) -> bool:
    assert "Traceback" not in answer.body.decode()
    return (answer.status, answer.json()) == (500, INTERNAL)


@documented(AREA, "JSON without `statusCode` is the body of a 200 `application/json`", PAGE)
@pytest.mark.parametrize("result", ["Hello from Lambda!", {"message": "hello"}, [1, 2], 7, True, {}])
def test_a_response_is_inferred(dictating: Api, result: object) -> None:
    answer = dictating.dictate(result)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert (answer.body.decode() if isinstance(result, str) else answer.json()) == result


@documented(AREA, "`statusCode`, `headers` and `body` are taken over", PAGE)
def test_a_structured_response_is_taken_over(dictating: Api) -> None:
    answer = dictating.dictate(
        {"statusCode": 418, "headers": {"X-Kind": "pot", "Content-Type": "text/tea"}, "body": "T"}
    )
    assert (answer.status, answer.body) == (418, b"T")
    assert (answer.headers["x-kind"], answer.headers["content-type"]) == ("pot", "text/tea")


@documented(AREA, "A structured response without a content type is `text/plain;charset=utf-8`", PAGE)
def test_the_content_type_of_a_structured_response(dictating: Api) -> None:
    answer = dictating.dictate({"statusCode": 200, "body": "x"})
    assert answer.headers["content-type"].replace(" ", "").lower() == "text/plain;charset=utf-8"


@documented(AREA, "`statusCode` alone is an empty answer", PAGE)
def test_a_status_alone_is_empty(dictating: Api) -> None:
    answer = dictating.dictate({"statusCode": 204})
    assert (answer.status, answer.body) == (204, b"")


@documented(AREA, "Each of `cookies` becomes a `set-cookie` header", PAGE)
def test_cookies_become_headers(dictating: Api) -> None:
    answer = dictating.dictate({"statusCode": 200, "cookies": ["a=1; Path=/", "b=2"], "body": ""})
    assert answer.headers.get_all("set-cookie") == ["a=1; Path=/", "b=2"]


@documented(AREA, "A base64 body is decoded when `isBase64Encoded` says so", PAGE)
def test_a_base64_body_is_decoded(dictating: Api) -> None:
    sent = bytes(range(256))
    body = base64.b64encode(sent).decode()
    answer = dictating.dictate({"statusCode": 200, "isBase64Encoded": True, "body": body})
    assert answer.body == sent
    assert dictating.dictate({"statusCode": 200, "body": body}).body.decode() == body


@documented(AREA, "Header values may be numbers and booleans", PAGE)
def test_header_values_may_be_numbers(dictating: Api) -> None:
    answer = dictating.dictate({"statusCode": 200, "headers": {"x-n": 7, "x-b": True, "x-f": 1.5}, "body": ""})
    assert [answer.headers[name] for name in ("x-n", "x-b", "x-f")] == ["7", "true", "1.5"]


@documented(AREA, "Format 1.0: `multiValueHeaders` are headers one by one, beside `headers`", PAGE)
def test_multi_value_headers_of_format_1_0(lab: Lab, dictated: str) -> None:
    api = lab.api({"$default": dictated}, integration={"PayloadFormatVersion": "1.0"})
    answer = api.dictate(
        {"statusCode": 200, "headers": {"x-a": "1"}, "multiValueHeaders": {"set-cookie": ["a=1", "b=2"]}, "body": "x"}
    )
    assert (answer.status, answer.body, answer.headers["x-a"]) == (200, b"x", "1")
    assert answer.headers.get_all("set-cookie") == ["a=1", "b=2"]


@documented(AREA, "Format 1.0 infers nothing: JSON without `statusCode` is malformed", PAGE)
def test_format_1_0_infers_nothing(lab: Lab, dictated: str) -> None:
    api = lab.api({"$default": dictated}, integration={"PayloadFormatVersion": "1.0"})
    assert refused(api.dictate({"message": "hello"}))


@documented(AREA, 'A malformed response is a 500 `{"message":"Internal Server Error"}`', TROUBLE)
@pytest.mark.parametrize(
    "result",
    [
        {"statusCode": "teapot"},
        {"statusCode": 99},
        {"statusCode": 1000},
        {"statusCode": 200, "headers": ["x"]},
        {"statusCode": 200, "body": {"an": "object"}},
        {"statusCode": 200, "isBase64Encoded": True, "body": "not base64!"},
        {"statusCode": 200, "isBase64Encoded": True, "body": "%%%"},
        {"statusCode": 200, "cookies": "a=1"},
    ],
)
def test_a_malformed_response_is_an_internal_error(dictating: Api, result: object) -> None:
    assert refused(dictating.dictate(result))


@documented(AREA, "A function's failure is a 500 that tells nothing of it", TROUBLE)
@pytest.mark.parametrize("line", ["raise ValueError('secret')", "import os; os._exit(3)", "return {1, 2}"])
def test_a_failure_is_an_internal_error_and_tells_nothing(lab: Lab, line: str) -> None:
    function = lab.function(f"def handler(event, context):\n    {line}\n")
    answer = lab.api({"GET /": function}).get("/")
    assert refused(answer)
    assert b"secret" not in answer.body
    assert "secret" not in str(answer.headers)


@documented(AREA, "A function that cannot be loaded is a 500 that tells nothing of it", TROUBLE)
def test_a_function_that_cannot_be_loaded_is_an_internal_error(lab: Lab) -> None:
    assert refused(lab.api({"GET /": lab.function("import nosuchmodule")}).get("/"))


@documented(AREA, "A function's own time-out is a 500", TROUBLE)
def test_a_functions_time_out_is_an_internal_error(lab: Lab) -> None:
    function = lab.function("import time\ndef handler(event, context):\n    time.sleep(60)\n", Timeout=1)
    assert refused(lab.api({"GET /": function}).get("/"))


@documented(AREA, "An API without permission to invoke its function answers 500", PERMISSION)
def test_without_permission_the_api_answers_500(lab: Lab, echo: str) -> None:
    client = lab.aws("apigatewayv2")
    api = client.create_api(Name=lab.name(), ProtocolType="HTTP")["ApiId"]
    function = lab.function("def handler(event, context):\n    return 1\n")
    made = client.create_integration(
        ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=lab.arn(function), PayloadFormatVersion="2.0"
    )
    client.create_route(ApiId=api, RouteKey="GET /a", Target=f"integrations/{made['IntegrationId']}")
    client.create_route(ApiId=api, RouteKey="GET /b", Target=f"integrations/{made['IntegrationId']}")
    stage = lab.stage(api)
    assert refused(stage.get("/a"))
    lab.permit(api, function, f"arn:aws:execute-api:{lab.region}:{lab.account}:{api}/*/GET/b")
    assert refused(stage.get("/a")), "a permission for another route is no permission"
    assert stage.get("/b").status == 200
    lab.permit(api, function)
    assert stage.get("/a").status == 200


@documented(AREA, "A permission that is taken away is missed", PERMISSION)
def test_a_permission_taken_away_is_missed(lab: Lab) -> None:
    function = lab.function("def handler(event, context):\n    return 1\n")
    api = lab.api({"GET /": function})
    assert api.get("/").status == 200
    client = lab.aws("lambda")
    [statement] = json.loads(client.get_policy(FunctionName=function)["Policy"])["Statement"]
    client.remove_permission(FunctionName=function, StatementId=statement["Sid"])
    assert refused(api.get("/"))


@documented(AREA, "An integration with an alias invokes what the alias names, with the alias's permission", PERMISSION)
def test_an_integration_may_name_an_alias(lab: Lab) -> None:
    function = lab.function("def handler(event, context):\n    return context.invoked_function_arn\n")
    client = lab.aws("lambda")
    version = client.publish_version(FunctionName=function)["Version"]
    client.create_alias(FunctionName=function, Name="live", FunctionVersion=version)
    answer = lab.api({"GET /": f"{function}:live"}).get("/")
    assert answer.status == 200
    assert lab.arn(f"{function}:live") in answer.body.decode()


@documented(AREA, "Hop-by-hop headers and the length that a function names are not passed on", PAGE)
def test_hop_by_hop_headers_are_dropped(dictating: Api) -> None:
    headers = {"Connection": "close", "Keep-Alive": "timeout=9", "Transfer-Encoding": "chunked", "Content-Length": "1"}
    answer = dictating.dictate({"statusCode": 200, "headers": {**headers, "x-kept": "1"}, "body": "whole body"})
    assert (answer.status, answer.body, answer.headers["x-kept"]) == (200, b"whole body", "1")
    assert answer.headers["keep-alive"] is None
    assert answer.headers["content-length"] == "10"
    assert answer.headers["transfer-encoding"] is None


@documented(AREA, "A header value cannot split the response", PAGE)
@pytest.mark.parametrize("value", ["a\r\nx-evil: 1", "a\nx-evil: 1", "a\r\n\r\n<html>"])
def test_a_header_cannot_split_the_response(dictating: Api, value: str) -> None:
    answer = dictating.dictate({"statusCode": 200, "headers": {"x-a": value}, "body": "b"})
    assert answer.headers["x-evil"] is None
    assert b"<html>" not in answer.body
    assert dictating.dictate({"statusCode": 200, "body": "b"}).body == b"b"


@documented(AREA, "HEAD reaches the function and is answered without a body", PAGE)
def test_head_is_answered_without_a_body(lab: Lab, echoing: Api) -> None:
    path = echoing.url.removeprefix(lab.endpoint)
    with lab.wire() as wire:
        wire.write(f"HEAD {path}/x HTTP/1.1\r\nHost: {lab.netloc}\r\nConnection: close\r\n\r\n")
        head, _, body = wire.rest().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert b"apigw-requestid" in head.lower()
    assert body == b""


@documented(AREA, "Every answer carries `apigw-requestid`", PAGE)
def test_every_answer_has_a_request_id(dictating: Api) -> None:
    for result in ({"statusCode": 200}, {"statusCode": 503, "body": "x"}, {"statusCode": "bad"}):
        assert dictating.dictate(result).headers["apigw-requestid"]
