"""Query: members in a form, under dotted names; the answer in XML."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from staticfire.edge.aws.calls import AwsError
from staticfire.edge.aws.models import Operation, Shape
from staticfire.edge.http1.messages import Request, Response

Shapes = Mapping[str, Shape]


def read(operation: Operation, request: Request, labels: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """The members by their names in the model."""
    form = dict(parse_qsl(body.decode() or request.query, keep_blank_values=True))
    values = _structure(operation.shapes, operation.input, form, "")
    return values or {}


def response(operation: Operation, result: Mapping[str, Any]) -> Response:
    """The answer; members that are None are not told."""
    request_id = str(uuid4())
    root = Element(f"{operation.name}Response", xmlns=operation.namespace)
    inner = SubElement(root, operation.wrapper) if operation.wrapper else root
    _members(operation.shapes, operation.output, result, inner)
    SubElement(SubElement(root, "ResponseMetadata"), "RequestId").text = request_id
    headers = [("x-amzn-requestid", request_id), ("content-type", "text/xml")]
    return Response(operation.status, headers, ElementTree.tostring(root))


def _read(shapes: Shapes, name: str, form: Mapping[str, str], path: str) -> Any:
    shape = shapes[name]
    kind = shape["type"]
    if kind == "structure":
        return _structure(shapes, shape, form, f"{path}.")
    if kind == "list":
        base = path if shape.get("flattened") else f"{path}.{shape['member'].get('locationName', 'member')}"
        members = [_read(shapes, shape["member"]["shape"], form, at) for at in _numbered(form, base)]
        return members or ([] if form.get(path) == "" else None)
    if kind == "map":
        base = path if shape.get("flattened") else f"{path}.entry"
        key, value = shape["key"], shape["value"]
        return {
            form.get(f"{at}.{key.get('locationName', 'key')}", ""): _read(
                shapes, value["shape"], form, f"{at}.{value.get('locationName', 'value')}"
            )
            for at in _numbered(form, base)
        } or None
    return None if path not in form else _scalar(kind, form[path])


def _structure(shapes: Shapes, shape: Shape, form: Mapping[str, str], prefix: str) -> dict[str, Any] | None:
    values = {}
    for name, member in shape.get("members", {}).items():
        inner = shapes[member["shape"]]
        wire = member.get("locationName", name)
        if inner["type"] == "list" and inner.get("flattened"):
            wire = inner["member"].get("locationName", wire)
        value = _read(shapes, member["shape"], form, f"{prefix}{wire}")
        if value is not None:
            values[name] = value
    return values or None


def _numbered(form: Mapping[str, str], base: str) -> Iterator[str]:
    """`base.1`, `base.2`, ... as long as there is something."""
    numbers = {name[len(base) + 1 :].partition(".")[0] for name in form if name.startswith(f"{base}.")}
    for number in sorted(int(number) for number in numbers if number.isdecimal()):
        yield f"{base}.{number}"


def _scalar(kind: str, text: str) -> Any:
    try:
        if kind in ("integer", "long"):
            return int(text)
        if kind in ("float", "double"):
            return float(text)
        if kind == "timestamp":
            return datetime.fromisoformat(text).astimezone(UTC).timestamp()
        if kind == "blob":
            return base64.b64decode(text, validate=True)
    except ValueError:
        raise AwsError(400, "MalformedInput", f"'{text}' is not of the type {kind}") from None
    return text == "true" if kind == "boolean" else text


def _members(shapes: Shapes, shape: Shape, values: Mapping[str, Any], parent: Element) -> None:
    for name, member in shape.get("members", {}).items():
        if values.get(name) is not None:
            _tell(shapes, member["shape"], values[name], parent, member.get("locationName", name))


def _tell(shapes: Shapes, name: str, value: Any, parent: Element, tag: str) -> None:
    shape = shapes[name]
    kind, flat = shape["type"], shape.get("flattened")
    if kind == "list":
        inner = parent if flat else SubElement(parent, tag)
        entry = shape["member"].get("locationName", tag if flat else "member")
        for one in value:
            _tell(shapes, shape["member"]["shape"], one, inner, entry)
    elif kind == "map":
        inner = parent if flat else SubElement(parent, tag)
        for key, one in value.items():
            pair = SubElement(inner, tag if flat else "entry")
            SubElement(pair, shape["key"].get("locationName", "key")).text = key
            _tell(shapes, shape["value"]["shape"], one, pair, shape["value"].get("locationName", "value"))
    elif kind == "structure":
        _members(shapes, shape, value, SubElement(parent, tag))
    else:
        SubElement(parent, tag).text = _text(kind, value)


def _text(kind: str, value: Any) -> str:
    if kind == "timestamp":
        moment = datetime.fromtimestamp(value, UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if kind == "blob":
        return base64.b64encode(value).decode()
    return str(value).lower() if isinstance(value, bool) else str(value)
