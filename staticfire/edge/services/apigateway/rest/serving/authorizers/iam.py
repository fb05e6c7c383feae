"""AWS_IAM: a signature of version 4 that is really verified, and policies that are really asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from staticfire.edge.aws.calls import AwsError
from staticfire.edge.aws.signed_callers import SignedCallers
from staticfire.edge.services.apigateway.rest.serving.exchange import RestExchange
from staticfire.edge.services.apigateway.rest.serving.gateway_responses import GatewayRefusal, denied, internal
from staticfire.edge.services.apigateway.rest.serving.resource_policy import INVOKE, facts

_KINDS = {
    "MissingAuthenticationTokenException": "MISSING_AUTHENTICATION_TOKEN",
    "ExpiredTokenException": "EXPIRED_TOKEN",
}


class IamCheck:
    """`resource_policy` counts beside the caller's own policies, as AWS puts both together."""

    def __init__(self, callers: SignedCallers, resource_policy: Mapping[str, Any] | None) -> None:
        self._callers = callers
        self._policy = resource_policy

    async def check(self, exchange: RestExchange) -> None:
        try:
            caller = self._callers.caller(
                exchange.request, exchange.body, service="execute-api", region=exchange.scope.region
            )
        except AwsError as error:
            kind = _KINDS.get(error.code, "INVALID_SIGNATURE")
            raise GatewayRefusal(kind, error.message, str(error), error_type=error.code) from error
        try:
            refusal = await self._callers.refusal(
                caller,
                INVOKE,
                exchange.method_arn,
                resource_policy=self._policy,
                facts={name: value for name, value in facts(exchange).items() if value},
            )
        except AwsError as error:
            raise internal(f"the caller's policies cannot be read: {error}") from error
        if refusal is not None:
            raise denied(refusal.message)
        exchange.identity |= {
            "accessKey": caller.key,
            "accountId": caller.account,
            "caller": caller.user_id,
            "user": caller.user_id,
            "userArn": caller.arn,
        }
