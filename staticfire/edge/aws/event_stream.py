"""AWS's event stream encoding, of messages that are sent; by hand, since botocore only reads it.

https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html
"""

from __future__ import annotations

from binascii import crc32
from collections.abc import Mapping

TYPE = "application/vnd.amazon.eventstream"
STRING = b"\x07"


def message(kind: str, payload: bytes, content_type: str = "application/octet-stream") -> bytes:
    """One event."""
    return _encoded({":event-type": kind, ":content-type": content_type, ":message-type": "event"}, payload)


def _encoded(headers: Mapping[str, str], payload: bytes) -> bytes:
    head = b""
    for name, value in headers.items():
        head += len(name).to_bytes(1) + name.encode() + STRING + len(value.encode()).to_bytes(2) + value.encode()
    prelude = (len(head) + len(payload) + 16).to_bytes(4) + len(head).to_bytes(4)
    body = prelude + crc32(prelude).to_bytes(4) + head + payload
    return body + crc32(body).to_bytes(4)
