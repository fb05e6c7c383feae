"""Patterns: what each operator takes and leaves, and what is not a pattern."""

from __future__ import annotations

import json
from typing import Any

import pytest

from staticfire.edge.services.lambda_.mappings.filters import Filters
from staticfire.edge.services.lambda_.mappings.patterns import BadPattern, compile_pattern

CASES: list[tuple[Any, list[Any], list[Any]]] = [
    ({"a": ["x", "y"]}, [{"a": "x"}, {"a": ["w", "y"]}], [{"a": "z"}, {}, {"a": []}, "x", {"a": {"x": 1}}]),
    ({"a": [1]}, [{"a": 1}, {"a": 1.0}], [{"a": "1"}, {"a": True}]),
    ({"a": [None, "", True]}, [{"a": None}, {"a": ""}, {"a": True}], [{"a": 0}, {"a": 1}, {}]),
    ({"a": {"b": ["x"], "c": ["y"]}}, [{"a": {"b": "x", "c": "y"}}], [{"a": {"b": "x"}}, {"b": "x"}]),
    # One object of an array matches as a whole.
    ({"a": {"b": ["x"], "c": ["y"]}}, [{"a": [{}, {"b": "x", "c": "y"}]}], [{"a": [{"b": "x"}, {"c": "y"}]}]),
    ({"a": [{"prefix": "us-"}, {"suffix": ".eu"}]}, [{"a": "us-1"}, {"a": "x.eu"}], [{"a": "eu-us-"}, {"a": 1}]),
    ({"a": [{"prefix": {"equals-ignore-case": "US-"}}]}, [{"a": "uS-1"}], [{"a": "eu-1"}]),
    ({"a": [{"equals-ignore-case": "ABC"}]}, [{"a": "aBc"}], [{"a": "abd"}]),
    ({"a": [{"wildcard": "a*/b.*"}]}, [{"a": "a1/b.txt"}, {"a": "a/b."}], [{"a": "b/b.txt"}, {"a": "a1/bxtxt"}]),
    ({"a": [{"wildcard": r"a\*\\*"}]}, [{"a": "a*\\"}, {"a": "a*\\b"}], [{"a": "ab\\"}, {"a": "a*b"}]),
    ({"a": [{"anything-but": ["x", 1]}]}, [{"a": "z"}, {"a": 2}], [{"a": "x"}, {"a": 1}, {"b": "z"}]),
    ({"a": [{"anything-but": {"prefix": "x"}}]}, [{"a": "ax"}], [{"a": "xa"}, {}]),
    ({"a": [{"numeric": [">", 100]}, {"anything-but": "101"}]}, [{"a": "42"}, {"a": 101}], [{"a": "101"}]),
    ({"a": [{"numeric": [">=", 1, "<", 2]}]}, [{"a": 1}, {"a": 1.5}], [{"a": 2}, {"a": "1"}, {"a": True}]),
    ({"a": [{"exists": True}]}, [{"a": None}, {"a": [1]}], [{}, {"a": {"b": 1}}, {"a": []}]),
    ({"a": [{"exists": False}]}, [{}, {"a": {"b": 1}}], [{"a": 1}]),
    ({"a": {"b": [{"exists": False}]}}, [{}, {"a": 1}, {"a": {}}], [{"a": {"b": 1}}]),
    ({"a": [{"cidr": "10.0.0.0/8"}]}, [{"a": "10.1.2.3"}], [{"a": "11.0.0.1"}, {"a": "x"}, {"a": 10}]),
    ({"$or": [{"a": ["x"]}, {"b": [{"numeric": [">", 1]}]}]}, [{"a": "x"}, {"b": 2}], [{"a": "y", "b": 1}]),
    ({"c": ["z"], "$or": [{"a": ["x"]}, {"b": ["y"]}]}, [{"c": "z", "a": "x"}], [{"a": "x"}, {"c": "z"}]),
]


@pytest.mark.parametrize(("pattern", "taken", "left"), CASES, ids=[json.dumps(pattern) for pattern, _, _ in CASES])
def test_what_a_pattern_takes(pattern: Any, taken: list[Any], left: list[Any]) -> None:
    matches = compile_pattern(json.dumps(pattern))
    assert [event for event in taken if not matches(event)] == []
    assert [event for event in left if matches(event)] == []


@pytest.mark.parametrize(
    "pattern",
    [
        *("", "text", '"text"', "null", "[]", "{}", '[{"a": ["x"]}]', '{"a": ["x"=1}', '{"a": "x"}', '{"a": []}'),
        *('{"a": {}}', '{"a": [["x"]]}', '{"a": [{}]}', '{"a": [{"like": "x"}]}', '{"a": [{"prefix": 1}]}'),
        *('{"a": [{"numeric": [">"]}]}', '{"a": [{"numeric": ["~", 1]}]}', '{"a": [{"numeric": [">", "1"]}]}'),
        *('{"a": [{"exists": "yes"}]}', '{"a": [{"anything-but": []}]}', '{"a": [{"cidr": "10.0.0.0/99"}]}'),
        *('{"$or": [{"a": ["x"]}]}', '{"$or": ["x", "y"]}', '{"a": [{"wildcard": "a**"}]}'),
        '{"a": [{"prefix": "x", "suffix": "y"}]}',
    ],
)
def test_what_is_not_a_pattern(pattern: str) -> None:
    with pytest.raises(BadPattern):
        compile_pattern(pattern)


def test_one_of_several_filters_is_enough() -> None:
    filters = Filters(['{"body": {"a": ["x"]}}', '{"body": ["plain"]}'])
    assert [filters.take({"body": body}) for body in ('{"a": "x"}', "plain", '"plain"', '{"a": "y"}', "{")] == [
        *(True, True, False, False, False)
    ]
    assert Filters().take({"body": "anything"})
