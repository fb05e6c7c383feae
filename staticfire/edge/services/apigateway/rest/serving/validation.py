"""Request validators: parameters that must be there, and bodies by the models of the method.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-method-request-validation.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from .exchange import RestExchange
from .gateway_responses import GatewayRefusal, internal
from .json_schemas import SchemaFailed, Schemas
from .media_types import bare

_PREFIX = "method.request."


class ParametersCheck:
    def __init__(self, parameters: Mapping[str, bool]) -> None:
        names = sorted(name.removeprefix(_PREFIX) for name, required in parameters.items() if required)
        self._required = [(place, name) for place, _, name in (text.partition(".") for text in names)]

    async def check(self, exchange: RestExchange) -> None:
        missing = [name for place, name in self._required if not exchange.parameter(place, name)]
        if missing:
            message = f"Missing required request parameters: [{', '.join(missing)}]"
            exchange.validation_error = message
            raise GatewayRefusal("BAD_REQUEST_PARAMETERS", message)


class BodyCheck:
    """`models` are the names of models by content type; one of another type is not looked at, as on AWS."""

    def __init__(self, models: Mapping[str, str], schemas: Schemas) -> None:
        self._models = {kind.lower(): name for kind, name in models.items()}
        self._schemas = schemas

    async def check(self, exchange: RestExchange) -> None:
        kind = bare(exchange.request.headers.get("content-type") or "application/json")
        name = self._models.get(kind) or self._models.get("$default")
        if name is None:
            return
        try:
            document = json.loads(exchange.body or b"{}")
        except (ValueError, RecursionError) as error:
            raise _invalid(exchange, f"the body is not JSON: {error}") from error
        try:
            problem = await self._schemas.problem(name, document, len(exchange.body))
        except SchemaFailed as error:
            raise internal(f"model {name}: {error}") from error
        if problem:
            raise _invalid(exchange, problem)


def _invalid(exchange: RestExchange, problem: str) -> GatewayRefusal:
    exchange.validation_error = f"[{problem}]"
    return GatewayRefusal("BAD_REQUEST_BODY", "Invalid request body", problem)
