"""Patterns and models of strangers: what they mean, and that matching them ends."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given as every
from hypothesis import settings
from hypothesis import strategies as st

from staticfire.edge.services.apigateway.rest.serving import patterns
from staticfire.edge.services.apigateway.rest.serving.json_schemas import SchemaFailed, Schemas
from staticfire.edge.services.apigateway.rest.serving.templates.budget import TemplateFailed
from staticfire.edge.services.apigateway.rest.serving.templates.renderer import Renderer
from staticfire.edge.services.apigateway.rest.serving.templates.variables import Parameters

API = "abc"


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("2\\d{2}", "200", True),
        ("2\\d{2}", "2000", False),
        (".*Error.*", "an Error here", True),
        ("Error", "an Error here", False),
        ("(?i)ERROR: .+", "error: x", True),
        ("\\QA.B\\E", "A.B", True),
        ("\\QA.B\\E", "AxB", False),
        ("[a-z&&[^b]]+", "ac", True),
        ("[a-z&&[^b]]+", "abc", False),
        ("a++b", "aab", True),
        ("^(?!.*\\[Bad\\]).*$", "[Good] one", True),
        ("\\p{Alpha}+", "abc", True),
    ],
)
async def test_java_patterns(pattern: str, text: str, matches: bool) -> None:
    assert await patterns.full_match(pattern, text) is matches


@pytest.mark.parametrize("pattern", ["(a+)+b", "(a|aa)+$b", "(.*)*x", "(a*)*(a*)*(a*)*b", "([a-z]+)*[0-9]"])
async def test_hostile_patterns_end(pattern: str) -> None:
    with suppress(patterns.PatternFailed):
        assert await patterns.full_match(pattern, "a" * 5000 + "!") is False


@pytest.mark.parametrize("pattern", ["(", "[", "*", "a{5,2}", "(?<", "x" * 5000])
async def test_patterns_that_are_none(pattern: str) -> None:
    with pytest.raises(patterns.PatternFailed):
        await patterns.full_match(pattern, "text")


@settings(max_examples=100, deadline=None)
@every(st.text("ab.*+?()[]{}|^$\\d1,&-", max_size=20), st.text("ab1 ", max_size=30))
def test_any_pattern_matches_or_says_why(pattern: str, text: str) -> None:
    try:
        patterns.matches(pattern, text)
    except patterns.PatternFailed:
        return


async def problem(schema: Any, document: Any, **models: Any) -> str | None:
    texts = {name: json.dumps(model) for name, model in {"M": schema, **models}.items()}
    return await Schemas(texts, API).problem("M", document, 10)


async def test_models() -> None:
    schema = {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "type": "object",
        "required": ["n"],
        "properties": {"n": {"type": "integer", "minimum": 0, "exclusiveMinimum": True}, "id": {"type": "string"}},
        "patternProperties": {"^x-": {"type": "string"}},
        "additionalProperties": False,
    }
    assert await problem(schema, {"n": 1, "x-a": "b", "id": "c"}) is None
    wrong: list[Any] = [{}, {"n": 0}, {"n": 1, "x-a": 1}, {"n": 1, "other": 1}, {"n": "1"}, [], None]
    for document in wrong:
        assert await problem(schema, document), document
    assert await problem({"uniqueItems": True}, [1, {"a": 1}, {"a": 1}])
    assert await problem({"items": {"$ref": "#/definitions/a"}, "definitions": {"a": {"type": "string"}}}, [1])


async def test_models_name_others() -> None:
    reference = {"$ref": f"https://apigateway.amazonaws.com/restapis/{API}/models/Other"}
    assert await problem({"items": reference}, [1], Other={"type": "integer"}) is None
    assert await problem({"items": reference}, ["x"], Other={"type": "integer"})
    with pytest.raises(SchemaFailed):
        await problem({"items": reference}, ["x"])


LADDER = {f"d{n}": {"allOf": [{"$ref": f"#/definitions/d{n + 1}"}] * 4} for n in range(40)}
HOSTILE: list[tuple[Any, Any]] = [
    ({"$ref": "#"}, {}),
    ({"definitions": LADDER, "$ref": "#/definitions/d0"}, {}),
    ({"pattern": "(a+)+b"}, "a" * 5000 + "!"),
    ({"patternProperties": {"(a+)+b": {}}}, {"a" * 5000 + "!": 1}),
    ({"type": "nonsense"}, {}),
    ({"properties": 7}, {}),
    ({"$ref": "#/a", "a": 7}, {}),
    ({"$ref": "http://127.0.0.1:1/schema"}, {}),
    ({"$ref": "file:///etc/passwd"}, {}),
    ({"items": {"$schema": "http://json-schema.org/draft-07/schema#", "$ref": "#"}}, [[[[[]]]]]),
    ({"anyOf": [{"pattern": f"({letter}+)+z"} for letter in "abcd"]}, "abcd" * 500),
    ({"multipleOf": 0.1}, 1e308),
    ({"enum": [1, "a", {}, [], None, 2.5] * 5000}, "nope"),
]


@pytest.mark.parametrize(("schema", "document"), HOSTILE)
async def test_hostile_models_end(schema: Any, document: Any) -> None:
    with suppress(SchemaFailed):
        assert isinstance(await problem(schema, document), str | None)


KEYWORDS = (
    *("properties", "items", "allOf", "anyOf", "oneOf", "not", "required", "pattern", "dependencies", "definitions"),
    *("additionalProperties", "patternProperties", "uniqueItems", "maxLength", "type", "a", "$ref", "id", "$schema"),
)
LEAVES: list[Any] = [{}, {"type": "object"}, {"type": "string"}, {"$ref": "#"}, {"minimum": 1}, {"enum": [1, "a"]}, 7]
SCHEMAS = st.recursive(
    st.sampled_from(LEAVES),
    lambda inner: st.dictionaries(
        st.sampled_from(KEYWORDS), inner | st.lists(inner, max_size=3) | st.text(max_size=3), max_size=4
    ),
    max_leaves=12,
)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=80, deadline=None)
@every(SCHEMAS, DOCUMENTS)
async def test_any_model_takes_refuses_or_says_why(schema: Any, document: Any) -> None:
    try:
        result = await problem(schema, document)
    except SchemaFailed:
        return
    assert result is None or isinstance(result, str)


async def test_a_slow_pattern_of_a_model_or_a_template_does_not_hold_up_the_event_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each goes to a thread after its moment: what the loop's own thread matched had no more than that."""
    loops_thread, limits = threading.get_ident(), []
    compiled = patterns.compiled

    def watched(pattern: str) -> Any:
        if threading.get_ident() == loops_thread:
            limits.append(patterns._limit.seconds)
        return compiled(pattern)

    monkeypatch.setattr(patterns, "compiled", watched)
    schemas = Schemas({"M": json.dumps({"type": "string", "pattern": "^(a|aa)+$"})}, API)
    text = "a" * 5000 + "!"
    with pytest.raises(SchemaFailed, match="has not ended"):
        await schemas.problem("M", text, len(text))
    with pytest.raises(TemplateFailed, match="has not ended"):
        await Renderer().render(
            '$input.body.matches("(a|aa)+b")',
            body=text,
            parameters=Parameters({}, {}, {}),
            context={},
            stage_variables={},
        )
    assert set(limits) == {patterns.MOMENT}
