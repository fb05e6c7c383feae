"""Parameter mapping: what an integration changes of requests and of responses.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-parameter-mapping.html: keys are
`append|overwrite|remove:header.NAME`, `append|overwrite|remove:querystring.NAME`, `overwrite:path` and, for responses
of a status, `overwrite:statuscode`. Reserved headers are not touched.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import quote, urlencode

from staticfire.edge.http1.messages import HeaderList, Response
from staticfire.edge.services.apigateway.common.parameter_keys import is_reserved

from .exchange import Exchange
from .expressions import Value, compile_value

log = logging.getLogger(__name__)

_STATUS = re.compile(r"[2-5][0-9]{2}")


class _Change(NamedTuple):
    action: str
    place: str
    name: str
    value: Value


def _changes(parameters: Mapping[str, str]) -> list[_Change]:
    changes = []
    for key, text in parameters.items():
        action, _, target = key.partition(":")
        place, _, name = target.partition(".")
        if place == "header":
            name = name.lower()
            if is_reserved(name):
                log.warning("parameter mapping %r is ignored: API Gateway reserves the header %s", key, name)
                continue
        changes.append(_Change(action, place, name, compile_value(text)))
    return changes


def _change_pairs(pairs: Iterable[tuple[str, str]], action: str, name: str, value: str | None) -> HeaderList:
    """`pairs` with one name appended to, overwritten or removed. No value to map changes nothing."""
    if action == "remove":
        return [pair for pair in pairs if pair[0] != name]
    if value is None:
        return list(pairs)
    kept = [pair for pair in pairs if action == "append" or pair[0] != name]
    return [*kept, (name, value)]


def _change_header(headers: HeaderList, action: str, name: str, value: str | None) -> HeaderList:
    """Like other pairs; what is appended to a header joins its value."""
    values = [value for key, value in headers if key == name]
    if action == "append" and value is not None and values:
        action, value = "overwrite", ",".join([*values, value])
    return _change_pairs(headers, action, name, value)


class MappedRequest(NamedTuple):
    path: str
    query: str
    headers: HeaderList


class RequestMapping:
    """The changes to requests. `path` is None unless a mapping overwrites it."""

    def __init__(self, parameters: Mapping[str, str]) -> None:
        self._changes = _changes(parameters)

    def __bool__(self) -> bool:
        return bool(self._changes)

    def apply(self, exchange: Exchange, path: str, headers: HeaderList) -> MappedRequest:
        """The request's path, query and headers after the mappings; a mapped path is percent-encoded."""
        query: HeaderList | None = None
        for action, place, name, value in self._changes:
            text = value(exchange, None)
            if place == "header":
                headers = _change_header(headers, action, name, text)
            elif place == "querystring":
                query = _change_pairs(exchange.query if query is None else query, action, name, text)
            elif place == "path" and text is not None:
                path = quote(text if text.startswith("/") else f"/{text}", safe="/%:@!$&'()*+,;=~-._")
        return MappedRequest(path, exchange.query_string if query is None else urlencode(query), headers)


class ResponseMapping:
    """The changes to responses, by the integration's status."""

    def __init__(self, by_status: Mapping[str, Mapping[str, str]]) -> None:
        self._changes = {int(status): _changes(mapping) for status, mapping in by_status.items() if status.isdigit()}

    def __bool__(self) -> bool:
        return bool(self._changes)

    def apply(self, exchange: Exchange, response: Response) -> Response:
        headers, status = response.headers, response.status
        for action, place, name, value in self._changes.get(status, ()):
            text = value(exchange, response)
            if place == "header":
                headers = _change_header(headers, action, name, text)
            elif place == "statuscode" and text is not None and _STATUS.fullmatch(text):
                status = int(text)
        return Response(status, headers, response.body)
