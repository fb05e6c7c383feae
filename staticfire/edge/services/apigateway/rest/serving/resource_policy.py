"""The API's resource policy: who may call at all, by address, principal and condition.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-authorization-flow.html: an explicit Deny ends
it at once. Where nobody else decides (no authorizer), and before a user pool, the policy must allow; an authorizer of
Lambda or IAM decides where it says nothing. Conditions on a VPC or its endpoint never hold: nothing here comes
through one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from staticfire.edge.aws.iam_policy import ALLOW, DENY, Inquiry, decide
from staticfire.edge.aws.signed_callers import denied as signed_denied
from staticfire.edge.aws.signed_callers import facts_of

from .exchange import RestExchange
from .gateway_responses import GatewayRefusal, denied, internal

INVOKE = "execute-api:Invoke"


def policy_of(text: str | Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The policy of an API; GetRestApi tells it as text, with its quotes escaped."""
    if not text:
        return None
    if isinstance(text, Mapping):
        return text
    for candidate in (text, text.replace('\\"', '"'), unquote(text)):
        try:
            policy = json.loads(candidate)
        except (ValueError, RecursionError):
            continue
        if isinstance(policy, dict):
            return policy
    raise internal("the resource policy is not JSON")


def facts(exchange: RestExchange) -> dict[str, str]:
    return {**facts_of(None), "aws:sourceip": exchange.request.peer, "aws:referer": exchange.header("referer") or ""}


class ResourcePolicyCheck:
    def __init__(self, policy: Mapping[str, Any], *, must_allow: bool) -> None:
        self._policy = policy
        self._must_allow = must_allow

    async def check(self, exchange: RestExchange) -> None:
        inquiry = Inquiry(INVOKE, exchange.method_arn, (), facts(exchange))
        verdict = decide([_with_arns(self._policy, exchange)], inquiry, of_resource=True)
        if verdict == DENY:
            raise _refused(exchange, " with an explicit deny")
        if verdict != ALLOW and self._must_allow:
            raise _refused(exchange, "")


def _with_arns(policy: Mapping[str, Any], exchange: RestExchange) -> Mapping[str, Any]:
    """`execute-api:/stage/GET/path` is short for the ARN of this API."""
    statements = policy.get("Statement")
    statements = statements if isinstance(statements, list) else [statements] if statements else []
    return {
        "Statement": [
            {
                **statement,
                **{
                    name: [_arn(one, exchange) for one in _listed(statement[name])]
                    for name in ("Resource", "NotResource")
                    if name in statement
                },
            }
            for statement in statements
            if isinstance(statement, Mapping)
        ]
    }


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _arn(resource: Any, exchange: RestExchange) -> str:
    text = str(resource)
    if text.startswith("execute-api:"):
        return f"{exchange.api_arn}/{text.removeprefix('execute-api:').lstrip('/')}"
    return text


def _refused(exchange: RestExchange, why: str) -> GatewayRefusal:
    error = signed_denied(None, INVOKE, exchange.method_arn, why)
    return denied(error.message, "the API's resource policy does not allow it")
