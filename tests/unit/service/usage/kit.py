"""Events of POST /usage, as the HTTP API sends them."""

from __future__ import annotations

import base64
from typing import Any


def event_of(body: bytes, key: str | None) -> dict[str, Any]:
    """With a body of any bytes."""
    headers = {} if key is None else {"idempotency-key": key}
    return {"headers": headers, "body": base64.b64encode(body).decode(), "isBase64Encoded": True}
