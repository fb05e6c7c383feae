"""What a call of the console's API takes: fields that are checked, and described in its OpenAPI document.

By hand, as a library for it (jsonschema) is none of the CLI's dependencies, and a call here is a flat object.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl


class BadInput(Exception):
    """A call that cannot be meant; says what is wrong."""


@dataclass(frozen=True)
class Field:
    name: str
    says: str
    type: str = "string"  # of JSON
    required: bool = False
    default: Any = None
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    longest: int = 2000

    @property
    def schema(self) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": self.type, "description": self.says}
        if self.type == "string" and not self.choices:
            schema["maxLength"] = self.longest
            if self.required:
                schema["minLength"] = 1
        if self.choices:
            schema["enum"] = list(self.choices)
        if self.least is not None:
            schema["minimum"] = self.least
        if self.most is not None:
            schema["maximum"] = self.most
        if self.default is not None:
            schema["default"] = self.default
        return schema

    def checked(self, value: Any) -> Any:
        kind = KINDS[self.type]
        if not isinstance(value, kind) or (isinstance(value, bool) and self.type != "boolean"):
            raise BadInput(f"{self.name} must be of the type {self.type}.")
        if self.choices and value not in self.choices:
            raise BadInput(f"{self.name} must be one of {', '.join(self.choices)}.")
        if isinstance(value, str):
            if self.required and not value:
                raise BadInput(f"{self.name} must not be empty.")
            if len(value) > self.longest:
                raise BadInput(f"{self.name} is longer than {self.longest} characters.")
            if "\0" in value:
                raise BadInput(f"{self.name} holds a NUL.")
        if isinstance(value, int | float):
            self._check_size(value)
        return value

    def _check_size(self, value: float) -> None:
        if self.least is not None and value < self.least:
            raise BadInput(f"{self.name} must be {self.least:g} at least.")
        if self.most is not None and not value <= self.most:  # NaN is not, either
            raise BadInput(f"{self.name} must be {self.most:g} at most.")


KINDS: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "object": dict,
    "array": list,
}


def of_query(query: str, fields: Sequence[Field]) -> dict[str, Any]:
    """The parameters of a query string; numbers and switches are text in it."""
    values: dict[str, Any] = {}
    of_name = {field.name: field for field in fields}
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=50)
    except ValueError as error:
        raise BadInput(f"The query cannot be read: {error}.") from error
    for name, text in pairs:
        if name in values:
            raise BadInput(f"{name} is there twice.")
        values[name] = _of_text(of_name[name], text) if name in of_name else text
    return checked(values, fields)


def of_body(body: bytes, fields: Sequence[Field]) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"The body is not JSON: {error}.") from error
    if not isinstance(document, dict):
        raise BadInput("The body must be an object.")
    return checked(document, fields)


def checked(values: Mapping[str, Any], fields: Sequence[Field]) -> dict[str, Any]:
    names = [field.name for field in fields]
    if others := values.keys() - set(names):
        raise BadInput(f"There is no {min(others)!r} here. Known: {', '.join(names) or 'nothing'}.")
    if missing := [field.name for field in fields if field.required and field.name not in values]:
        raise BadInput(f"{missing[0]} is missing.")
    return {
        field.name: field.checked(values[field.name]) if field.name in values else field.default for field in fields
    }


def _of_text(field: Field, text: str) -> Any:
    try:
        if field.type == "integer":
            return int(text)
        if field.type == "number":
            return float(text)
    except ValueError as error:
        raise BadInput(f"{field.name} must be a number.") from error
    if field.type == "boolean":
        if text not in ("true", "false"):
            raise BadInput(f"{field.name} must be true or false.")
        return text == "true"
    return text
