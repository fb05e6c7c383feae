"""Quick create: the integration, route and stage that CreateApi makes of a `target`, and UpdateApi changes.

https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis.html: a function's ARN becomes an AWS_PROXY
integration (payload format 2.0), a URL an HTTP_PROXY one; the route is `$default` unless `routeKey` names another; the
stage is `$default`, with auto-deploy. All three say `apiGatewayManaged`; the integration is updated, never deleted.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from staticfire.edge.aws.calls import AwsError

from .model import DEFAULT_ROUTE, DEFAULT_STAGE

Rest = Callable[[str, str, dict[str, Any] | None], Awaitable[Any]]

MANAGED = {"apiGatewayManaged": True}


def checked(sent: dict[str, Any]) -> dict[str, Any] | None:
    """The integration that a CreateApi or UpdateApi asks for; None when it has no target."""
    target = sent.get("target")
    if not target:
        return None
    if isinstance(target, str) and target.startswith("arn:") and ":lambda:" in target:
        integration = {"integrationType": "AWS_PROXY", "integrationMethod": "POST", "payloadFormatVersion": "2.0"}
    elif isinstance(target, str) and target.startswith(("http://", "https://")):
        integration = {"integrationType": "HTTP_PROXY", "integrationMethod": "ANY", "payloadFormatVersion": "1.0"}
    else:
        raise _bad_request(f"Invalid target {target!r}: quick create takes a function's ARN or a URL with http(s)://.")
    return integration | {"integrationUri": target}


async def create(rest: Rest, api_id: str, integration: dict[str, Any], sent: dict[str, Any]) -> None:
    """Make the three parts of a new API."""
    base = f"/v2/apis/{api_id}"
    credentials = {"credentialsArn": sent["credentialsArn"]} if sent.get("credentialsArn") else {}
    made = await rest("POST", f"{base}/integrations", integration | credentials | MANAGED)
    key, target = sent.get("routeKey") or DEFAULT_ROUTE, f"integrations/{made['integrationId']}"
    await rest("POST", f"{base}/routes", {"routeKey": key, "target": target, **MANAGED})
    await rest("POST", f"{base}/stages", {"stageName": DEFAULT_STAGE, "autoDeploy": True, **MANAGED})


async def update(rest: Rest, api_id: str, integration: dict[str, Any] | None, sent: dict[str, Any]) -> None:
    """Change the parts by what UpdateApi says of them."""
    base = f"/v2/apis/{api_id}"
    changes = integration or {}
    if sent.get("credentialsArn"):
        changes = changes | {"credentialsArn": sent["credentialsArn"]}
    if changes:
        part = await _managed(rest, f"{base}/integrations")
        await rest("PATCH", f"{base}/integrations/{part['integrationId']}", changes)
    if sent.get("routeKey"):
        part = await _managed(rest, f"{base}/routes")
        await rest("PATCH", f"{base}/routes/{part['routeId']}", {"routeKey": sent["routeKey"]})


async def refuse_to_delete(rest: Rest, path: str) -> None:
    """An integration that quick create made stays as long as its API."""
    if (await rest("GET", path, None)).get("apiGatewayManaged"):
        raise _bad_request("The integration was made by quick create: it can be updated, not deleted.")


async def _managed(rest: Rest, path: str) -> Any:
    for part in (await rest("GET", path, None)).get("items", ()):
        if part.get("apiGatewayManaged"):
            return part
    raise _bad_request("The API was not made by quick create: it has no target, route key or credentials of its own.")


def _bad_request(message: str) -> AwsError:
    return AwsError(400, "BadRequestException", message)
