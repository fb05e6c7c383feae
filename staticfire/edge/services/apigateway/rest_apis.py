"""REST APIs, as the emulator serves them, at the addresses where HTTP APIs are served.

The edge does not run them itself yet: what answers is the emulator's, and is not held to AWS's documentation.
"""

from __future__ import annotations

import json
from urllib.parse import quote

from staticfire.edge.aws.calls import Scope
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.http1.hop_by_hop import end_to_end
from staticfire.edge.http1.messages import BodyTooLarge, Response

from .address import Address
from .integration import MAX_BODY
from .refusal import too_large

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
        request = address.request
        stage, path = address.stage, address.path
        if stage is None:
            stage, slash, rest = path[1:].partition("/")
            path = f"{slash or '/'}{rest}"
        target = f"/restapis/{api_id}/{quote(stage)}/_user_request_{path}"
        target += f"?{request.query}" if request.query else ""
        # The API's own host name would lead the emulator by that name, and the path would count twice.
        headers = [(name, value) for name, value in end_to_end(request.headers) if name.lower() != "host"]
        try:
            body = await request.body(MAX_BODY)
        except BodyTooLarge:
            raise too_large(f"the body is longer than {MAX_BODY} bytes") from None
        answer = await self._emulator.raw(Scope(), "apigateway", request.method, target, headers, body, as_is=True)
        content = await self._emulator.whole(answer)
        if answer.status == 404 and api_id not in self._served and _is_unknown(content):
            return None
        self._served.add(api_id)
        return Response(answer.status, end_to_end(answer.headers), content)

    def forget(self) -> None:
        self._served.clear()


def _is_unknown(content: bytes) -> bool:
    try:
        message = json.loads(content)["message"]
    except (ValueError, TypeError, KeyError):
        return False
    return isinstance(message, str) and any(text in message for text in UNKNOWN)
