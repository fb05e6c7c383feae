"""What each kind of part is: its defaults, and what is demanded of it beyond the model.

https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/resources.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from staticfire.edge.services.apigateway.common.parameter_keys import problem_of

from .called import bad_request, merged
from .parts import Context, Part
from .records import Keys, Record
from .subtypes import check_parameters

API_KEY_SELECTION = "$request.header.x-api-key"
_HTTP_ROUTE = re.compile(r"\$default|(?:ANY|DELETE|GET|HEAD|OPTIONS|PATCH|POST|PUT) /\S*")
# A variable is a whole part of the path, and a greedy one the last.
_VARIABLE = re.compile(r"\{[^{}]+\}")
_STATUS = re.compile(r"[2-5]\d\d")
_NAME = re.compile(r"[A-Za-z0-9]{1,128}")
METHODS = ("ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
HTTP_TIMEOUT = 30_000
WEBSOCKET_TIMEOUT = 29_000
DEFAULT_TTL = 300
_AUTHORIZER_TYPES = {"JWT": "JWT", "CUSTOM": "REQUEST"}


def _route_defaults(context: Context, route: Record) -> Record:
    return {"ApiKeyRequired": False, "AuthorizationType": "NONE"}


def _check_route(context: Context, route: Record, before: Record | None) -> None:
    if context.is_http and not _is_http_route(route["RouteKey"]):
        raise bad_request(
            'The provided route key is not formatted properly for HTTP protocol. Format should be "<HTTP METHOD> '
            '/<RESOURCE PATH>" or "$default"'
        )
    if context.is_http and route.get("ApiKeyRequired"):
        raise bad_request("ApiKeyRequired is not currently supported for HTTP APIs")
    kind = route["AuthorizationType"]
    verb = "create" if before is None else "update"
    if not context.is_http and kind != "NONE" and route["RouteKey"] != "$connect":
        raise bad_request("Currently, authorization is restricted to the $connect route only")
    if kind == "JWT" and not context.is_http:
        raise bad_request("JWT authorization is supported only for HTTP APIs")
    if kind not in _AUTHORIZER_TYPES:
        route.pop("AuthorizerId", None)
        route.pop("AuthorizationScopes", None)
        return
    authorizers = {one["AuthorizerId"]: one for one in context.others("authorizer")}
    authorizer = authorizers.get(route.get("AuthorizerId", ""))
    if authorizer is None or authorizer["AuthorizerType"] != _AUTHORIZER_TYPES[kind]:
        raise bad_request(f"Unable to {verb} route. Authorizer type is invalid or null.")


def _is_http_route(key: str) -> bool:
    if not _HTTP_ROUTE.fullmatch(key) or "?" in key:
        return False
    *parts, last = key.split("/")[1:] or [""]
    variables = [part for part in (*parts, last) if "{" in part or "}" in part]
    return all(_VARIABLE.fullmatch(part) for part in variables) and not any("+}" in part for part in parts)


def _change_route(before: Record, changes: Mapping[str, Any]) -> Record:
    if changes.get("AuthorizerId") and "AuthorizationType" not in changes:
        raise bad_request("Unable to update route. Authorizer type is invalid or null.")
    return merged(before, changes, ("RequestModels", "RequestParameters"))


def _responses_of(kind: str, part_kind: str) -> Any:
    """What goes with a route or an integration: its responses."""

    def going(context: Context, part: Record) -> Keys:
        identity = part["RouteId" if part_kind == "route" else "IntegrationId"]
        member = "RouteResponseId" if kind == "route-response" else "IntegrationResponseId"
        mine = (one for one in context.others(kind) if one["_parent"] == identity)
        return [context.records.key(context.scope, kind, context.api["ApiId"], one[member]) for one in mine]

    return going


def _integration_going(context: Context, integration: Record) -> Keys:
    if integration.get("ApiGatewayManaged"):
        raise bad_request("The integration was made by quick create: it can be updated, not deleted.")
    keys: Keys = _responses_of("integration-response", "integration")(context, integration)
    return keys


def _integration_defaults(context: Context, integration: Record) -> Record:
    defaults: Record = {"ConnectionType": "INTERNET", "PayloadFormatVersion": "1.0"}
    kind = integration["IntegrationType"]
    if context.is_http:
        method = {"IntegrationMethod": "POST"} if _is_function(integration) else {}
        return {**defaults, **method, "TimeoutInMillis": HTTP_TIMEOUT}
    defaults |= {"PassthroughBehavior": "WHEN_NO_MATCH", "TimeoutInMillis": WEBSOCKET_TIMEOUT}
    if kind in ("AWS", "HTTP", "MOCK"):
        function = kind == "AWS" and _is_function(integration)
        what = "body.errorMessage" if function else "statuscode"
        defaults["IntegrationResponseSelectionExpression"] = f"${{integration.response.{what}}}"
    return defaults


def _is_function(integration: Record) -> bool:
    return ":lambda:" in integration.get("IntegrationUri", "") and "IntegrationSubtype" not in integration


def _check_integration(context: Context, integration: Record, before: Record | None) -> None:
    kind, subtype = integration["IntegrationType"], integration.get("IntegrationSubtype")
    most = HTTP_TIMEOUT if context.is_http else WEBSOCKET_TIMEOUT
    if integration["TimeoutInMillis"] > most:
        raise bad_request(f"Timeout should be between 50 ms and {most} ms")
    if integration["ConnectionType"] == "VPC_LINK" and not integration.get("ConnectionId"):
        raise bad_request("ConnectionId is required for the connection type VPC_LINK")
    if not context.is_http:
        return
    if kind not in ("AWS_PROXY", "HTTP_PROXY"):
        raise bad_request(f"Integration type {kind} is not supported for HTTP APIs: use AWS_PROXY or HTTP_PROXY")
    _check_mappings(integration, subtype)
    if subtype is not None:
        check_parameters(subtype, integration)
        return
    if not integration.get("IntegrationUri"):
        raise bad_request(f"IntegrationUri is required for an integration of type {kind}")
    if kind == "HTTP_PROXY" and not integration.get("IntegrationMethod"):
        raise bad_request("IntegrationMethod is required for an integration of type HTTP_PROXY")
    if integration.get("IntegrationMethod", "ANY") not in METHODS:
        raise bad_request(f"Invalid IntegrationMethod specified. Valid options are {','.join(METHODS)}")
    version = integration["PayloadFormatVersion"]
    if version not in ("1.0", "2.0") or (kind == "HTTP_PROXY" and version != "1.0"):
        raise bad_request(f"PayloadFormatVersion {version} is not supported for the integration type {kind}")


def _check_mappings(integration: Record, subtype: str | None) -> None:
    """A service's parameters are its own; what a response changes is said by its status."""
    for member in ("RequestTemplates", "TemplateSelectionExpression"):
        if integration.get(member):
            raise bad_request(f"{member} is supported only for WebSocket APIs")
    problem = "" if subtype else problem_of(integration.get("RequestParameters") or {}, of_response=False)
    for status, parameters in (integration.get("ResponseParameters") or {}).items():
        if not _STATUS.fullmatch(status):
            raise bad_request(f"Invalid status code specified: {status}. It must be from 200 to 599")
        problem = problem or problem_of(parameters, of_response=True)
    if problem:
        raise bad_request(
            f"Invalid mapping expression specified: Validation Result: warnings : [], errors : [{problem}]"
        )


def _change_integration(before: Record, changes: Mapping[str, Any]) -> Record:
    after = merged(before, changes, ("RequestParameters", "ResponseParameters", "RequestTemplates"))
    if not (after.get("TlsConfig") or {}).get("ServerNameToVerify"):
        after.pop("TlsConfig", None)
    return after


def _authorizer_defaults(context: Context, authorizer: Record) -> Record:
    if context.is_http and authorizer["AuthorizerType"] == "REQUEST":
        return {"AuthorizerResultTtlInSeconds": DEFAULT_TTL if authorizer.get("IdentitySource") else 0}
    return {}


def _check_authorizer(context: Context, authorizer: Record, before: Record | None) -> None:
    if authorizer["AuthorizerType"] == "JWT":
        jwt = authorizer.get("JwtConfiguration") or {}
        if not context.is_http:
            raise bad_request("JWT authorizers are supported only for HTTP APIs")
        if not jwt.get("Issuer"):
            raise bad_request("Issuer is a required parameter for JWT authorizer")
        if not jwt.get("Audience"):
            raise bad_request("Audience is a required parameter for JWT authorizer")
        return
    if not authorizer.get("AuthorizerUri"):
        raise bad_request("AuthorizerUri is a required parameter for REQUEST authorizer")
    version = authorizer.get("AuthorizerPayloadFormatVersion")
    if context.is_http and version is None:
        raise bad_request("AuthorizerPayloadFormatVersion is a required parameter for REQUEST authorizer")
    if not context.is_http and version is not None:
        raise bad_request("AuthorizerPayloadFormatVersion is not a valid parameter for WebSocket APIs")
    if version == "1.0" and authorizer.get("EnableSimpleResponses"):
        raise bad_request("EnableSimpleResponses is supported only for AuthorizerPayloadFormatVersion 2.0")
    if authorizer.get("AuthorizerResultTtlInSeconds") and not authorizer.get("IdentitySource"):
        raise bad_request("IdentitySource is required when AuthorizerResultTtlInSeconds is not 0")


def _check_model(context: Context, model: Record, before: Record | None) -> None:
    if context.is_http:
        raise bad_request("Models are supported only for WebSocket APIs")
    if not _NAME.fullmatch(model["Name"]):
        raise bad_request("Model name must be alphanumeric: " + model["Name"])
    try:
        json.loads(model["Schema"])
    except (ValueError, RecursionError) as error:
        raise bad_request(f"Invalid model specified: Validation Result: {error}") from None


ROUTE = Part(
    "route",
    "Route",
    "Routes",
    "RouteId",
    unique="RouteKey",
    taken="Route with key {} already exists for this API",
    defaults=_route_defaults,
    check=_check_route,
    change=_change_route,
    going=_responses_of("route-response", "route"),
)
INTEGRATION = Part(
    "integration",
    "Integration",
    "Integrations",
    "IntegrationId",
    defaults=_integration_defaults,
    check=_check_integration,
    change=_change_integration,
    going=_integration_going,
)
AUTHORIZER = Part(
    "authorizer",
    "Authorizer",
    "Authorizers",
    "AuthorizerId",
    6,
    unique="Name",
    taken="Authorizer name must be unique. Authorizer {} already exists in this API",
    defaults=_authorizer_defaults,
    check=_check_authorizer,
)
MODEL = Part(
    "model",
    "Model",
    "Models",
    "ModelId",
    6,
    unique="Name",
    taken="Model name {} already exists for this API",
    defaults=lambda context, model: {"ContentType": "application/json"},
    check=_check_model,
)
ROUTE_RESPONSE = Part(
    "route-response",
    "RouteResponse",
    "RouteResponses",
    "RouteResponseId",
    unique="RouteResponseKey",
    taken="Route response with key {} already exists for this route",
    parent_kind="route",
    parent_noun="Route",
    parent_member="RouteId",
)
INTEGRATION_RESPONSE = Part(
    "integration-response",
    "IntegrationResponse",
    "IntegrationResponses",
    "IntegrationResponseId",
    unique="IntegrationResponseKey",
    taken="Integration response with key {} already exists for this integration",
    parent_kind="integration",
    parent_noun="Integration",
    parent_member="IntegrationId",
    change=lambda before, changes: merged(before, changes, ("ResponseParameters", "ResponseTemplates")),
)
KINDS = (ROUTE, INTEGRATION, AUTHORIZER, MODEL, ROUTE_RESPONSE, INTEGRATION_RESPONSE)
