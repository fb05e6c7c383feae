"""REST with JSON: members in the path, the query, headers and the body, both ways."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4

import orjson

from staticfire.edge.aws.calls import AwsError
from staticfire.edge.aws.models import Operation, Shape
from staticfire.edge.http1.messages import Request, Response

Values = dict[str, Any]
Shapes = Mapping[str, Shape]

_KINDS: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "list": (list,),
    "map": (dict,),
    "structure": (dict,),
}


def read(
    operation: Operation, request: Request, labels: Mapping[str, str], body: bytes, *, older: bool = False
) -> Values:
    """The members by their names in the model; `older` as in Wording."""
    shapes, members = operation.shapes, operation.input.get("members", {})
    queries: dict[str, list[str]] = {}
    for name, value in parse_qsl(request.query, keep_blank_values=True):
        queries.setdefault(name, []).append(value)
    payload = operation.input.get("payload")
    if payload and shapes[members[payload]["shape"]]["type"] in ("blob", "string"):
        document: Values = {}
        values: Values = {payload: body} if body else {}
    else:
        document = _document(body)
        values = {}
    for name, member in members.items():
        shape, location, wire = shapes[member["shape"]], member.get("location"), member.get("locationName", name)
        if location == "uri":
            values[name] = _text(shape, labels[wire])
        elif location == "querystring":
            listed = _queried(shapes, shape, wire, queries)
            if listed is not None:
                values[name] = listed
        elif location == "header":
            if wire.lower() in request.headers:
                values[name] = _text(shape, request.headers.get(wire.lower()))
        elif location == "headers":
            prefix = wire.lower()
            values[name] = {key[len(prefix) :]: text for key, text in request.headers if key.startswith(prefix)}
        elif name == payload:
            if name not in values and document:
                values[name] = _value(shapes, shape, document, older)
        elif not location and not payload and document.get(wire) is not None:
            values[name] = _value(shapes, shape, document[wire], older)
    return values


def response(operation: Operation, result: Mapping[str, Any]) -> Response:
    """The answer; members that are None are not told."""
    shapes, members = operation.shapes, operation.output.get("members", {})
    headers = [("x-amzn-requestid", str(uuid4()))]
    document: Values = {}
    status = operation.status
    payload, body = operation.output.get("payload"), None
    for name, member in members.items():
        value, shape = result.get(name), shapes[member["shape"]]
        if value is None:
            continue
        location, wire = member.get("location"), member.get("locationName", name)
        if location == "statusCode":
            status = value
        elif location == "header":
            headers.append((wire.lower(), _told_text(shape, value)))
        elif location == "headers":
            headers += [(f"{wire}{key}".lower(), text) for key, text in value.items()]
        elif name == payload:
            raw = shape["type"] in ("blob", "string")
            body = (value if isinstance(value, bytes) else value.encode()) if raw else _told(shapes, shape, value)
        else:
            document[wire] = _told(shapes, shape, value)
    if status == 204 or not operation.output:
        return Response(status, headers)
    if not isinstance(body, bytes):
        headers.append(("content-type", "application/json"))
        body = orjson.dumps(document if payload is None else body or {})
    return Response(status, headers, body)


def _document(body: bytes) -> Values:
    if not body.strip():
        return {}
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _unreadable(f"Could not parse request body into json: {error}") from error
    if not isinstance(document, dict):
        raise _unreadable("Start of structure or map found where not expected.")
    return document


def _value(shapes: Shapes, shape: Shape, value: Any, older: bool) -> Any:
    """What JSON holds, as the shape says: members that the model does not have are passed over, as AWS does."""
    kind = shape["type"]
    if kind == "timestamp":
        return _moment(value)
    if kind == "blob":
        try:
            return base64.b64decode(str(value), validate=True)
        except (binascii.Error, ValueError):
            raise _unreadable("Base64 encoded data could not be decoded.") from None
    if not _is(value, kind):
        if older:
            raise _unreadable(f"class {_java_class(value)} can not be converted to an {_java_type(kind)}")
        raise _unreadable(f"{_java(value)} can not be converted to {_java_type(kind)}")
    if kind == "structure":
        members = shape["members"].items()
        named = ((name, member, value.get(member.get("locationName", name))) for name, member in members)
        return {
            name: _value(shapes, shapes[member["shape"]], inner, older)
            for name, member, inner in named
            if inner is not None
        }
    if kind == "list":
        inner_shape = shapes[shape["member"]["shape"]]
        return [_value(shapes, inner_shape, inner, older) for inner in value if inner is not None]
    if kind == "map":
        inner_shape = shapes[shape["value"]["shape"]]
        return {
            key: None if inner is None else _value(shapes, inner_shape, inner, older)
            for key, inner in value.items()
            if older or inner is not None
        }
    return value


def _is(value: Any, kind: str) -> bool:
    return (kind == "boolean" or not isinstance(value, bool)) and isinstance(value, _KINDS.get(kind, (object,)))


def _queried(shapes: Shapes, shape: Shape, name: str, queries: Mapping[str, list[str]]) -> Any:
    if shape["type"] == "map":
        return {key: values[0] for key, values in queries.items()}
    if name not in queries:
        return None
    if shape["type"] == "list":
        return [_text(shapes[shape["member"]["shape"]], value) for value in queries[name]]
    return _text(shape, queries[name][0])


_READERS: Mapping[str, Callable[[str], Any]] = {
    "boolean": lambda text: text.lower() == "true",
    "integer": int,
    "long": int,
    "float": float,
    "double": float,
}


def _text(shape: Shape, text: str) -> Any:
    """A member that stands in a path, a query or a header."""
    if shape["type"] == "timestamp":
        return _moment(text)
    try:
        return _READERS.get(shape["type"], str)(text)
    except ValueError:
        raise _unreadable(f"'{text}' can not be converted to {_java_type(shape['type'])}") from None


def _moment(value: Any) -> float:
    """Seconds since 1970; as a text, ISO 8601 or the number."""
    try:
        return float(value)
    except (TypeError, ValueError):
        pass
    try:
        return datetime.fromisoformat(str(value)).astimezone(UTC).timestamp()
    except ValueError:
        raise _unreadable(f"{_java(value)} can not be converted to Timestamp") from None


def _told(shapes: Shapes, shape: Shape, value: Any) -> Any:
    kind = shape["type"]
    if kind == "structure":
        return {
            member.get("locationName", name): _told(shapes, shapes[member["shape"]], value[name])
            for name, member in shape["members"].items()
            if value.get(name) is not None
        }
    if kind == "list":
        inner = shapes[shape["member"]["shape"]]
        return [_told(shapes, inner, one) for one in value]
    if kind == "map":
        inner = shapes[shape["value"]["shape"]]
        return {key: None if one is None else _told(shapes, inner, one) for key, one in value.items()}
    if kind == "blob":
        return base64.b64encode(value).decode()
    if kind == "timestamp" and shape.get("timestampFormat") == "iso8601":
        return datetime.fromtimestamp(value, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return value


def _told_text(shape: Shape, value: Any) -> str:
    if shape["type"] == "timestamp":
        return format_datetime(datetime.fromtimestamp(value, UTC), usegmt=True)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _java(value: Any) -> str:
    if isinstance(value, bool):
        return f"{str(value).upper()}_VALUE"
    if isinstance(value, int | float):
        return "NUMBER_VALUE"
    return "STRING_VALUE" if isinstance(value, str) else "Start of structure or list"


def _java_class(value: Any) -> str:
    if isinstance(value, bool):
        return "java.lang.Boolean"
    if isinstance(value, int | float):
        return "com.amazon.coral.value.json.numbers.TruncatingBigNumber"
    if isinstance(value, str):
        return "java.lang.String"
    return "java.util.ArrayList" if isinstance(value, list) else "java.util.LinkedHashMap"


def _java_type(kind: str) -> str:
    return {"structure": "Structure", "list": "List", "map": "Map"}.get(kind, kind.capitalize())


def _unreadable(message: str) -> AwsError:
    return AwsError(400, "SerializationException", message)
