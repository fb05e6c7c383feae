"""Quick create: the integration, route and stage that CreateApi makes of a `target`, and UpdateApi changes.

https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis.html: a function's ARN becomes an AWS_PROXY
integration (payload format 2.0), a URL an HTTP_PROXY one; the route is `$default` unless `routeKey` names another; the
stage is `$default`, with auto-deploy. All three say `apiGatewayManaged`; the integration is updated, never deleted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .called import bad_request, now
from .changes import Changes, Puts
from .parts import Context, PartOperations
from .records import Record

DEFAULT = "$default"
MANAGED = {"ApiGatewayManaged": True}


class QuickCreate:
    def __init__(self, changes: Changes, routes: PartOperations, integrations: PartOperations) -> None:
        self._changes = changes
        self._routes = routes
        self._integrations = integrations

    def parts(self, context: Context, params: Mapping[str, Any]) -> Puts:
        """What CreateApi makes beside the API."""
        integration = _integration(params)
        if integration is None:
            if params.get("RouteKey") or params.get("CredentialsArn"):
                raise bad_request("RouteKey and CredentialsArn are supported only with a Target")
            return {}
        puts, made = self._integrations.made(context, {**integration, **_credentials(params), **MANAGED})
        target = f"integrations/{made['IntegrationId']}"
        key = params.get("RouteKey") or DEFAULT
        routes, _ = self._routes.made(context, {"RouteKey": key, "Target": target, **MANAGED})
        stage: Record = {
            "AutoDeploy": True,
            "CreatedDate": now(),
            "DefaultRouteSettings": {"DetailedMetricsEnabled": False},
            "RouteSettings": {},
            "StageName": DEFAULT,
            "StageVariables": {},
            "Tags": {},
            **MANAGED,
        }
        deployed, _ = self._changes.deployed(context.scope, context.api["ApiId"], stage, has_routes=True)
        return {**puts, **routes, **deployed}

    def changed(self, context: Context, params: Mapping[str, Any]) -> Puts:
        """What UpdateApi changes of the parts."""
        changes = {**(_integration(params) or {}), **_credentials(params)}
        puts: Puts = {}
        if changes:
            puts |= self._integrations.updated(context, _managed(context, "integration"), changes)[0]
        if params.get("RouteKey"):
            route = _managed(context, "route")
            puts |= self._routes.updated(context, route, {"RouteKey": params["RouteKey"]})[0]
        return puts


def _integration(params: Mapping[str, Any]) -> Record | None:
    """The integration that a CreateApi or UpdateApi asks for; None when it has no target."""
    target = params.get("Target")
    if not target:
        return None
    if target.startswith("arn:") and ":lambda:" in target:
        kind = {"IntegrationType": "AWS_PROXY", "IntegrationMethod": "POST", "PayloadFormatVersion": "2.0"}
    elif target.startswith(("http://", "https://")):
        kind = {"IntegrationType": "HTTP_PROXY", "IntegrationMethod": "ANY", "PayloadFormatVersion": "1.0"}
    else:
        raise bad_request(f"Invalid target {target!r}: quick create takes a function's ARN or a URL with http(s)://.")
    return {**kind, "IntegrationUri": target}


def _credentials(params: Mapping[str, Any]) -> Record:
    return {"CredentialsArn": params["CredentialsArn"]} if params.get("CredentialsArn") else {}


def _managed(context: Context, kind: str) -> Record:
    for part in context.others(kind):
        if part.get("ApiGatewayManaged"):
            return part
    raise bad_request("The API was not made by quick create: it has no target, route key or credentials of its own.")
