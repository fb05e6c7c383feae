"""`$input` and `$util`.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus, unquote_plus

from .budget import CHARACTERS_A_STEP, Budget, TemplateFailed
from .json_path import MISSING, compiled_path
from .values import Callables, as_json, text_of


class NotJson(TemplateFailed):
    """The payload is not JSON, and the template asks for some of it."""


@dataclass(slots=True)
class Parameters:
    """A request's parameters, as templates and mappings see them: one value a name, the last."""

    path: Mapping[str, str] = field(default_factory=dict)
    querystring: Mapping[str, str] = field(default_factory=dict)
    header: Mapping[str, str] = field(default_factory=dict)

    def get(self, name: str) -> str | None:
        """Searched in the path, the query string and the headers, in this order."""
        for values in (self.path, self.querystring, self.header):
            if name in values:
                return values[name]
        lower = name.lower()
        return next((value for key, value in self.header.items() if key.lower() == lower), None)

    def maps(self) -> dict[str, Any]:
        return {"path": dict(self.path), "querystring": dict(self.querystring), "header": dict(self.header)}


class Input(Callables):
    """`$input`: the payload and the request's parameters."""

    def __init__(self, body: str, parameters: Parameters) -> None:
        self._body = body
        self._parameters = parameters
        self._document: Any = MISSING
        self.methods = {"path": self._path, "json": self._json, "params": self._params, "body": self._text}

    def property(self, name: str, budget: Budget) -> Any:
        return self._text(budget, ()) if name == "body" else None

    def _text(self, budget: Budget, arguments: Sequence[Any]) -> str:
        return self._body or "{}"

    def _path(self, budget: Budget, arguments: Sequence[Any]) -> Any:
        value = self._at(budget, arguments)
        return "" if value is MISSING else value

    def _json(self, budget: Budget, arguments: Sequence[Any]) -> str:
        value = self._at(budget, arguments)
        return as_json("" if value is MISSING else value, budget)

    def _params(self, budget: Budget, arguments: Sequence[Any]) -> Any:
        budget.spend(len(self._parameters.header) + 1)
        if not arguments:
            return self._parameters.maps()
        name = text_of(arguments[0], budget)
        value = self._parameters.get(name)
        if value is None and name in ("path", "querystring", "header"):
            return self._parameters.maps()[name]
        return value or ""

    def _at(self, budget: Budget, arguments: Sequence[Any]) -> Any:
        if self._document is MISSING:
            self._document = parse_json(self._body, budget) if self._body.strip() else {}
        path = text_of(arguments[0], budget) if arguments else "$"
        return compiled_path(path or "$").find(self._document, budget)


def parse_json(text: str, budget: Budget) -> Any:
    budget.spend(len(text) // CHARACTERS_A_STEP + 1)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotJson(f"the payload is not JSON: {error}") from error


_JAVASCRIPT = {
    ord("'"): "\\'",
    ord('"'): '\\"',
    ord("\\"): "\\\\",
    ord("/"): "\\/",
    ord("\b"): "\\b",
    ord("\n"): "\\n",
    ord("\t"): "\\t",
    ord("\f"): "\\f",
    ord("\r"): "\\r",
    **{code: f"\\u{code:04X}" for code in range(32) if chr(code) not in "\b\n\t\f\r"},
}


def escaped_for_javascript(text: str) -> str:
    """As Apache Commons Lang does it: quotes, slashes, control characters, and all beyond ASCII."""
    text = text.translate(_JAVASCRIPT)
    if text.isascii():
        return text
    units = text.encode("utf-16-be", "surrogatepass")
    codes = (int.from_bytes(units[place : place + 2]) for place in range(0, len(units), 2))
    return "".join(chr(code) if code < 128 else f"\\u{code:04X}" for code in codes)


def _of_text(change: Callable[[str], str]) -> Callable[[Budget, Sequence[Any]], Any]:
    def method(budget: Budget, arguments: Sequence[Any]) -> Any:
        if not arguments or arguments[0] is None:
            return None
        text = text_of(arguments[0], budget)
        budget.text(len(text) * 2)
        made = change(text)
        budget.text(len(made))
        return made

    return method


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text.encode(), validate=False).decode("utf-8", "replace")
    except (binascii.Error, ValueError) as error:
        raise TemplateFailed(f"$util.base64Decode: {error}") from error


_UTIL: Mapping[str, Callable[[Budget, Sequence[Any]], Any]] = {
    "escapeJavaScript": _of_text(escaped_for_javascript),
    "urlEncode": _of_text(quote_plus),
    "urlDecode": _of_text(unquote_plus),
    "base64Encode": _of_text(lambda text: base64.b64encode(text.encode("utf-8", "replace")).decode()),
    "base64Decode": _of_text(_decoded),
    "parseJson": lambda budget, arguments: parse_json(text_of(arguments[0], budget), budget) if arguments else None,
}


class Util(Callables):
    """`$util`."""

    def __init__(self) -> None:
        self.methods = _UTIL


UTIL = Util()
