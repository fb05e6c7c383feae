"""From a function's answer to an HTTP response: https://docs.aws.amazon.com/apigateway/latest/developerguide/
set-up-lambda-proxy-integrations.html#api-gateway-simple-proxy-for-lambda-output-format.

No member is mandatory, but none beyond these is taken, and an answer has one at least. A body that is base64 becomes
bytes only where the client accepts one of the API's binary media types.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import orjson

from staticfire.edge.http1.messages import HeaderList, Response

from .gateway_responses import malformed
from .header_rules import told
from .media_types import accepts_binary, is_binary

_MEMBERS = frozenset(("statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded", "cookies"))
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TYPE = ("Content-Type", "application/json")


def response(payload: bytes, accept: str | None, binary: Sequence[str]) -> Response:
    try:
        answer = orjson.loads(payload)
    except ValueError as error:
        raise malformed(f"Malformed Lambda proxy response: it is not JSON: {error}") from error
    if not isinstance(answer, dict) or not answer or not answer.keys() <= _MEMBERS:
        raise malformed("Malformed Lambda proxy response: it has other members than statusCode, headers, body, ...")
    headers = head(answer)
    body = _body(answer)
    kind = next((value for name, value in headers if name.lower() == "content-type"), None)
    if answer.get("isBase64Encoded") is True and binary and (is_binary(kind, binary) or accepts_binary(accept, binary)):
        body = _decoded(body)
    return Response(status_of(answer), headers, body)


def status_of(answer: dict[str, Any]) -> int:
    value = answer.get("statusCode")
    if value is None:
        return 200
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:4])
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 200 <= value <= 599:
        raise malformed(f"Malformed Lambda proxy response: statusCode is {value!r}")
    return value


def head(answer: dict[str, Any]) -> HeaderList:
    """Both maps of headers; a name in both has the values of both, as the multi-value map spells it."""
    headers: HeaderList = []
    names: dict[str, str] = {}
    for name, values in _object(answer, "multiValueHeaders").items():
        if not isinstance(values, list):
            raise malformed(f"Malformed Lambda proxy response: multiValueHeaders has {name!r}, which is not a list")
        for value in values:
            _add(headers, names, name, value)
    for name, value in _object(answer, "headers").items():
        if value is not None:
            _add(headers, names, name, value)
    cookies = answer.get("cookies") or []
    if not isinstance(cookies, list):
        raise malformed(f"Malformed Lambda proxy response: cookies is a {type(cookies).__name__}, not a list")
    for cookie in cookies:
        _add(headers, names, "Set-Cookie", cookie)
    if "content-type" not in names:
        headers.insert(0, _TYPE)
    return headers


def _add(headers: HeaderList, names: dict[str, str], name: str, value: Any) -> None:
    kept = _name(name)
    if kept is None:
        return
    spelled = names.setdefault(kept.lower(), kept)
    header = (spelled, _value(name, value))
    if header not in headers:
        headers.append(header)


@lru_cache(1024)
def _name(name: str) -> str | None:
    """The name as the client gets it; None when the gateway drops this header."""
    if not _TOKEN.fullmatch(name):
        raise malformed(f"Malformed Lambda proxy response: {name!r} is not a header name")
    return told(name, passed=True)


def _value(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if not isinstance(value, str):
        raise malformed(f"Malformed Lambda proxy response: the header {name!r} is a {type(value).__name__}")
    if "\r" in value or "\n" in value or "\0" in value:
        raise malformed(f"Malformed Lambda proxy response: the header {name!r} contains a line break")
    return value if value.isascii() else value.encode("utf-8", "replace").decode("latin-1")


def _object(answer: dict[str, Any], key: str) -> dict[str, Any]:
    value = answer.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise malformed(f"Malformed Lambda proxy response: {key} is a {type(value).__name__}, not an object")
    return value


def _body(answer: dict[str, Any]) -> bytes:
    body = answer.get("body")
    if body is None:
        return b""
    if isinstance(body, list | dict):
        raise malformed(f"Malformed Lambda proxy response: body is a {type(body).__name__}, not a string")
    return (body if isinstance(body, str) else orjson.dumps(body).decode()).encode("utf-8", "replace")


def _decoded(body: bytes) -> bytes:
    try:
        return base64.b64decode(body.replace(b"\r", b"").replace(b"\n", b""), validate=True)
    except (binascii.Error, ValueError) as error:
        raise malformed(f"Malformed Lambda proxy response: body is not base64: {error}") from error
