"""The OpenAPI document of the chat's HTTP API says what the code does; what clients say is checked."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.unit.service import openapi

DOCUMENT = openapi.read("chat")


def test_the_document_has_the_routes_of_the_code() -> None:
    import chat.api

    assert openapi.routes(DOCUMENT) == openapi.routes_of(chat.api.app)


def test_the_document_itself_is_right() -> None:
    for name in DOCUMENT["components"]["schemas"]:
        Draft202012Validator.check_schema(openapi.schema(DOCUMENT, name).schema)


def event(route: str, **more: Any) -> dict[str, Any]:
    context = {"routeKey": route, "connectionId": "c=", "domainName": "d", "stage": "v1"}
    return {"requestContext": context, "isBase64Encoded": False, **more}


@pytest.mark.parametrize(
    ("asked_for", "field"),
    [
        (event("$connect"), "room"),
        (event("$connect", queryStringParameters={"room": "lobby"}), "user"),
        (event("$connect", queryStringParameters={"room": "No Room", "user": "ann"}), "room"),
        (event("say", body='{"action": "say"}'), "text"),
        (event("say", body="nonsense"), "body"),
    ],
)
def test_what_is_wrong_is_named_before_any_store_is_asked(asked_for: dict[str, Any], field: str) -> None:
    import chat.sockets

    answer = chat.sockets.handler(asked_for, None)
    assert answer["statusCode"] == 400
    assert field in [problem["field"] for problem in json.loads(answer["body"])["errors"]]


def test_without_its_store_it_says_so() -> None:
    import chat.sockets

    answer = chat.sockets.handler(event("who", body='{"action": "who"}'), None)
    assert (answer["statusCode"], json.loads(answer["body"])["message"]) == (503, chat.sockets.TRY_AGAIN)
