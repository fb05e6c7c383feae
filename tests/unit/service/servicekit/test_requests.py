"""What requests may look like."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field
from servicekit.errors import Refused
from servicekit.requests import WITHOUT_NUL, Digits, Model, Moment, problem, read_body, read_query


class Thing(Model):
    name: Annotated[str, Field(min_length=1, max_length=3), WITHOUT_NUL]
    size: Annotated[int, Field(ge=0, le=9)] = 0


class Paging(Model):
    limit: Annotated[Digits, Field(ge=1, le=100)] = 20


class Types(Model):
    text: Annotated[str, Field(min_length=1, max_length=2), WITHOUT_NUL] = "a"
    pattern: Annotated[str, Field(pattern="^[a-z]+$")] = "a"
    choice: Literal["open", "done"] = "open"
    boolean: bool = True
    integer: Annotated[int, Field(ge=0, le=9)] = 0
    nullable: bool | None = None
    moment: Moment = ""


def fields_of(refused: pytest.ExceptionInfo[Refused]) -> list[str]:
    return [entry["field"] for entry in refused.value.problems]


def test_an_object_with_all_its_fields_right_is_read() -> None:
    assert read_body({"body": '{"name": "abc"}'}, Thing, limit=100) == Thing(name="abc")


def test_the_problems_found_before_are_told_with_those_of_the_body() -> None:
    for body, fields in (("{", ["If-Match", "body"]), ('{"name": "", "x": 1}', ["If-Match", "name", "x"])):
        with pytest.raises(Refused) as refused:
            read_body({"body": body}, Thing, limit=100, problems=[problem("If-Match", "is missing")])
        assert fields_of(refused) == fields


def test_a_body_over_its_limit_is_413_whatever_else_is_wrong() -> None:
    with pytest.raises(Refused) as refused:
        read_body({"body": "{"}, Thing, limit=0, problems=[problem("If-Match", "is missing")])
    assert refused.value.status == 413


def test_a_query_is_held_to_its_fields_as_a_body_is() -> None:
    assert read_query({}, Paging).limit == 20
    assert read_query({"queryStringParameters": {"limit": "5"}}, Paging).limit == 5
    with pytest.raises(Refused) as refused:
        read_query({"queryStringParameters": {"limit": "5,6", "lmit": "5"}}, Paging)
    assert fields_of(refused) == ["limit", "lmit"]


@pytest.mark.parametrize(
    ("text", "is_right"),
    [("1", True), ("100", True), ("007", True)]
    + [(text, False) for text in ("0", "101", "", "-1", "+1", "1.0", "1_0", " 1", "٣", "1" * 5000)],
)
def test_a_whole_number_in_a_query_is_digits(text: str, is_right: bool) -> None:
    try:
        read_query({"queryStringParameters": {"limit": text}}, Paging)
    except Refused:
        assert not is_right
    else:
        assert is_right


@pytest.mark.parametrize(
    ("field", "right", "wrong"),
    [
        ("text", ["a", "ü", "🚀🚀"], ["", "abc", 1, None, "\0", "\ud800"]),
        ("pattern", ["abc"], ["", "a1", "a\n", 5]),
        ("choice", ["open"], ["", "Open", None, ["open"]]),
        ("boolean", [True, False], [0, "true", None]),
        ("integer", [0, 9], [-1, 10, True, 1.0, "1"]),
        ("nullable", [None, True], [0]),
        (
            "moment",
            ["2026-11-21T09:30:00Z", "2026-11-21T09:30:00.123+01:00"],
            ["2026-11-21", "2026-11-21T09:30:00", "2026-02-30T00:00:00Z", "2026-11-21T25:00:00Z", 0, None],
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_type_takes_what_is_right_and_nothing_else(field: str, right: list[Any], wrong: list[Any]) -> None:
    for value in right:
        read_body({"body": json.dumps({field: value})}, Types, limit=10**6)
    for value in wrong:
        with pytest.raises(Refused) as refused:
            read_body({"body": json.dumps({field: value})}, Types, limit=10**6)
        assert fields_of(refused) == [field]
        assert refused.value.problems[0]["problem"].startswith("must ")
