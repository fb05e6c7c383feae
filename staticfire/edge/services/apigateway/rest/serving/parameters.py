"""Parameter mappings: from a request to what an integration gets, and from its answer to what the client gets.

https://docs.aws.amazon.com/apigateway/latest/developerguide/request-response-data-mappings.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from staticfire.edge.services.apigateway.common.texts import text_of

from .context import context_value
from .exchange import RestExchange
from .gateway_responses import GatewayRefusal, internal
from .templates.budget import Budget, TemplateFailed
from .templates.json_path import MISSING, compiled_path

_REQUEST, _RESPONSE = "integration.request.", "method.response.header."
_PLACES = ("header", "querystring", "path")
# What a mapping may not set, by AWS: its execution fails.
_NEVER = frozenset(("content-length", "transfer-encoding", "x-amzn-trace-id", "x-amzn-apigateway-api-id"))
_NEVER_TO_AWS = _NEVER | {"authorization", "connection", "expect", "proxy-authenticate", "te"}

Source = Callable[[RestExchange], str | None]


@dataclass(slots=True)
class MappedParameters:
    """What a mapping gives an integration; later mappings of a name come after earlier ones."""

    header: dict[str, str] = field(default_factory=dict)
    querystring: dict[str, str] = field(default_factory=dict)
    path: dict[str, str] = field(default_factory=dict)

    def override(self, overrides: Mapping[str, Any]) -> None:
        """What a template set in `$context.requestOverride`; null removes."""
        for place in _PLACES:
            values: dict[str, str] = getattr(self, place)
            for name, value in (overrides.get(place) or {}).items():
                if value is None:
                    values.pop(str(name), None)
                else:
                    values[str(name)] = _clean(text_of(value) or "")


class RequestParameters:
    """`requestParameters` of an integration."""

    def __init__(self, parameters: Mapping[str, str], *, to_aws: bool) -> None:
        self._mappings: list[tuple[str, str, Source]] = []
        self._illegal = ""
        for target, source in sorted(parameters.items()):
            place, _, name = target.removeprefix(_REQUEST).partition(".")
            if place in _PLACES and name and isinstance(source, str):
                self._mappings.append((place, name, _request_source(source)))
            if place == "header" and name.lower() in (_NEVER_TO_AWS if to_aws else _NEVER):
                self._illegal = self._illegal or name

    def __bool__(self) -> bool:
        return bool(self._mappings)

    def check(self) -> None:
        if self._illegal:
            raise internal(f"{self._illegal} header already present")

    def map(self, exchange: RestExchange) -> MappedParameters:
        mapped = MappedParameters()
        self.check()
        for place, name, source in self._mappings:
            value = source(exchange)
            if value is not None:
                getattr(mapped, place)[name] = _clean(value)
        return mapped


def _request_source(source: str) -> Source:
    if source.startswith("method.request."):
        place, _, name = source.removeprefix("method.request.").partition(".")
        if place == "body":
            return lambda exchange: _of_body(exchange.body, name, request=True)
        return lambda exchange: exchange.parameter(place, name)
    return _other_source(source)


def _other_source(source: str) -> Source:
    if len(source) > 1 and source[0] == source[-1] == "'":
        constant = source[1:-1]
        return lambda exchange: constant
    if source.startswith("context."):
        name = source.removeprefix("context.")
        return lambda exchange: text_of(context_value(exchange, name))
    if source.startswith("stageVariables."):
        name = source.removeprefix("stageVariables.")
        return lambda exchange: exchange.stage_variables.get(name)
    return lambda exchange: None


def _of_body(body: bytes, path: str, *, request: bool) -> str | None:
    """The body as text, or what a JSONPath finds in it."""
    if not path:
        return body.decode("utf-8", "replace")
    if not body.strip():
        return None
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        if request:
            raise GatewayRefusal("BAD_REQUEST_BODY", "Invalid JSON in request body", str(error)) from error
        return None
    try:
        value = compiled_path(f"$.{path}").find(document, Budget())
    except TemplateFailed as error:
        raise internal(str(error)) from error
    return None if value is MISSING else text_of(value)


@dataclass(frozen=True, slots=True)
class EndpointAnswer:
    """What an integration's endpoint answered."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


class ResponseParameters:
    """`responseParameters` of an integration response."""

    def __init__(self, parameters: Mapping[str, str]) -> None:
        self._mappings = [
            (target.removeprefix(_RESPONSE), _response_source(source))
            for target, source in parameters.items()
            if target.startswith(_RESPONSE) and isinstance(source, str)
        ]

    def map(self, exchange: RestExchange, answer: EndpointAnswer) -> list[tuple[str, str]]:
        headers: list[tuple[str, str]] = []
        for name, source in self._mappings:
            value = source(exchange, answer)
            if value is not None:
                headers.append((name, _clean(value)))
        return headers


def _response_source(source: str) -> Callable[[RestExchange, EndpointAnswer], str | None]:
    if source.startswith("integration.response."):
        place, _, name = source.removeprefix("integration.response.").partition(".")
        if place == "body":
            return lambda exchange, answer: _of_body(answer.body, name, request=False)
        if place == "header":
            return lambda exchange, answer: answer.header(name)
        if place == "multivalueheader":
            return lambda exchange, answer: (
                ",".join(value for key, value in answer.headers if key.lower() == name.lower()) or None
            )
        return lambda exchange, answer: None
    other = _other_source(source)
    return lambda exchange, answer: other(exchange)


def _clean(value: str) -> str:
    """Nobody puts a further header line into a value; beyond ASCII it is UTF-8 on the wire."""
    value = value.replace("\r", " ").replace("\n", " ").replace("\0", "")
    return value if value.isascii() else value.encode("utf-8", "replace").decode("latin-1")
