"""A function behind an HTTP API: one callable a route, and the same answers to the same errors in every service.

    handler = application({"GET /things/{id}": get_thing, "POST /things": post_thing})

An error that is none of Refused and Unavailable is a bug: it propagates, Lambda reports it, and the API answers 500
without it.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from servicekit.errors import Refused, Unavailable
from servicekit.http import Answer, Event, answer

logger = logging.getLogger(__name__)

Route = Callable[[Event], Answer]


def application(routes: Mapping[str, Route]) -> Callable[[Event, Any], Answer]:
    """The handler that answers the routes, keyed by "METHOD /path" as the HTTP API has them."""

    def handler(event: Event, context: Any) -> Answer:
        route = routes.get(event["routeKey"])
        if route is None:
            return answer(404, {"message": "Not Found"})
        try:
            return route(event)
        except Refused as refused:
            return refusal(refused)
        except Unavailable as error:
            logger.warning("not available", extra={"route": event["routeKey"], "problem": str(error)})
            return answer(503, {"message": "The service cannot do this now. Try again."}, {"retry-after": "1"})

    return handler


def refusal(refused: Refused) -> Answer:
    problems = {"errors": refused.problems} if refused.problems else {}
    return answer(refused.status, {"message": refused.message, **problems}, refused.headers)
