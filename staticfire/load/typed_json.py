"""Dataclasses to JSON and back, by their annotations; no library that is here already does it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, fields, is_dataclass
from functools import cache
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints


def json_name(name: str) -> Mapping[str, str]:
    """The metadata of a field that JSON knows by another name."""
    return {"json": name}


def to_json(value: Any) -> Any:
    if is_dataclass(value):
        return {_name(entry): to_json(getattr(value, entry.name)) for entry in fields(value)}
    if isinstance(value, Mapping):
        return {key: to_json(content) for key, content in value.items()}
    if isinstance(value, (tuple, list)):
        return [to_json(content) for content in value]
    return value


def of_json(kind: Any, value: Any) -> Any:
    """A `kind` from what `to_json` made of it. What is missing is a KeyError; what is computed is computed anew."""
    if NoneType in get_args(kind):
        if value is None:
            return None
        kind = next(option for option in get_args(kind) if option is not NoneType)
    if isinstance(kind, type) and is_dataclass(kind):
        hints = _hints(kind)
        values = {entry.name: of_json(hints[entry.name], value[_name(entry)]) for entry in fields(kind) if entry.init}
        return kind(**values)
    if get_origin(kind) is tuple:
        return tuple(of_json(get_args(kind)[0], content) for content in value)
    if get_origin(kind) is Mapping:
        return {key: of_json(get_args(kind)[1], content) for key, content in value.items()}
    return value


@cache
def _hints(kind: type) -> Mapping[str, Any]:
    return get_type_hints(kind)


def _name(entry: Field[Any]) -> str:
    return str(entry.metadata.get("json", entry.name))
