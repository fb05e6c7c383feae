"""Models: JSON schemas of draft 4, checked within a budget whatever schema and body say.

Each keyword that is looked at is a step. Patterns are matched as everywhere (patterns.py), uniqueness is told by a set,
and what a moment is not enough for goes on in a thread.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

from .patterns import PatternFailed, PatternTooSlow, for_a_moment, search

FIRST_STEPS = 500
STEPS = 100_000
FIRST_BYTES = 64 * 1024
MAX_PROBLEM = 300
MAX_DEPTH = 100
_BY_NAME = frozenset(("properties", "patternProperties", "definitions", "dependencies"))

_threads = ThreadPoolExecutor(2, thread_name_prefix="models")


class SchemaFailed(Exception):
    """The schema is not valid, names a model that is not there, or takes too long: the text says which."""


class _TooLong(Exception):
    """The budget is used up."""


class _Steps(threading.local):
    """The budget of the validation that runs in this thread: jsonschema's validators take nothing along."""

    left = 0

    def spend(self, steps: int = 1) -> None:
        self.left -= steps
        if self.left < 0:
            raise _TooLong


_steps = _Steps()


class Schemas:
    """The models of a deployment by name."""

    def __init__(self, models: Mapping[str, str], api_id: str) -> None:
        self._texts = models
        self._api_id = api_id
        self._checks: dict[str, Callable[[Any, int], str | None]] = {}
        self._one = asyncio.Lock()

    async def problem(self, name: str, document: Any, size: int) -> str | None:
        """What is wrong with the document; None where nothing is. SchemaFailed where that cannot be told."""
        check = self._checks.get(name)
        if check is None:
            check = self._checks[name] = self._compiled(name)
        if size <= FIRST_BYTES:
            try:
                with for_a_moment():
                    return check(document, FIRST_STEPS)
            except _TooLong:
                pass
        async with self._one:
            try:
                return await asyncio.get_running_loop().run_in_executor(_threads, check, document, STEPS)
            except _TooLong as error:
                raise SchemaFailed(str(error) or f"checking the body takes more than {STEPS} steps") from error

    def _compiled(self, name: str) -> Callable[[Any, int], str | None]:
        from referencing import Registry, Resource
        from referencing.exceptions import Unresolvable
        from referencing.jsonschema import DRAFT4

        schemas = {other: _document(text) for other, text in self._texts.items()}
        if name not in schemas:
            if name == "Empty":
                return lambda document, steps: None
            raise SchemaFailed(f"there is no model {name}")
        base = f"https://apigateway.amazonaws.com/restapis/{self._api_id}/models/"
        resources = [
            (base + other, Resource.from_contents(schema, default_specification=DRAFT4))
            for other, schema in schemas.items()
        ]
        registry: Any = Registry().with_resources(resources)
        _check_schema(schemas[name])

        def check(document: Any, steps: int) -> str | None:
            validator = _validator_class()({"$ref": base + name}, registry=registry)
            _steps.left = steps
            try:
                error = next(validator.iter_errors(document), None)
            except PatternTooSlow as error:
                raise _TooLong(str(error)) from error
            except (Unresolvable, PatternFailed, RecursionError, ArithmeticError) as error:
                raise SchemaFailed(str(error)[:MAX_PROBLEM] or type(error).__name__) from error
            except (AttributeError, TypeError, KeyError, ValueError) as error:
                # What a reference leads to need not be a schema at all.
                raise SchemaFailed(f"its schema is not valid: {error}"[:MAX_PROBLEM]) from error
            return None if error is None else _told(error)

        return check


def _check_schema(schema: Any) -> None:
    """That it is a schema of draft 4, by the schema of schemas."""
    _steps.left = STEPS
    validator = _validator_class()(_without_names(_validator_class().META_SCHEMA))
    try:
        error = next(validator.iter_errors(schema), None)
    except (_TooLong, RecursionError) as error:
        raise SchemaFailed("its schema is too large") from error
    if error is not None:
        raise SchemaFailed(f"its schema is not valid: {_told(error)}")


def _told(error: Any) -> str:
    place = "/".join(str(step) for step in error.absolute_path)
    message = str(error.message)[:MAX_PROBLEM]
    return f"object at /{place}: {message}" if place else f"object: {message}"


def _document(text: str) -> Any:
    try:
        schema = json.loads(text or "{}")
    except (ValueError, RecursionError) as error:
        raise SchemaFailed(f"its schema is not JSON: {error}") from error
    if not isinstance(schema, dict):
        raise SchemaFailed("its schema is not an object")
    return _without_names(schema)


def _without_names(schema: Any, depth: int = 0, *, by_name: bool = False) -> Any:
    """Without what would say that a part is of another draft, or at another address. `by_name`: a map of schemas."""
    if depth > MAX_DEPTH:
        raise SchemaFailed(f"its schema is nested more than {MAX_DEPTH} deep")
    if isinstance(schema, list):
        return [_without_names(item, depth + 1) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if by_name:
        return {name: _without_names(item, depth + 1) for name, item in schema.items()}
    if not isinstance(schema.get("$ref", ""), str):
        raise SchemaFailed("its schema is not valid: $ref is not a text")
    return {
        key: item if key in ("enum", "default") else _without_names(item, depth + 1, by_name=key in _BY_NAME)
        for key, item in schema.items()
        if key not in ("$schema", "id")
    }


@cache
def _validator_class() -> Any:
    """jsonschema's validator of draft 4, each keyword of which spends a step."""
    from jsonschema import validators
    from jsonschema.exceptions import ValidationError

    def counted(keyword: Any) -> Any:
        def run(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
            _steps.spend()
            yield from keyword(validator, value, instance, schema) or ()

        return run

    def pattern(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
        _steps.spend()
        if isinstance(instance, str) and not search(str(value), instance):
            yield ValidationError(f"does not match {value!r}")

    def pattern_properties(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
        _steps.spend()
        for expression, below in value.items() if isinstance(instance, dict) else ():
            for name, item in instance.items():
                _steps.spend()
                if search(expression, name):
                    yield from validator.descend(item, below, path=name, schema_path=expression)

    def additional_properties(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
        _steps.spend()
        if not isinstance(instance, dict) or value is True:
            return
        own, expressions = schema.get("properties") or {}, list(schema.get("patternProperties") or {})
        _steps.spend(len(instance))
        extras = [
            name for name in instance if name not in own and not any(search(pattern, name) for pattern in expressions)
        ]
        if isinstance(value, dict):
            for name in extras:
                yield from validator.descend(instance[name], value, path=name)
        elif extras:
            yield ValidationError(f"has properties that are not allowed: {', '.join(extras[:10])}")

    def unique_items(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
        _steps.spend()
        if value and isinstance(instance, list):
            _steps.spend(len(instance))
            if len({json.dumps(item, sort_keys=True) for item in instance}) < len(instance):
                yield ValidationError("has items that are not unique")

    base: Any = validators.Draft4Validator
    keywords = {name: counted(keyword) for name, keyword in base.VALIDATORS.items()}
    keywords |= {
        "pattern": pattern,
        "patternProperties": pattern_properties,
        "additionalProperties": additional_properties,
        "uniqueItems": unique_items,
    }
    return validators.extend(base, keywords)
