"""Pages of a list. A marker is nobody's but the list's that gave it, as on AWS: another one is refused."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from staticfire.edge.aws.calls import AwsError

PAGE = 50
# Of a marker, the bytes that tell it from what somebody made up. It opens nothing: no secret is in it.
CHECK = 6


def page_of(
    answers: Sequence[dict[str, Any]], params: Mapping[str, Any], member: str, *, key: str, most: int = PAGE
) -> dict[str, Any]:
    """One page of a list under the name `member`, which begins after what the marker says was told last."""
    start = 0
    if (marker := params.get("Marker")) is not None:
        place, last = _read(marker, member)
        keys = [str(answer[key]) for answer in answers]
        # What was told last may be gone by now: the next one has its place.
        start = keys.index(last) + 1 if last in keys else place
    page = list(answers[start : start + min(params.get("MaxItems") or most, most)])
    end = start + len(page)
    more = {"NextMarker": _marker(member, end - 1, str(page[-1][key]))} if page and end < len(answers) else {}
    return {member: page, **more}


def _marker(member: str, place: int, last: str) -> str:
    content = f"{member} {place} {last}".encode()
    return base64.urlsafe_b64encode(_check(content) + content).decode()


def _read(marker: str, member: str) -> tuple[int, str]:
    try:
        content = base64.b64decode(marker, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _invalid() from None
    check, content = content[:CHECK], content[CHECK:]
    if check != _check(content):
        raise _invalid()
    of, place, last = content.decode().split(" ", 2)
    if of != member:
        raise _invalid()
    return int(place), last


def _check(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()[:CHECK]


def _invalid() -> AwsError:
    message = "Invalid pagination key."
    return AwsError(400, "InvalidParameterValueException", message, fields={"Type": "User"})
