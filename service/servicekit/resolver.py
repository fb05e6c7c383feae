"""Powertools' event handler with the answers that all services give: refusals, and 503 for a store that is away.

An error that is none of Refused and Unavailable is a bug: it propagates, Lambda reports it, and the API answers 500
without it.
"""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError

from servicekit.errors import Refused, Unavailable
from servicekit.http import Answer, Event, as_http_apis, json_text, of_rest_api

logger = Logger()


class Resolver(APIGatewayHttpResolver):
    """Decimals go out as they are; a custom domain's path, which lacks the stage, is found too."""

    def __init__(self) -> None:
        super().__init__(serializer=json_text)
        self.exception_handler(Refused)(refusal)
        self.exception_handler(Unavailable)(_unavailable)
        self.exception_handler(NotFoundError)(lambda error: refusal(Refused(404, "Not Found")))

    def resolve(self, event: Event, context: Any) -> Answer:
        if of_rest_api(event):
            event = as_http_apis(event)
        stage = f"/{event['requestContext']['stage']}"
        if stage != "/$default" and not f"{event['rawPath']}/".startswith(f"{stage}/"):
            event = {**event, "rawPath": stage + event["rawPath"]}
        return super().resolve(event, context)


def answer(status: int, content: Any, headers: dict[str, Any] | None = None) -> Response[Any]:
    return Response(status, content_type="application/json", body=content, headers=headers)


def refusal(refused: Refused) -> Response[Any]:
    problems = {"errors": refused.problems} if refused.problems else {}
    return answer(refused.status, {"message": refused.message, **problems}, dict(refused.headers or {}))


def _unavailable(error: Unavailable) -> Response[Any]:
    logger.warning("not available", problem=str(error))
    return answer(503, {"message": "The service cannot do this now. Try again."}, {"retry-after": "1"})
