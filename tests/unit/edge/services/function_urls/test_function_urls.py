"""Function URLs: events, answers, who may, CORS, streaming."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from staticfire.edge.aws.access_keys import Caller
from staticfire.edge.aws.identity_policies import IdentityPolicies
from staticfire.edge.aws.issued_keys import IssuedKeys
from staticfire.edge.aws.signed_callers import SignedCallers
from staticfire.edge.http1.messages import Headers, Request, Response
from staticfire.edge.services.function_urls import FunctionUrls
from staticfire.edge.services.lambda_ import Functions
from staticfire.edge.store import Key
from tests.unit.edge.iam_kit import MemoryIam
from tests.unit.edge.services.lambda_.kit import Lab
from tests.unit.edge.services.lambda_.test_response_streaming import STREAMS

ARN = "arn:aws:lambda:us-east-1:000000000000:function:f"
ID = "a" * 32
HOST = f"{ID}.lambda-url.us-east-1.on.aws"
RETURNS = "import json\ndef handler(event, context): return json.loads(event['body'])\n"
ECHO = "def handler(event, context): return event\n"
HELPS = "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"
PUBLIC = {
    "Effect": "Allow",
    "Principal": "*",
    "Action": "lambda:InvokeFunctionUrl",
    "Resource": ARN,
    "Condition": {"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}},
}


@asynccontextmanager
async def served(
    lab: Lab, source: str, *, policy: Mapping[str, Any] | None = PUBLIC, auth: str = "NONE", **config: Any
) -> AsyncIterator[tuple[FunctionUrls, Functions]]:
    lab.deploy(source)
    if policy is not None:
        document = json.dumps({"Version": "2012-10-17", "Statement": [policy]})
        lab.emulator.answers["/2015-03-31/functions/f/policy"] = {"Policy": document}
    async with lab.running() as functions:
        described = {"id": ID, "FunctionArn": ARN, "AuthType": auth, **config}
        await lab.store.write({Key("000000000000", "us-east-1", "lambda", "function-url", "f:"): described})
        yield FunctionUrls(functions, callers(lab), 4566), functions


def callers(lab: Lab) -> SignedCallers:
    return SignedCallers(lab.access_keys, IssuedKeys(lab.store), IdentityPolicies(MemoryIam()))


def requested(method: str = "GET", path: str = "/", query: str = "", body: bytes = b"", **headers: str) -> Request:
    sent = {"host": HOST, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return Request(method, path, query, Headers(sent.items()), body)


async def answered(urls: FunctionUrls, request: Request) -> Response:
    response = await urls.serve(request)
    assert response is not None
    return response


def header(response: Response, name: str) -> str | None:
    return dict(response.headers).get(name)


async def test_the_event_is_awss(lab: Lab) -> None:
    async with served(lab, ECHO) as (urls, _):
        request = requested(
            "POST", "/pa%2Fth/1", "q=a%20b&m=1&m=2", b'{"a": 1}', content_type="application/json", cookie="a=1; b=2"
        )
        response = await answered(urls, request)
    assert isinstance(response.body, bytes)
    event = json.loads(response.body)
    context = event.pop("requestContext")
    headers = event.pop("headers")
    assert event == {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/pa%2Fth/1",
        "rawQueryString": "q=a%20b&m=1&m=2",
        "cookies": ["a=1", "b=2"],
        "queryStringParameters": {"q": "a b", "m": "1,2"},
        "body": '{"a": 1}',
        "isBase64Encoded": False,
    }
    assert (context["accountId"], context["apiId"], context["domainName"]) == ("anonymous", ID, HOST)
    assert (context["stage"], context["routeKey"], context["http"]["method"]) == ("$default", "$default", "POST")
    assert "authorizer" not in context
    assert header(response, "x-amzn-requestid") == context["requestId"]
    assert headers["x-amzn-tls-version"] == "TLSv1.3"
    assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", headers["x-amzn-trace-id"])


@pytest.mark.parametrize(
    ("returned", "content_type", "body"),
    [
        ({"hello": "world"}, "application/json", b'{"hello":"world"}'),
        (["hello", 3, True], "application/json", b'["hello",3,true]'),
        ("hello", "application/json", b"hello"),
        (3.1, "application/json", b"3.1"),
        ({"statusCode": 200, "body": "body123"}, "application/json", b"body123"),
        ({"statusCode": 200, "body": '{"hello": "world"}'}, "application/json", b'{"hello": "world"}'),
        ({"statusCode": 200, "headers": {"Content-Type": "text/plain"}, "body": "x"}, "text/plain", b"x"),
    ],
)
async def test_answers_as_recorded_on_aws(lab: Lab, returned: Any, content_type: str, body: bytes) -> None:
    async with served(lab, RETURNS) as (urls, _):
        request = requested("POST", body=json.dumps(returned).encode(), content_type="application/json")
        response = await answered(urls, request)
    assert (response.status, header(response, "content-type"), response.body) == (200, content_type, body)


@pytest.mark.parametrize("returned", ['{"statusCode": "many"}', "no JSON at all"])
async def test_a_function_that_fails_is_a_502(lab: Lab, returned: str) -> None:
    async with served(lab, RETURNS) as (urls, _):
        response = await answered(urls, requested("POST", body=returned.encode(), content_type="text/plain"))
    assert (response.status, response.body) == (502, b"Internal Server Error")


async def test_without_permission_it_is_forbidden_and_not_run(lab: Lab) -> None:
    async with served(lab, ECHO, policy=None) as (urls, functions):
        response = await answered(urls, requested())
        assert functions.snapshot()["functions"] == []
    assert isinstance(response.body, bytes)
    message = f"Forbidden. For troubleshooting Function URL authorization issues, see: {HELPS}"
    assert (response.status, json.loads(response.body)) == (403, {"Message": message})


async def test_a_url_that_is_not_there(lab: Lab) -> None:
    async with served(lab, ECHO) as (urls, _):
        response = await answered(urls, Request("GET", f"/_aws/lambda-url/{'b' * 32}/"))
    assert (response.status, response.body) == (404, b'{"Message":null}')


def signed(request: Request, key: str, secret: str, body: bytes = b"") -> Request:
    described = AWSRequest(request.method, f"https://{HOST}{request.target}", dict(request.headers.items()), body)
    SigV4Auth(Credentials(key, secret, "token"), "lambda", "us-east-1").add_auth(described)
    headers = Headers((name.lower(), value) for name, value in described.headers.items())
    return Request(request.method, request.path, request.query, headers, body)


async def test_a_functions_signature_is_checked(lab: Lab) -> None:
    caller = Caller("000000000000", "arn:aws:iam::000000000000:role/reader", "other", "1-1")
    key, secret, _ = lab.access_keys.issue(caller)
    async with served(lab, ECHO, policy=None, auth="AWS_IAM") as (urls, _):
        good = await answered(urls, signed(requested("GET", "/a b", "x=%20y"), key, secret))
        bad = await answered(urls, signed(requested(), key, f"{secret}!"))
        nobody = await answered(urls, requested())
        tampered = signed(requested("GET", "/mine"), key, secret)
        tampered.path = "/yours"
        other = await answered(urls, tampered)
    assert isinstance(good.body, bytes)
    iam = json.loads(good.body)["requestContext"]["authorizer"]["iam"]
    assert iam["userArn"] == "arn:aws:sts::000000000000:assumed-role/reader/other"
    assert (good.status, bad.status, nobody.status, other.status) == (200, 403, 403, 403)


async def test_another_accounts_caller_needs_the_functions_permission(lab: Lab) -> None:
    key, secret, _ = lab.access_keys.issue(Caller("111111111111", "arn:aws:iam::111111111111:role/r", "g", "1-1"))
    allowed = {**PUBLIC, "Principal": {"AWS": "arn:aws:iam::111111111111:root"}}
    del allowed["Condition"]
    async with served(lab, ECHO, policy=None, auth="AWS_IAM") as (urls, _):
        assert (await answered(urls, signed(requested(), key, secret))).status == 403
    async with served(lab, ECHO, policy=allowed, auth="AWS_IAM") as (urls, _):
        assert (await answered(urls, signed(requested(), key, secret))).status == 200


async def test_cors_is_the_urls(lab: Lab) -> None:
    cors = {"AllowOrigins": ["https://shop.example"], "AllowMethods": ["POST"], "MaxAge": 60}
    async with served(lab, ECHO, Cors=cors) as (urls, functions):
        origin = "https://shop.example"
        preflight = await answered(urls, requested("OPTIONS", origin=origin, access_control_request_method="POST"))
        assert functions.snapshot()["functions"] == []
        response = await answered(urls, requested(origin="https://shop.example"))
    assert (preflight.status, header(preflight, "access-control-allow-methods")) == (200, "POST")
    assert header(response, "access-control-allow-origin") == "https://shop.example"


async def test_a_streamed_response_begins_before_it_ends(lab: Lab) -> None:
    source = STREAMS.replace("json.loads(event.read())", 'json.loads(json.loads(event.read())["body"])')
    asked = {
        "type": "application/vnd.awslambda.http-integration-response",
        "pieces": [
            '{"statusCode": 201, "headers": {"x-mine": "1"}, "cookies": ["a=1"]}' + "\0" * 8 + "first",
            "second",
        ],
        "pause": 0.5,
    }
    async with served(lab, source, InvokeMode="RESPONSE_STREAM") as (urls, functions):
        body = json.dumps(asked).encode()
        response = await answered(urls, requested("POST", body=body, content_type="application/json"))
        assert isinstance(response.body, AsyncIterator)
        assert await anext(response.body) == b"first"
        (function,) = functions.snapshot()["functions"]
        assert function["environments"][0]["state"] == "busy"
        assert [piece async for piece in response.body] == [b"second"]
    assert (response.status, header(response, "x-mine"), header(response, "set-cookie")) == (201, "1", "a=1")
