"""OpenAPI documents as plain values: JSON or YAML, whoever wrote it, within bounds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import yaml

from staticfire.edge.aws.calls import AwsError

MAX_BYTES = 6 * 1024 * 1024
# Far more than any document of that size has, unless it repeats itself by YAML's aliases.
MAX_VALUES = 400_000
MAX_DEPTH = 100

Document = dict[str, Any]

_FastLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MERGE = "tag:yaml.org,2002:merge"


class UnreadableDocument(Exception):
    """What is no document, or goes beyond the bounds; says why."""


class _Loader(_FastLoader):  # type: ignore[misc, valid-type]
    """Counts what merge keys (`<<`) copy: lists of them that repeat each other grow without end."""

    _merged = 0

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        for key, value in node.value:
            if key.tag == _MERGE:
                for one in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    if isinstance(one, yaml.MappingNode):
                        self.flatten_mapping(one)
                        self._merged += len(one.value)
                if self._merged > MAX_VALUES:
                    raise UnreadableDocument(f"it has more than {MAX_VALUES} values")
        super().flatten_mapping(node)


def parse(body: bytes) -> Document:
    """The document; every key is a text, as in JSON."""
    if len(body) > MAX_BYTES:
        raise UnreadableDocument(f"it has {len(body)} bytes, more than {MAX_BYTES}")
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = _yaml(body)
    plain = _Plain().of(value, 0)
    if not isinstance(plain, dict):
        raise UnreadableDocument("it is neither a JSON nor a YAML object")
    return plain


def bounded(value: Any) -> Any:
    """A copy of a value of JSON; raises UnreadableDocument where it goes beyond the bounds."""
    return _Plain().of(value, 0)


def _yaml(body: bytes) -> Any:
    try:
        _check_events(body)
        return yaml.load(body, Loader=_Loader)
    except (yaml.YAMLError, ValueError, RecursionError, UnicodeDecodeError) as error:
        raise UnreadableDocument(f"it is neither JSON nor YAML: {error}") from error


def _check_events(body: bytes) -> None:
    """Bounds before anything is built: the fast loader recurses in C, and a deep document would end the process."""
    depth = 0
    for number, event in enumerate(yaml.parse(body, Loader=_Loader)):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise UnreadableDocument(f"it is nested deeper than {MAX_DEPTH}")
        if number > MAX_VALUES:
            raise UnreadableDocument(f"it has more than {MAX_VALUES} values")


class _Plain:
    """A copy that shares nothing: what aliases stand for is counted each time, so that no bomb goes off."""

    def __init__(self) -> None:
        self._left = MAX_VALUES

    def of(self, value: Any, depth: int) -> Any:
        self._left -= 1
        if self._left < 0:
            raise UnreadableDocument(f"it has more than {MAX_VALUES} values")
        if depth > MAX_DEPTH:
            raise UnreadableDocument(f"it is nested deeper than {MAX_DEPTH}")
        if isinstance(value, Mapping):
            return {_text(key): self.of(inner, depth + 1) for key, inner in value.items()}
        if isinstance(value, list | tuple | set):
            return [self.of(inner, depth + 1) for inner in value]
        if isinstance(value, datetime | date):
            return value.isoformat()
        if isinstance(value, bytes):
            raise UnreadableDocument("it holds binary data")
        return value


def _text(key: Any) -> str:
    if isinstance(key, bool):
        return str(key).lower()
    return str(key)


def mapping(value: Any, where: str) -> Document:
    """A member that must be an object; nothing is an empty one."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise malformed(f"{where} must be an object")
    return value


def listed(value: Any, where: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise malformed(f"{where} must be a list")
    return value


def malformed(what: str) -> AwsError:
    return AwsError(400, "BadRequestException", f"Invalid OpenAPI input: {what}")
