"""From a function's answer to an HTTP response.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html

Format 2.0 infers: valid JSON without `statusCode` is the body of a 200. Format 1.0 does not: without `statusCode` it is
malformed. Malformed answers are a 500 for the client; the reason goes to the developer.
"""

from __future__ import annotations

import base64
import binascii
import re
from functools import lru_cache
from typing import Any

import orjson

from staticfire.edge.http1.hop_by_hop import HOP_BY_HOP
from staticfire.edge.http1.messages import HeaderList, Response

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NOT_THE_FUNCTIONS = HOP_BY_HOP | {"apigw-requestid", "content-length", "expect"}

JSON_TYPE = ("content-type", "application/json")
PLAIN_TYPE = ("content-type", "text/plain;charset=UTF-8")


class Malformed(Exception):
    """The function's answer is not a response; the text says why."""


@lru_cache(1024)
def header_name(name: str) -> str | None:
    """The name in lower case; None when the gateway drops this header."""
    lower = name.lower()
    if not _TOKEN.fullmatch(name):
        raise Malformed(f"{name!r} is not a header name")
    return None if lower in _NOT_THE_FUNCTIONS else lower


def header_value(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if not isinstance(value, str):
        raise Malformed(f"the header {name!r} is a {type(value).__name__}, not a string")
    if "\r" in value or "\n" in value or "\0" in value:
        raise Malformed(f"the header {name!r} contains a line break")
    # Beyond ASCII it is UTF-8 on the wire, where headers are latin-1 to the edge.
    return value if value.isascii() else value.encode("utf-8", "replace").decode("latin-1")


def _status(value: Any) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 200 <= value <= 599:
        raise Malformed(f"statusCode is {value!r}, not a number from 200 to 599")
    return value


def _body(answer: dict[str, Any]) -> bytes:
    body = answer.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        raise Malformed(f"body is a {type(body).__name__}, not a string")
    if answer.get("isBase64Encoded") is True:
        try:
            return base64.b64decode(body.replace("\r", "").replace("\n", ""), validate=True)
        except (binascii.Error, ValueError) as error:
            raise Malformed(f"isBase64Encoded is true, but body is not base64: {error}") from error
    return body.encode("utf-8", "replace")


def _object(answer: dict[str, Any], key: str) -> dict[str, Any]:
    value = answer.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Malformed(f"{key} is a {type(value).__name__}, not an object")
    return value


def _typed(headers: HeaderList, body: bytes, default: tuple[str, str] = PLAIN_TYPE) -> HeaderList:
    """Adds the content type that API Gateway gives to a body without one."""
    if body and not any(name == "content-type" for name, _ in headers):
        headers.append(default)
    return headers


def _parse(payload: bytes) -> Any:
    try:
        return orjson.loads(payload)
    except ValueError as error:
        raise Malformed(f"the function's answer is not JSON: {error}") from error


def version_2(payload: bytes, default: tuple[str, str] = PLAIN_TYPE) -> Response:
    """`default` is the content type of a body for which the function names none."""
    answer = _parse(payload)
    if not isinstance(answer, dict) or "statusCode" not in answer:
        body = answer.encode("utf-8", "replace") if isinstance(answer, str) else payload
        return Response(200, [JSON_TYPE], body)
    status = _status(answer["statusCode"])
    headers: HeaderList = []
    for name, value in _object(answer, "headers").items():
        kept = header_name(name)
        if kept is not None and value is not None:
            headers.append((kept, header_value(name, value)))
    cookies = answer.get("cookies")
    if cookies is not None:
        if not isinstance(cookies, list):
            raise Malformed(f"cookies is a {type(cookies).__name__}, not a list")
        headers += [("set-cookie", header_value("cookies", cookie)) for cookie in cookies]
    body = _body(answer)
    return Response(status, _typed(headers, body, default), body)


def version_1(payload: bytes) -> Response:
    answer = _parse(payload)
    if not isinstance(answer, dict) or "statusCode" not in answer:
        raise Malformed("payload format 1.0 needs an object with statusCode")
    status = _status(answer["statusCode"])
    headers: HeaderList = []
    multi = _object(answer, "multiValueHeaders")
    for name, values in multi.items():
        kept = header_name(name)
        if not isinstance(values, list):
            raise Malformed(f"multiValueHeaders has {name!r}, which is not a list")
        if kept is not None:
            headers += [(kept, header_value(name, value)) for value in values]
    for name, value in _object(answer, "headers").items():
        kept = header_name(name)
        if kept is not None and value is not None:
            header = (kept, header_value(name, value))
            if header not in headers:
                headers.append(header)
    body = _body(answer)
    return Response(status, _typed(headers, body), body)
