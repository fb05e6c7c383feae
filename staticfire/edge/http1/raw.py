"""Messages that pass through as the bytes they came in.

Most calls of the emulator are somebody's own, and so are its answers: nothing in them changes here. Such a message is
still parsed (what it asks, where it ends, that it is valid), but it is not put together again.

    request:   connection keeps the bytes of one that came alone -> `request_as_it_came` -> Client.pass_on
    response:  client keeps those of a small one -> `response_as_it_came` -> Response(raw=...) -> connection writes them

That saves a quarter of what a small call costs the edge: 80 us of CPU instead of 110, both ways, in plain Python. Its
price is a field beside each message's parts, and care: what goes on must be this one message and no byte more, and hold
nothing that belongs to the connection it came over. Both functions here check that, and nobody else does.
"""

from __future__ import annotations

import re

from .hop_by_hop import HOP_BY_HOP
from .messages import BODILESS, END_OF_HEAD, Headers, Request, Response

# The server answers `Expect` by itself.
_NOT_PASSED = HOP_BY_HOP | {"expect"}
_HOP_BY_HOP_LINE = re.compile(rb"\r\n(?:%b):" % "|".join(sorted(HOP_BY_HOP)).encode())


def request_as_it_came(request: Request) -> bytes | None:
    """The bytes of a request that may go on over another connection."""
    data = request.raw
    # The parser skips empty lines around a request, and takes other spellings of its first line.
    if not data.startswith(f"{request.method} {request.target} HTTP/1.1\r\n".encode("latin-1")):
        return None
    length = data.find(END_OF_HEAD) + len(END_OF_HEAD) + int(request.headers.get("content-length", "0"))
    return data if length == len(data) and not request.headers.any_of(_NOT_PASSED) else None


def response_as_it_came(whole: bytes, status: int, lines: bytes) -> bytes:
    """The bytes of a whole response if they may go on over another connection; `lines` are its headers."""
    if whole.startswith(b"HTTP/1.1 ") and status not in BODILESS and not _HOP_BY_HOP_LINE.search(lines.lower()):
        return whole
    return b""


def unpacked(response: Response) -> tuple[Response, bytes]:
    """The same response, taken apart, and its body: for a connection on which it cannot go on as it came."""
    head, _, body = response.raw.partition(END_OF_HEAD)
    return Response(response.status, Headers(lines=head[head.index(b"\r\n") :]).items(), body), body
