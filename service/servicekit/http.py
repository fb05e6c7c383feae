"""Events and answers of HTTP APIs, and of REST APIs in their shape: bodies as bytes, decimals as JSON numbers.

Powertools has text, and strings.
"""

import base64
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import unquote, urlencode

Event = Mapping[str, Any]
Answer = dict[str, Any]

LONGEST_PLAIN = 40  # digits; DynamoDB's numbers have 38

_text = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def of_rest_api(event: Event) -> bool:
    """Whether the event has the payload format 1.0."""
    return "rawPath" not in event


def as_http_apis(event: Event) -> Event:
    """A REST API's event in the payload format 2.0, as far as services look at it."""
    context, method = event["requestContext"], event["httpMethod"]
    queries = event.get("multiValueQueryStringParameters") or {}
    path = unquote(context["path"])
    return {
        "version": "2.0",
        "routeKey": f"{method} {event['resource']}",
        "rawPath": path,
        "rawQueryString": urlencode(queries, doseq=True),
        "headers": {name.lower(): ",".join(values) for name, values in (event["multiValueHeaders"] or {}).items()},
        "queryStringParameters": {name: ",".join(values) for name, values in queries.items()} or None,
        "pathParameters": event.get("pathParameters"),
        "body": event.get("body"),
        "isBase64Encoded": event["isBase64Encoded"],
        "requestContext": {**context, "http": {"method": method, "path": path, **context["identity"]}},
    }


def body_of(event: Event) -> bytes:
    """The body's bytes as the client sent them."""
    body: str = event.get("body") or ""
    if event.get("isBase64Encoded"):
        return base64.b64decode(body)
    return body.encode("utf-8", "surrogatepass")


def json_text(value: Any, *, sort_keys: bool = False) -> str:
    """JSON of a value that may hold decimals: `json` alone would make floats of them."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dict):
        items = sorted(value.items()) if sort_keys else value.items()
        return (
            "{"
            + ",".join([f"{_text(name)}:{json_text(element, sort_keys=sort_keys)}" for name, element in items])
            + "}"
        )
    if isinstance(value, list | tuple):
        return "[" + ",".join([json_text(element, sort_keys=sort_keys) for element in value]) + "]"
    if isinstance(value, Decimal):
        return plain(value) if abs(value.adjusted()) < LONGEST_PLAIN else str(value)
    return _text(value)


def plain(number: Decimal) -> str:
    """The shortest decimal text without an exponent: 1E+2 is 100, 0.10 is 0.1, -0 is 0."""
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
