"""The small language of HTTP APIs: `$request.header.name`, `$context.requestId`, `${stageVariables.x}/rest`.

Identity sources and parameter mappings are written in it; each text is compiled once.
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-parameter-mapping.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from staticfire.edge.http1.messages import Response
from staticfire.edge.services.apigateway.common.texts import text_of

from .exchange import Exchange, context_getter, decoded_path

Value = Callable[[Exchange, Response | None], str | None]

_EMBEDDED = re.compile(r"\$(?:\{([^}]*)\}|((?:request|response|context|stageVariables)\.[\w.\[\]'-]*[\w\]]))")
_JSON_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]|\['([^']*)'\]")


def _json_path(body: bytes, path: str) -> str | None:
    try:
        value = json.loads(body)
    except ValueError:
        return None
    for step in _JSON_STEP.finditer(path):
        name = step[1] or step[3]
        if name is not None and isinstance(value, dict):
            value = value.get(name)
        elif step[2] is not None and isinstance(value, list) and int(step[2]) < len(value):
            value = value[int(step[2])]
        else:
            return None
    return text_of(value)


def _response_header(response: Response | None, name: str) -> str | None:
    values = [value for key, value in response.headers if key == name] if response else []
    return ",".join(values) if values else None


def _response_body(response: Response | None, path: str) -> str | None:
    return _json_path(response.body, path) if response and isinstance(response.body, bytes) else None


def _selector(name: str) -> Value | None:
    """A name without its `$`; None when it is not a selector."""
    root, _, rest = name.partition(".")
    if root == "context":
        getter = context_getter(rest)
        return (lambda exchange, _: text_of(getter(exchange))) if getter else None
    if root == "stageVariables":
        return lambda exchange, _: exchange.stage.variables.get(rest)
    kind, _, key = rest.partition(".")
    lower = key.lower()
    selectors: dict[tuple[str, str], Value] = {
        ("request", "header"): lambda exchange, _: (
            "; ".join(exchange.cookies) or None if lower == "cookie" else exchange.headers.get(lower)
        ),
        ("request", "querystring"): lambda exchange, _: exchange.query_parameter(key),
        ("request", "body"): lambda exchange, _: (
            _json_path(exchange.body, key) if key else exchange.body.decode("utf-8", "replace")
        ),
        ("request", "path"): lambda exchange, _: exchange.parameters.get(key) if key else decoded_path(exchange.path),
        ("request", "method"): lambda exchange, _: exchange.request.method,
        ("response", "header"): lambda _, response: _response_header(response, lower),
        ("response", "body"): lambda _, response: _response_body(response, key),
    }
    return selectors.get((root, kind))


def compile_value(text: str) -> Value:
    """A selector (`$request.header.a`), text with selectors in it, or plain text."""
    whole = _EMBEDDED.fullmatch(text)
    if whole is not None:
        return _selector(whole[1] or whole[2]) or (lambda _exchange, _r: None)
    pieces: list[Value] = []
    end = 0
    for selector in _EMBEDDED.finditer(text):
        pieces.append(_constant(text[end : selector.start()]))
        pieces.append(_selector(selector[1] or selector[2]) or _constant(""))
        end = selector.end()
    if not pieces:
        return _constant(text)
    pieces.append(_constant(text[end:]))
    return lambda exchange, response: "".join(piece(exchange, response) or "" for piece in pieces)


def _constant(text: str) -> Value:
    return lambda _exchange, _r: text
