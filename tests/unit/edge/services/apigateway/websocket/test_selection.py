"""Selection expressions: what they come to, and that no text of any client or developer does harm."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given as holds_for
from hypothesis import strategies

from staticfire.edge.services.apigateway.websocket.selection import Subject, json_of, selected

DOCUMENT = {"action": "join", "a": {"b": ["x", {"c": 1}]}, "n": 1.5, "yes": True, "none": None, "o": {}}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("$request.body.action", "join"),
        ("${request.body.action}", "join"),
        ("$request.body.a.b[0]", "x"),
        ("$request.body.a.b[1].c", "1"),
        ("${request.body['action']}", "join"),
        ("$request.body.n", "1.5"),
        ("$request.body.yes", "true"),
        ("$request.body.none", ""),
        ("$request.body.o", ""),
        ("$request.body.missing.deeper", ""),
        ("$request.body.a.b[99999999999]", ""),
        ("${request.body.action}-${context.routeKey}", "join-key"),
        ("$stageVariables.colour", "red"),
        ("\\$default", "$default"),
        ("static", "static"),
        ("${integration.response.statuscode}", "200"),
        ("$integration.response.header.X-Kind", "k"),
        ("$integration.response.body.code", "c"),
        ("$nothing.of.the.kind", "$nothing.of.the.kind"),
        ("", ""),
    ],
)
def test_what_an_expression_comes_to(expression: str, expected: str) -> None:
    subject = Subject(
        DOCUMENT,
        lambda name: "key" if name == "routeKey" else None,
        {"colour": "red"},
        200,
        {"x-kind": "k"},
        {"code": "c"},
    )
    assert selected(expression, subject) == expected


@holds_for(strategies.text(max_size=200), strategies.text(max_size=200))
def test_any_text_comes_to_a_text(expression: str, body: str) -> None:
    assert isinstance(selected(f"$request.body.{expression}", Subject(json_of(body))), str)
    assert isinstance(selected(expression, Subject(json_of(body))), str)


@pytest.mark.parametrize("body", ["[" * 100_000, '{"a":' * 50_000, "1" * 5000, "\ud800", '{"action": "' + "x" * 10**6])
def test_hostile_bodies_are_no_documents(body: str) -> None:
    document: Any = json_of(body)
    assert document is None
    assert selected("$request.body.action", Subject(document)) == ""
