"""The keys of an HTTP API's parameter mapping: what may be changed, and the headers that API Gateway keeps for itself.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-parameter-mapping.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_RESERVED = frozenset(
    (
        "authorization",
        "connection",
        "content-encoding",
        "content-length",
        "content-location",
        "forwarded",
        "keep-alive",
        "origin",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailers",
        "transfer-encoding",
        "upgrade",
        "via",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
    )
)
_RESERVED_PREFIXES = ("access-control-", "apigw-", "x-amz-", "x-amzn-")
_OF_REQUESTS = re.compile(r"(?:append|overwrite|remove):(?:header|querystring)\.\S+|overwrite:path")
_OF_RESPONSES = re.compile(r"(?:append|overwrite|remove):header\.\S+|overwrite:statuscode")
_HEADER = re.compile(r"\w+:header\.(.+)")


def is_reserved(header: str) -> bool:
    name = header.lower()
    return name in _RESERVED or name.startswith(_RESERVED_PREFIXES)


def problem_of(keys: Iterable[str], *, of_response: bool) -> str:
    """What AWS refuses of these keys, in its words; nothing where all is well."""
    for key in keys:
        if not (_OF_RESPONSES if of_response else _OF_REQUESTS).fullmatch(key):
            return f"Invalid mapping expression specified: {key}"
        header = _HEADER.fullmatch(key)
        if header and is_reserved(header[1]):
            return f"Operations on header {header[1].lower()} are restricted"
    return ""
