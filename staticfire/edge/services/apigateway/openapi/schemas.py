"""Schemas of models: their references to other models, a schema that needs none, and AWS's template of a schema."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

MODELS = "https://apigateway.amazonaws.com/restapis"
MAX_DEPTH = 40
MAX_VALUES = 20_000

_OF_DOCUMENT = re.compile(r"#/(?:definitions|components/schemas)/(?P<name>[^/]+)")
_OF_API = re.compile(r"https?://[^/]+/restapis/[^/]+/models/(?P<name>[^/?#]+)")


def model_of(reference: Any) -> str | None:
    """The model that a reference names, in a document or of an API."""
    if not isinstance(reference, str):
        return None
    match = _OF_DOCUMENT.fullmatch(reference) or _OF_API.fullmatch(reference)
    return match["name"] if match else None


def referring(schema: Any, api_id: str, names: Mapping[str, str]) -> Any:
    """A schema whose references are to an API's models; `names`: a document's names to those of the models."""
    if isinstance(schema, list):
        return [referring(one, api_id, names) for one in schema]
    if not isinstance(schema, dict):
        return schema
    copy = {name: referring(value, api_id, names) for name, value in schema.items() if name != "example"}
    name = model_of(schema.get("$ref"))
    if name is not None:
        copy["$ref"] = f"{MODELS}/{api_id}/models/{names.get(name, name)}"
    return copy


def flattened(model: Mapping[str, Any], others: Mapping[str, Mapping[str, Any]]) -> str:
    """A model's schema with those that it refers to under `definitions`."""
    schema = _loaded(model)
    definitions: dict[str, Any] = {}
    waiting = _names(schema)
    while waiting:
        name = waiting.pop()
        if name in definitions or name not in others:
            continue
        definitions[name] = _loaded(others[name])
        waiting += _names(definitions[name])
    if not definitions:
        return str(model["schema"])
    local = {name: _local(one) for name, one in definitions.items()}
    return json.dumps({**_local(schema), "definitions": local}, indent=2)


def _loaded(model: Mapping[str, Any]) -> Any:
    try:
        return json.loads(model["schema"])
    except (ValueError, RecursionError):
        return {}


def _names(schema: Any) -> list[str]:
    names, waiting = [], [schema]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            name = model_of(value.get("$ref"))
            names += [name] if name else []
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return names


def _local(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_local(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    copy = {name: _local(value) for name, value in schema.items()}
    name = model_of(schema.get("$ref"))
    if name is not None:
        copy["$ref"] = f"#/definitions/{name}"
    return copy


def template_of(model: Mapping[str, Any], others: Mapping[str, Mapping[str, Any]]) -> str:
    """The mapping template that AWS makes of a model: the shape of its data, filled from the input."""
    written = _Template(others)
    return "#set($inputRoot = $input.path('$'))\n" + written.of(_loaded(model), "$inputRoot", 0, 0)


class _Template:
    def __init__(self, others: Mapping[str, Mapping[str, Any]]) -> None:
        self._others = others
        self._left = MAX_VALUES

    def of(self, schema: Any, path: str, depth: int, indent: int) -> str:
        self._left -= 1
        if not isinstance(schema, dict) or depth > MAX_DEPTH or self._left < 0:
            return "{}"
        name = model_of(schema.get("$ref"))
        if name is not None:
            return self.of(_loaded(self._others.get(name, {"schema": "{}"})), path, depth + 1, indent)
        kind = schema.get("type")
        if kind == "array":
            return self._array(schema, path, depth, indent)
        properties = schema.get("properties")
        if kind == "object" or isinstance(properties, dict):
            return self._object(properties if isinstance(properties, dict) else {}, path, depth, indent)
        return {"string": '"foo"', "boolean": "true", "number": "42", "integer": "42"}.get(str(kind), '"foo"')

    def _object(self, properties: Mapping[str, Any], path: str, depth: int, indent: int) -> str:
        pad = "  " * (indent + 1)
        lines = [
            f'{pad}"{name}" : {self.of(inner, f"{path}.{name}", depth + 1, indent + 1)}'
            for name, inner in properties.items()
        ]
        return "{\n" + ",\n".join(lines) + "\n" + "  " * indent + "}" if lines else "{ }"

    def _array(self, schema: Mapping[str, Any], path: str, depth: int, indent: int) -> str:
        inner = self.of(schema.get("items"), "$elem", depth + 1, indent + 1)
        pad = "  " * indent
        return f"[\n{pad}#foreach($elem in {path})\n{pad}  {inner}#if($foreach.hasNext),#end\n{pad}#end\n{pad}]"
