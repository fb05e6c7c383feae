"""The OpenAPI document says what the code does: the same routes, and the same tasks."""

from __future__ import annotations

import json
import re
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from servicekit.errors import Refused
from servicekit.requests import Model, check, read_json
from tasks.validation import NewTask, Paging, Status, WholeTask, expected

from tests.unit.service import openapi

DOCUMENT = openapi.read("tasks")

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
words = st.sampled_from(["", "a", "a\n", "\0", "open", "lost", "x" * 256, "x" * 257, "ü" * 4096, "ü" * 4097])
times = st.sampled_from(
    ["2026-11-21T09:30:00Z", "2026-11-21T09:30:00.5+01:00", "2026-11-21", "2026-11-21T09:30:00", ""]
)
values: st.SearchStrategy[Any] = words | times | texts | st.sampled_from([None, True, 1, 1.5, [], {}])
right = {"title": "t", "description": "d", "status": "done", "due_at": "2026-11-21T09:30:00Z"}
bodies: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {}, optional={name: st.just(value) | values for name, value in right.items()}
) | (st.sampled_from([right, {**right, "x": 1}, [], None, "task"]))


@pytest.fixture(scope="module")
def api() -> Any:
    import tasks.api

    return tasks.api


def takes(body: Any, model: type[Model]) -> bool:
    try:
        check(read_json(json.dumps(body).encode(), 10**6), model)
    except Refused:
        return False
    return True


def test_the_document_has_the_routes_of_the_code(api: Any) -> None:
    assert openapi.routes(DOCUMENT) == openapi.routes_of(api.app)


def test_the_document_itself_is_right() -> None:
    for name in DOCUMENT["components"]["schemas"]:
        Draft202012Validator.check_schema(openapi.schema(DOCUMENT, name).schema)


@given(bodies)
@pytest.mark.parametrize(("name", "model"), [("NewTask", NewTask), ("WholeTask", WholeTask)])
def test_the_document_and_the_code_take_the_same_tasks(name: str, model: type[Model], body: Any) -> None:
    assert takes(body, model) == openapi.schema(DOCUMENT, name).is_valid(body)


def test_the_document_tells_the_lists_parameters_and_the_statuses() -> None:
    schemas = {parameter["name"]: parameter["schema"] for parameter in DOCUMENT["paths"]["/tasks"]["get"]["parameters"]}
    assert schemas.keys() == Paging.model_fields.keys()
    limit = schemas["limit"]
    for is_right, number in ((True, limit["minimum"]), (True, limit["maximum"]), (False, limit["maximum"] + 1)):
        assert takes({"limit": str(number)}, Paging) is is_right
    assert Paging().limit == limit["default"]
    assert tuple(DOCUMENT["components"]["schemas"]["Status"]["enum"]) == get_args(Status)


@pytest.mark.parametrize("header", ["*", '"1"', 'W/"1"', '"1", "x y"', '"1', "1", "", '"1" "2"', '"a\x7f"', "**"])
def test_the_document_and_the_code_take_the_same_if_match(header: str) -> None:
    def is_taken() -> bool:
        try:
            expected(header)
        except Refused:
            return False
        return True

    pattern = DOCUMENT["components"]["schemas"]["ETags"]["pattern"].removesuffix("$") + r"\Z"
    assert is_taken() == bool(re.match(pattern, header))
