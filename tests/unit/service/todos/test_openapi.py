"""The OpenAPI document says what the code does: the same routes, the same bodies, ids and pages."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from servicekit.errors import Refused
from servicekit.requests import Model, check, read_json, read_query
from todos.board import TodoId
from todos.validation import NewTodo, NewUser, Paging, ReplacedTodo, user_id

from tests.unit.service import openapi

DOCUMENT = openapi.read("todos")
LIMIT = 10**6

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
words = (
    st.sampled_from(["", " ", "\0", "a", "a\n", "\u2003", "\x85", "\x1c", "x" * 128, "x" * 129, "🚀" * 256, "🚀" * 257])
    | text
)
emails = st.from_regex(r"[ab.\s@\x01]{1,4}@[ab.\s@é]{1,8}", fullmatch=True) | st.sampled_from(
    [
        "a@b.c",
        "a@b.c\n",
        "a\x85@b.c",
        "a@b.\x1f",
        f"{'a' * 64}@b.c",
        f"{'a' * 65}@b.c",
        f"a@{'b' * 250}.c",
        f"a@{'b' * 251}.c",
    ]
)
values: st.SearchStrategy[Any] = emails | words | st.sampled_from([None, True, False, 0, 1, 1.5, [], {}])
bodies = st.fixed_dictionaries(
    {}, optional={name: values for name in ("email", "name", "title", "done", "id")}
) | st.fixed_dictionaries({"email": emails, "name": words, "title": words, "done": st.booleans()}).flatmap(
    lambda right: st.sets(st.sampled_from(sorted(right))).map(lambda names: {name: right[name] for name in names})
)


def test_the_document_has_the_routes_of_the_code() -> None:
    from todos.api import app

    assert openapi.routes(DOCUMENT) == openapi.routes_of(app)


def test_the_document_itself_is_right() -> None:
    for name in DOCUMENT["components"]["schemas"]:
        Draft202012Validator.check_schema(openapi.schema(DOCUMENT, name).schema)


@pytest.mark.parametrize(
    ("schema", "model"), [("NewUser", NewUser), ("NewTodo", NewTodo), ("ReplacedTodo", ReplacedTodo)]
)
@given(body=bodies)
def test_the_document_and_the_code_take_the_same_bodies(schema: str, model: type[Model], body: dict[str, Any]) -> None:
    is_valid = openapi.schema(DOCUMENT, schema).is_valid(body)

    assert takes(lambda: check(read_json(json.dumps(body).encode(), LIMIT), model)) == is_valid


@given(st.sampled_from([0, 1, 20, 100, 101, -1]), st.from_regex(r"[0-8][0-9A-Z]{24,26}\n?", fullmatch=True))
def test_the_document_and_the_code_take_the_same_pages(limit: int, cursor: str) -> None:
    of_name = {
        parameter["name"]: parameter["schema"]
        for parameter in DOCUMENT["paths"]["/users/{id}/todos"]["get"]["parameters"]
    }
    document = {"components": {"schemas": of_name}}
    is_valid = {
        name: openapi.schema(document, name).is_valid(value) for name, value in (("limit", limit), ("cursor", cursor))
    }

    event = {"queryStringParameters": {"limit": str(limit), "cursor": cursor}}
    assert takes(lambda: read_query(event, Paging)) == all(is_valid.values())


@given(st.uuids(), st.from_regex(r"[0-8][0-9A-HJKMNP-TV-Z]{25}", fullmatch=True), st.sampled_from(["", "-", "x", "\n"]))
def test_the_document_and_the_code_know_the_same_ids(user: Any, sequence: str, more: str) -> None:
    todo = f"{user.hex}-{sequence}{more}"
    assert (TodoId.parse(todo) is not None) == openapi.schema(DOCUMENT, "TodoId").is_valid(todo)
    for spelt in (f"{user}{more}", str(user).upper(), user.hex):
        assert (user_id(spelt) is not None) == openapi.schema(DOCUMENT, "UserId").is_valid(spelt)


@given(st.uuids(), st.from_regex(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", fullmatch=True))
def test_a_todos_id_is_read_as_it_was_written(user: Any, sequence: str) -> None:
    identity = TodoId(user, sequence)
    assert TodoId.parse(str(identity)) == identity


def takes(read: Any) -> bool:
    try:
        read()
    except Refused:
        return False
    return True
