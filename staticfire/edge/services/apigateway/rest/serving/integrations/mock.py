"""MOCK: the request template says the status, the integration response the rest."""

from __future__ import annotations

import json
import re

from staticfire.edge.http1.messages import Response
from staticfire.edge.services.apigateway.rest.serving.exchange import RestExchange
from staticfire.edge.services.apigateway.rest.serving.gateway_responses import internal
from staticfire.edge.services.apigateway.rest.serving.parameters import EndpointAnswer

from .answers import ResponseMapper
from .payloads import RequestMapper

# AWS reads this as leniently: `{statusCode: 200}` is widely used.
_STATUS = re.compile(r"""\{\s*['"]?statusCode['"]?\s*:\s*['"]?(\d{3})['"]?\s*[,}]""")


class MockResponder:
    def __init__(self, request: RequestMapper, response: ResponseMapper) -> None:
        self._request = request
        self._response = response

    async def respond(self, exchange: RestExchange) -> Response:
        request = await self._request.map(exchange)
        status = _status(request.payload.decode("utf-8", "replace"))
        if status is None:
            raise internal(
                "Unable to parse statusCode. It should be an integer that is defined in the request template."
            )
        return await self._response.map(exchange, EndpointAnswer(status, [], b""), str(status))


def _status(text: str) -> int | None:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        lenient = _STATUS.match(text.strip())
        return int(lenient[1]) if lenient else None
    status = document.get("statusCode") if isinstance(document, dict) else None
    if isinstance(status, str) and status.isdigit() and len(status) == 3:
        return int(status)
    return status if isinstance(status, int) and not isinstance(status, bool) else None
