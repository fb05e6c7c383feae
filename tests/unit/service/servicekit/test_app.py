"""The routes of a function, and what its requests may look like."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from servicekit import validation
from servicekit.app import application
from servicekit.errors import Refused, Unavailable
from servicekit.http import Answer, Event, answer
from servicekit.validation import Field, read_object, read_query


def raising(error: Exception) -> Any:
    def route(event: Event) -> Answer:
        raise error

    return route


def test_a_request_goes_to_the_callable_of_its_route() -> None:
    handler = application({"GET /things": lambda event: answer(200, {"seen": event["routeKey"]})})
    assert handler({"routeKey": "GET /things"}, None)["body"] == '{"seen":"GET /things"}'
    assert handler({"routeKey": "$default"}, None)["statusCode"] == 404


def test_a_refusal_is_answered_with_its_problems_and_headers() -> None:
    problems = [{"field": "a", "problem": "is missing"}]
    handler = application({"GET /": raising(Refused(400, "No.", problems, {"x-why": "a"}))})
    made = handler({"routeKey": "GET /"}, None)
    assert (made["statusCode"], json.loads(made["body"])) == (400, {"message": "No.", "errors": problems})
    assert made["headers"]["x-why"] == "a"


def test_a_store_that_is_away_is_503_and_the_answer_does_not_say_which() -> None:
    made = application({"GET /": raising(Unavailable("the table secret-name"))})({"routeKey": "GET /"}, None)
    assert made["statusCode"] == 503
    assert made["headers"]["retry-after"] == "1"
    assert "secret-name" not in made["body"]


def test_a_bug_is_not_answered_here() -> None:
    with pytest.raises(ZeroDivisionError):
        application({"GET /": raising(ZeroDivisionError())})({"routeKey": "GET /"}, None)


FIELDS = {"name": Field(validation.text(1, 3)), "size": Field(validation.integer(0, 9), required=False)}


def test_an_object_with_all_its_fields_right_is_read() -> None:
    assert read_object(b'{"name": "abc"}', FIELDS, limit=100) == {"name": "abc"}


def test_the_problems_found_before_are_told_with_those_of_the_body() -> None:
    for body, fields in ((b"{", ["If-Match", "body"]), (b'{"name": "", "x": 1}', ["If-Match", "name", "x"])):
        with pytest.raises(Refused) as refused:
            read_object(body, FIELDS, limit=100, problems=[validation.problem("If-Match", "is missing")])
        assert [problem["field"] for problem in refused.value.problems] == fields


def test_a_query_is_held_to_its_fields_as_a_body_is() -> None:
    fields = {"limit": Field(validation.digits(1, 100), required=False)}
    assert read_query({}, fields) == {}
    assert read_query({"queryStringParameters": {"limit": "5"}}, fields) == {"limit": "5"}
    with pytest.raises(Refused) as refused:
        read_query({"queryStringParameters": {"limit": "5,6", "lmit": "5"}}, fields)
    assert [problem["field"] for problem in refused.value.problems] == ["limit", "lmit"]


@pytest.mark.parametrize(
    ("check", "right", "wrong"),
    [
        (validation.text(1, 2), ["a", "ü", "🚀🚀"], ["", "abc", 1, None, "\0", "\ud800"]),
        (validation.matching("[a-z]+", "letters"), ["abc"], ["", "a1", "a\n", 5]),
        (validation.one_of(["open", "done"]), ["open"], ["", "Open", None, ["open"]]),
        (validation.boolean, [True, False], [0, "true", None]),
        (validation.integer(0, 9), [0, 9], [-1, 10, True, Decimal("1"), "1"]),
        (validation.digits(1, 100), ["1", "100", "007"], ["0", "101", "", "-1", "1.0", "٣", "1" * 5000]),
        (validation.nullable(validation.boolean), [None, True], [0]),
        (
            validation.moment,
            ["2026-11-21T09:30:00Z", "2026-11-21T09:30:00.123+01:00"],
            ["2026-11-21", "2026-11-21T09:30:00", "2026-02-30T00:00:00Z", "2026-11-21T25:00:00Z", 0, None],
        ),
    ],
    ids=["text", "matching", "one of", "boolean", "integer", "digits", "nullable", "moment"],
)
def test_a_check_takes_what_is_right_and_nothing_else(check: validation.Check, right: Any, wrong: Any) -> None:
    assert [check(value) for value in right] == [None] * len(right)
    assert all(str(check(value)).startswith("must ") for value in wrong)
