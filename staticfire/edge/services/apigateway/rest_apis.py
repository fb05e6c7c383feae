"""REST APIs, as the emulator serves them, at the addresses where HTTP APIs are served.

The edge does not run them itself yet: what answers is the emulator's, and is not held to AWS's documentation.
"""

from __future__ import annotations

import json
import re

from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.http1.messages import BodyTooLarge, Response

from .common.limits import MAX_BODY
from .common.refusal import too_large
from .domains.address import Address

NAME = re.compile(r"[A-Za-z0-9_-]{1,128}")
# What emulators answer for an API that they do not have either.
UNKNOWN = ("Not Found", "does not correspond to a deployed API Gateway API")


class RestApis:
    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._served: set[str] = set()

    def serves(self, api_id: str) -> bool:
        """Whether the emulator is known to have this API."""
        return api_id in self._served

    async def serve(self, api_id: str, address: Address) -> Response | None:
        """The emulator's answer; None when it has no such API."""
        request, stage, path = address.request, address.stage, address.path
        if stage is None:
            stage, slash, rest = path[1:].partition("/")
            path = f"{slash or '/'}{rest}"
        # Nobody is asked for a signature on the way: what a stranger chose may lead to a stage, and nowhere else.
        if not NAME.fullmatch(api_id) or not NAME.fullmatch(stage):
            return None
        target = f"/restapis/{api_id}/{stage}/_user_request_{path}" + (f"?{request.query}" if request.query else "")
        try:
            response = await self._emulator.at(target, "apigateway", request, MAX_BODY)
        except BodyTooLarge:
            raise too_large(f"the body is longer than {MAX_BODY} bytes") from None
        if response.status == 404 and api_id not in self._served and _is_unknown(response.body):
            return None
        self._served.add(api_id)
        return response

    def forget(self) -> None:
        self._served.clear()


def _is_unknown(body: object) -> bool:
    try:
        message = json.loads(body)["message"] if isinstance(body, bytes) else None
    except (ValueError, TypeError, KeyError):
        return False
    return isinstance(message, str) and any(text in message for text in UNKNOWN)
