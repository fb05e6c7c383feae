"""The head of a message: start line and headers, as bytes that hold this one message and no second."""

from __future__ import annotations

import time
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

from .hop_by_hop import HOP_BY_HOP
from .messages import Response

_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}
# What the sender of a message says for itself.
FRAMING = HOP_BY_HOP | {"content-length"}


class BadHead(Exception):
    """Headers that cannot be sent: one holds a line break, NUL or a character beyond latin-1."""


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)


def declared_length(response: Response, known: int = 0) -> tuple[str, str]:
    """The length that the response declares of itself (as a proxied answer to HEAD does), else what is known."""
    for name, value in response.headers:
        if name.lower() == "content-length" and value.isdecimal():
            return "content-length", value
    return ("content-length", str(known)) if known else ("", "")


def encode_head(response: Response, framing: tuple[str, str], connection: str) -> bytes:
    """`framing` is the header that tells where the body ends; `connection` that header's value; either may be empty."""
    lines = [_STATUS_LINES.get(response.status) or f"HTTP/1.1 {response.status} \r\n"]
    dated = False
    for name, value in response.headers:
        lower = name.lower()
        if lower in FRAMING:
            continue
        if lower == "date":
            dated = True
        lines.append(f"{name}: {value}\r\n")
    if framing[0]:
        lines.append(f"{framing[0]}: {framing[1]}\r\n")
    if not dated:
        lines.append(f"date: {_date(int(time.time()))}\r\n")
    if connection:
        lines.append(f"connection: {connection}\r\n")
    return to_bytes(lines)


def to_bytes(lines: list[str]) -> bytes:
    """Lines that end in CRLF, and the empty one after them."""
    lines.append("\r\n")
    head = "".join(lines)
    # One line break a line and none inside: a value must never start a message of its own.
    if head.count("\n") != len(lines) or head.count("\r") != len(lines) or "\0" in head:
        raise BadHead("a header holds a line break or NUL")
    try:
        return head.encode("latin-1")
    except UnicodeEncodeError as error:
        raise BadHead(f"a header holds {head[error.start]!r}, which HTTP headers cannot carry") from None
