"""Who may use a function URL: signatures of AuthType AWS_IAM, the caller's policies and the function's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from staticfire.edge.aws.signed_callers import SignedCaller, SignedCallers
from staticfire.edge.http1.messages import Request
from staticfire.edge.services.lambda_ import FunctionRef
from staticfire.edge.services.lambda_.model import json_object

ACTION = "lambda:InvokeFunctionUrl"


def signer(callers: SignedCallers, request: Request, body: bytes, ref: FunctionRef) -> SignedCaller | None:
    """Who signed the request; None if nobody did. Raises AwsError."""
    if not request.headers.get("authorization") and "X-Amz-Signature=" not in request.query:
        return None
    return callers.caller(request, body, service="lambda", region=ref.scope.region)


async def permits(
    callers: SignedCallers,
    policy: Mapping[str, Any],
    ref: FunctionRef,
    auth_type: str,
    signed_by: SignedCaller | None,
    source_ip: str,
) -> bool:
    """Whether the URL may be used: within the function's account either the caller's policies or its own allow it."""
    document = json_object(policy.get("Policy") or "{}")
    facts = {
        "lambda:functionurlauthtype": auth_type,
        "lambda:invokedviafunctionurl": "true",
        "aws:sourceip": source_ip,
    }
    return await callers.allowed(signed_by, ACTION, ref.resource, resource_policy=document, facts=facts)
