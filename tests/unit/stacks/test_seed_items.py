"""Files of items: plain and typed, lines and lists; what is none is told with file and line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from staticfire.stacks.seed_items import read_items

PLAIN = {"id": "a", "n": 1, "f": 1.10, "yes": True, "none": None, "list": ["x", 2], "map": {"S": "no type"}}
TYPED = {
    "id": {"S": "a"},
    "n": {"N": "1"},
    "f": {"N": "1.10"},
    "yes": {"BOOL": True},
    "none": {"NULL": True},
    "list": {"L": [{"S": "x"}, {"N": "2"}]},
    "map": {"M": {"S": {"S": "no type"}}},
}


def items(tmp_path: Path, name: str, text: str) -> list[tuple[str, Any]]:
    file = tmp_path / name
    file.write_text(text)
    return [(item.place, item.values) for item in read_items(file)]


def test_plain_and_typed_items_are_the_same(tmp_path: Path) -> None:
    text = json.dumps(PLAIN).replace("1.1,", "1.10,") + "\n\n" + json.dumps(TYPED) + "\n"
    assert items(tmp_path, "items.jsonl", text) == [("1", TYPED), ("3", TYPED)]


@pytest.mark.parametrize("document", [[TYPED], {"Items": [TYPED], "Count": 1}])
def test_a_list_is_read_and_what_a_scan_printed(tmp_path: Path, document: Any) -> None:
    assert items(tmp_path, "items.json", json.dumps(document, indent=2)) == [(" item 1", TYPED)]


def test_binary_values_are_bytes_however_deep(tmp_path: Path) -> None:
    typed = {"id": {"B": "AAE="}, "all": {"BS": ["AAE="]}, "deep": {"M": {"list": {"L": [{"B": "AAE="}]}}}}
    [(_, values)] = items(tmp_path, "items.jsonl", json.dumps(typed))
    assert values == {
        "id": {"B": b"\0\1"},
        "all": {"BS": [b"\0\1"]},
        "deep": {"M": {"list": {"L": [{"B": b"\0\1"}]}}},
    }


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("items.jsonl", '{"id": "a"}\n{"id": \n', "items.jsonl:2: not JSON"),
        ("items.jsonl", '{"id": "a"}\n[1]\n', "items.jsonl:2: an item is an object"),
        ("items.jsonl", '{"id": "a"}\n{"id": NaN}\n', "items.jsonl:2: not JSON: NaN is not a number"),
        ("items.jsonl", f'{{"id": 1{"0" * 40}1}}', "items.jsonl:1: a number has more digits"),
        ("items.jsonl", '{"id": {"B": "%"}}', "items.jsonl:1: '%' is not Base64"),
        ("items.jsonl", '{"id": {"M": {"a": 1}}}', "items.jsonl:1: 1 is not a typed value"),
        ("items.json", '[\n{"id": "a"},\n]', "items.json:3: not JSON"),
        ("items.json", '[{"id": "a"}, 2]', "items.json: item 2: an item is an object"),
        ("items.json", '{"id": "a"}', "a list of items is needed"),
    ],
)
def test_what_is_no_item_is_told_with_its_place(tmp_path: Path, name: str, text: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"items\.json") as failed:
        items(tmp_path, name, text)
    assert said in str(failed.value)
