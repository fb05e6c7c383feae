"""Files of DynamoDB items: JSON lines, a JSON list, or what `aws dynamodb scan` prints; plain, or typed as DynamoDB's.

An item is typed where each of its values is an object with one type of DynamoDB's, as `{"id": {"S": "a"}}`. A plain one
never looks so: its key is text or a number.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from staticfire.toml_tables import JSON_LINES

TYPES = ("S", "N", "B", "SS", "NS", "BS", "M", "L", "NULL", "BOOL")


@dataclass(frozen=True)
class Item:
    """One item as DynamoDB takes it, and where in its file it stands: a line, or `item 3` of a list."""

    place: str
    values: Mapping[str, Any]


def read_items(file: Path) -> Iterator[Item]:
    """The items of a file; a ValueError that names file and place for what is none."""
    for place, value in _lines(file) if file.suffix in JSON_LINES else _list(file):
        try:
            yield Item(place, _item(value))
        except (ValueError, TypeError) as error:
            raise ValueError(f"{file}:{place}: {error}") from error


def _lines(file: Path) -> Iterator[tuple[str, Any]]:
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield str(number), _parsed(file, line.strip(), number - 1)


def _list(file: Path) -> Iterator[tuple[str, Any]]:
    document = _parsed(file, file.read_bytes(), 0)
    if isinstance(document, dict) and isinstance(document.get("Items"), list):
        document = document["Items"]
    if not isinstance(document, list):
        raise ValueError(f"{file}: a list of items is needed, or an object with such a list as `Items`")
    yield from ((f" item {number}", value) for number, value in enumerate(document, 1))


def _parsed(file: Path, data: bytes, lines_before: int) -> Any:
    try:
        return json.loads(data.decode("utf-8"), parse_float=Decimal, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        where = f"{file}:{lines_before + error.lineno}"
        raise ValueError(f"{where}: not JSON: {error.msg}, column {error.colno}") from error
    except ValueError as error:
        raise ValueError(f"{file}{f':{lines_before + 1}' if lines_before else ''}: not JSON: {error}") from error


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is not a number")


def _item(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict) or not value:
        raise ValueError("an item is an object with attributes")
    if all(isinstance(entry, dict) and len(entry) == 1 and next(iter(entry)) in TYPES for entry in value.values()):
        return {name: _typed(entry) for name, entry in value.items()}
    from boto3.dynamodb.types import TypeSerializer  # not at the top: a command that seeds nothing does without boto3

    try:
        return {name: TypeSerializer().serialize(entry) for name, entry in value.items()}
    except ArithmeticError as error:
        raise ValueError("a number has more digits, or is greater, than DynamoDB keeps") from error


def _typed(value: Any) -> Mapping[str, Any]:
    """As botocore takes it: what is binary as bytes."""
    if not isinstance(value, dict) or len(value) != 1:
        raise ValueError(f"{value!r} is not a typed value")
    ((kind, content),) = value.items()
    if kind not in TYPES:
        raise ValueError(f"{kind!r} is not a type of DynamoDB's: {', '.join(TYPES)}")
    if kind == "B":
        return {kind: _bytes(content)}
    if kind == "BS":
        return {kind: [_bytes(entry) for entry in content]}
    if kind == "M":
        return {kind: {name: _typed(entry) for name, entry in content.items()}}
    if kind == "L":
        return {kind: [_typed(entry) for entry in content]}
    return {kind: content}


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError) as error:
        raise ValueError(f"{text!r} is not Base64: {error}") from error
