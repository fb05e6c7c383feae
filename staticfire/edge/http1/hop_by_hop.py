"""Headers that belong to one connection and go no further (RFC 9110, 7.6.1)."""

from __future__ import annotations

from .messages import Headers

HOP_BY_HOP = frozenset(
    (
        "connection",
        "http2-settings",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)


def end_to_end(headers: Headers) -> list[tuple[str, str]]:
    """The headers that go on: neither these, nor what the Connection header names besides."""
    named = {name.strip().lower() for value in headers.getall("connection") for name in value.split(",")}
    return [header for header in headers if header[0] not in HOP_BY_HOP and header[0] not in named]
