"""HTTP_PROXY integrations and parameter mapping."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from staticfire.edge.http1.head import BadHead
from tests.unit.edge.services.apigateway.kit import Api, Incoming, Lab

BACKEND = "http://backend.example:8080"


async def proxying(lab: Lab, route: str, uri: str, stage: Mapping[str, Any] | None = None, **settings: Any) -> Api:
    integration = {
        "integrationType": "HTTP_PROXY",
        "integrationMethod": "ANY",
        "integrationUri": uri,
        "payloadFormatVersion": "1.0",
        **settings,
    }
    return await lab.api({route: "x"}, integration=integration, stage_settings=stage or {})


async def test_request_and_response_are_passed_through(lab: Lab) -> None:
    headers = [("set-cookie", "a=1"), ("set-cookie", "b=2"), ("connection", "close"), ("content-length", "5")]
    lab.client.answer = lambda method, base, target: Incoming(202, b"hello", headers)
    api = await proxying(lab, "ANY /x/{proxy+}", f"{BACKEND}/base/{{proxy}}?fixed=1")
    sent = {"X-Mine": "1", "Cookie": "c=1; d=2", "Connection": "keep-alive", "X-Forwarded-For": "203.0.113.9"}
    answer = await api.send("POST", "/x/a%20b/c?d=e%20f", sent, b"body")
    assert (answer.status, answer.body) == (202, b"hello")
    assert answer.headers.getall("set-cookie") == ["a=1", "b=2"]
    assert "connection" not in answer.headers
    [(method, base, target, passed_on, body)] = lab.client.requests
    assert (method, base, target, body) == ("POST", BACKEND, "/base/a%20b/c?fixed=1&d=e%20f", b"body")
    seen = dict(passed_on)
    assert (seen["host"], seen["x-mine"], seen["cookie"]) == ("backend.example:8080", "1", "c=1; d=2")
    assert seen["forwarded"] == "for=127.0.0.1;host=localhost:4566;proto=http"
    assert not {"x-forwarded-for", "connection"} & set(seen)


async def test_a_fixed_method_and_stage_variables_are_used(lab: Lab) -> None:
    api = await proxying(
        lab,
        "POST /",
        "http://${stageVariables.host}/v1",
        {"stageVariables": {"host": "one.example"}},
        integrationMethod="PUT",
    )
    await api.send("POST", "/")
    method, base, target, _, _ = lab.client.requests[0]
    assert (method, base, target) == ("PUT", "http://one.example", "/v1")


async def test_request_parameters_are_mapped(lab: Lab) -> None:
    parameters = {
        "append:header.x-id": "$request.path.id",
        "append:header.x-both": "$request.header.x-more",
        "overwrite:header.x-over": "$context.routeKey",
        "remove:header.x-gone": "''",
        "append:querystring.colour": "$stageVariables.colour",
        "overwrite:querystring.q": "$request.querystring.other",
        "remove:querystring.gone": "''",
        "append:header.x-name": "$request.body.users[1].name",
        "append:header.x-text": "a-${request.header.x-more}-${context.stage}",
        "append:header.x-none": "$request.header.x-not-there",
        "overwrite:path": "/other/$request.path.id",
    }
    stage = {"stageVariables": {"colour": "blue"}}
    api = await proxying(lab, "POST /users/{id}", f"{BACKEND}/users", stage, requestParameters=parameters)
    sent = {"X-Both": "a", "X-More": "b", "X-Over": "c", "X-Gone": "d", "Authorization": "mine"}
    body = json.dumps({"users": [{}, {"name": "Ann"}]}).encode()
    await api.send("POST", "/users/7?q=1&other=2&gone=3", sent, body)
    _, _, target, passed_on, _ = lab.client.requests[0]
    assert target == "/other/7?other=2&colour=blue&q=2"
    headers = dict(passed_on)
    assert (headers["x-id"], headers["x-both"], headers["x-over"]) == ("7", "a,b", "POST /users/{id}")
    assert (headers["x-name"], headers["x-text"], headers["authorization"]) == ("Ann", "a-b-$default", "mine")
    assert not {"x-gone", "x-none"} & set(headers)


async def test_response_parameters_are_mapped_by_the_status_that_came(lab: Lab) -> None:
    answers = iter([500, 404, 200])
    lab.client.answer = lambda *_: Incoming(
        next(answers), b'{"why": "so"}', [("x-backend", "yes"), ("x-status", "100")]
    )
    parameters = {
        "500": {"overwrite:statuscode": "403", "append:header.x-why": "$response.body.why"},
        "200": {"overwrite:statuscode": "$response.header.x-status"},
        "404": {"remove:header.x-backend": "''", "overwrite:header.x-was": "$response.header.x-backend"},
    }
    api = await proxying(lab, "GET /", BACKEND, responseParameters=parameters)
    first, second, third = [await api.send("GET", "/") for _ in range(3)]
    assert (first.status, first.headers.get("x-why")) == (403, "so")
    assert (second.status, "x-backend" in second.headers) == (404, False)
    assert (third.status, third.headers.get("x-backend"), "x-why" in third.headers) == (200, "yes", False)


async def test_what_a_function_sees_and_answers_is_mapped_too(lab: Lab) -> None:
    integration = {
        "requestParameters": {"append:header.x-stage": "$context.stage", "append:querystring.n": "1"},
        "responseParameters": {"200": {"overwrite:statuscode": "201"}},
    }
    api = await lab.api({"GET /": "echo"}, integration=integration)
    answer = await api.send("GET", "/?m=2")
    event = answer.json()
    assert (answer.status, event["headers"]["x-stage"], event["rawQueryString"]) == (201, "$default", "m=2&n=1")
    assert event["queryStringParameters"] == {"m": "2", "n": "1"}


async def test_an_endpoint_that_cannot_be_reached_is_unavailable(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    def refuse(method: str, base: str, target: str) -> Incoming:
        raise ConnectionRefusedError("refused")

    lab.client.answer = refuse
    answer = await (await proxying(lab, "GET /", BACKEND)).send("GET", "/")
    assert (answer.status, answer.json()) == (503, {"message": "Service Unavailable"})
    assert "backend.example:8080 cannot be reached" in caplog.text


@pytest.mark.parametrize("uri", [BACKEND, "http://[a/"])
async def test_what_cannot_be_sent_is_an_internal_error(lab: Lab, uri: str) -> None:
    def refuse(method: str, base: str, target: str) -> Incoming:
        raise BadHead("a header holds a line break or NUL")

    lab.client.answer = refuse
    answer = await (await proxying(lab, "GET /", uri)).send("GET", "/")
    assert (answer.status, answer.json()) == (500, {"message": "Internal Server Error"})


async def test_an_endpoint_that_is_too_slow_is_a_504(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    api = await proxying(lab, "GET /", BACKEND, timeoutInMillis=50)

    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(lab.client, "request", never)
    answer = await api.send("GET", "/")
    assert (answer.status, answer.json()) == (504, {"message": "Endpoint request timed out"})


async def test_a_uri_that_is_no_url_is_an_internal_error(lab: Lab) -> None:
    answer = await (await proxying(lab, "GET /", "nonsense")).send("GET", "/")
    assert (answer.status, answer.json()) == (500, {"message": "Internal Server Error"})
