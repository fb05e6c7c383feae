"""Media types: which payloads are binary, and payloads converted between bytes and base64 text.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-payload-encodings-workflow.html
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

from .gateway_responses import internal

TO_TEXT, TO_BINARY = "CONVERT_TO_TEXT", "CONVERT_TO_BINARY"


def bare(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def is_binary(content_type: str | None, binary_media_types: Sequence[str]) -> bool:
    """`*/*` is any, also none at all; `image/*` any image."""
    if not binary_media_types:
        return False
    if "*/*" in binary_media_types:
        return True
    kind = bare(content_type or "")
    return bool(kind) and any(
        kind == listed.lower() or (listed.endswith("/*") and kind.startswith(listed[:-1].lower()))
        for listed in binary_media_types
    )


def accepts_binary(accept: str | None, binary_media_types: Sequence[str]) -> bool:
    """By the first media type that the client accepts, as AWS does it."""
    return is_binary((accept or "").partition(",")[0], binary_media_types)


def request_payload(body: bytes, content_type: str | None, handling: str | None, binary: Sequence[str]) -> bytes:
    """The payload for an integration."""
    return _converted(body, is_binary(content_type, binary), handling)


def response_payload(
    body: bytes, content_type: str | None, accept: str | None, handling: str | None, binary: Sequence[str]
) -> bytes:
    """The payload for a client: what it accepts decides where no handling is set."""
    from_binary = is_binary(content_type, binary)
    if handling is None and binary:
        handling = TO_BINARY if accepts_binary(accept, binary) else TO_TEXT if from_binary else None
    return _converted(body, from_binary, handling)


def _converted(body: bytes, binary: bool, handling: str | None) -> bytes:
    if handling == TO_TEXT and binary:
        return base64.b64encode(body)
    if handling == TO_BINARY and not binary:
        try:
            return base64.b64decode(body, validate=True)
        except (binascii.Error, ValueError) as error:
            raise internal(f"Unable to base64 decode the body: {error}") from error
    return body
