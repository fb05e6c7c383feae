"""Integrations of methods: what is called, and with what."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from staticfire.edge.aws.calls import Call
from staticfire.edge.aws.protocol import Params
from staticfire.edge.services.apigateway.rest.records import Record, RestRecords

from . import patches
from .common import (
    bad_request,
    invalid_mapping,
    not_found,
    required_method,
    required_resource,
    truth,
    whole_number,
)
from .methods import NAMES
from .patches import Patch

LONGEST_MILLIS = 29_000
SHORTEST_MILLIS = 50
PASSING = ("WHEN_NO_MATCH", "WHEN_NO_TEMPLATES", "NEVER")

_ARN = re.compile(r"arn:[^:]+:apigateway:[^:]*:(?P<service>[^:]+):(?P<rest>(?:path|action)/.*)", re.DOTALL)
_FUNCTION = re.compile(
    r"path/[\d-]+/functions/(?:arn:[^:]+:lambda:[^:]+:[^:]*:function:.+|.*\$\{stageVariables\..+)/"
    r"(?:invocations|response-streaming-invocations)",
    re.DOTALL,
)
_TARGET = re.compile(r"integration\.request\.(path|querystring|header|multivaluequerystring|multivalueheader)\.\S+")
_OF_REQUEST = re.compile(r"method\.request\.(?P<place>\w+)(?:\.(?P<name>.+))?")
_SOURCE = re.compile(r"'.*'|method\.request\..+|context\..+|stageVariables\..+", re.DOTALL)
# What a method must declare before an integration may take it.
_DECLARED = {
    "path": "path",
    "querystring": "querystring",
    "header": "header",
    "multivaluequerystring": "querystring",
    "multivalueheader": "header",
}

_OPTIONAL = (
    *("uri", "connectionId", "credentials", "requestParameters", "requestTemplates", "contentHandling", "tlsConfig"),
    *("responseTransferMode", "integrationTarget"),
)
_REPLACED = (
    *("uri", "credentials", "contentHandling", "connectionId", "connectionType", "cacheNamespace"),
    *("responseTransferMode", "integrationTarget"),
)


class IntegrationOperations:
    def __init__(self, records: RestRecords) -> None:
        self._records = records

    async def put(self, call: Call, params: Params) -> Record:
        scope, api_id = call.scope, params["restApiId"]
        async with self._records.changing(scope, api_id):
            resource = required_resource(self._records, scope, params)
            method = required_method(resource, params)
            integration = new_integration(resource["id"], params)
            self._check(call, api_id, integration, method)
            method["methodIntegration"] = integration
            await self._records.put(scope, "rest-resource", api_id, resource["id"], record=resource)
        return integration

    async def get(self, call: Call, params: Params) -> Record:
        method = required_method(required_resource(self._records, call.scope, params), params)
        integration = required_integration(method)
        responses = integration.get("integrationResponses")
        return {name: value for name, value in integration.items() if name != "integrationResponses" or responses}

    async def delete(self, call: Call, params: Params) -> None:
        scope, api_id = call.scope, params["restApiId"]
        async with self._records.changing(scope, api_id):
            resource = required_resource(self._records, scope, params)
            method = resource.get("resourceMethods", {}).get(params["httpMethod"], {})
            required_integration(method)
            del method["methodIntegration"]
            await self._records.put(scope, "rest-resource", api_id, resource["id"], record=resource)

    async def update(self, call: Call, params: Params) -> Record:
        scope, api_id = call.scope, params["restApiId"]
        async with self._records.changing(scope, api_id):
            resource = required_resource(self._records, scope, params)
            method = required_method(resource, params)
            integration = required_integration(method)
            for patch in patches.read(params):
                _change(integration, patch)
            self._check(call, api_id, integration, method)
            await self._records.put(scope, "rest-resource", api_id, resource["id"], record=resource)
        return integration

    def _check(self, call: Call, api_id: str, integration: Record, method: Record) -> None:
        checked_integration(integration, method, self._records.api(call.scope, api_id) or {})


def required_integration(method: Record) -> Record:
    integration: Record | None = method.get("methodIntegration")
    if integration is None:
        raise not_found("Invalid Integration identifier specified")
    return integration


def new_integration(resource_id: str, params: Mapping[str, Any]) -> Record:
    """An integration's document, with what AWS puts where nothing is said."""
    integration: Record = {
        "type": params["type"],
        "passthroughBehavior": params.get("passthroughBehavior") or "WHEN_NO_MATCH",
        "timeoutInMillis": params.get("timeoutInMillis") or LONGEST_MILLIS,
        "cacheNamespace": params.get("cacheNamespace") or resource_id,
        "cacheKeyParameters": params.get("cacheKeyParameters") or [],
    }
    if params.get("integrationHttpMethod"):
        integration["httpMethod"] = params["integrationHttpMethod"]
    if params.get("connectionType"):
        integration["connectionType"] = params["connectionType"]
    elif params["type"] in ("HTTP", "HTTP_PROXY"):
        integration["connectionType"] = "INTERNET"
    integration |= {
        member: params[member] for member in _OPTIONAL if params.get(member) is not None and params[member] != ""
    }
    return integration


def checked_integration(integration: Record, method: Record, api: Record) -> Record:
    """Refuse what AWS refuses of an integration of this method."""
    kind, is_edge = integration["type"], "EDGE" in (api.get("endpointConfiguration") or {}).get("types", ())
    if kind != "MOCK" and not integration.get("httpMethod"):
        raise bad_request("Enumeration value for HttpMethod must be non-empty")
    if integration.get("httpMethod") and integration["httpMethod"] not in NAMES:
        raise bad_request(f"Invalid HttpMethod specified. Valid options are {','.join(NAMES)}")
    if integration["passthroughBehavior"] not in PASSING:
        raise bad_request(f"Invalid passthrough behavior specified. Valid options are {','.join(PASSING)}")
    # An account may have a longer time granted for Regional and private APIs.
    if integration["timeoutInMillis"] < SHORTEST_MILLIS or (
        is_edge and integration["timeoutInMillis"] > LONGEST_MILLIS
    ):
        raise bad_request(f"Timeout should be between {SHORTEST_MILLIS} ms and {LONGEST_MILLIS} ms")
    if kind in ("AWS", "AWS_PROXY"):
        _check_arn(kind, integration.get("uri") or "")
        _check_role(integration)
    elif kind in ("HTTP", "HTTP_PROXY") and not _is_address(integration.get("uri") or ""):
        raise bad_request("Invalid HTTP endpoint specified for URI")
    if integration.get("connectionType") == "VPC_LINK" and not integration.get("connectionId"):
        raise bad_request("Connection Id must be specified for connection type VPC_LINK")
    _check_parameters(integration.get("requestParameters") or {}, method.get("requestParameters") or {})
    return integration


def _is_address(uri: str) -> bool:
    return uri.startswith(("http://", "https://", "${"))


def _check_arn(kind: str, uri: str) -> None:
    if not uri.startswith("arn:"):
        raise bad_request("Invalid ARN specified in the request")
    match = _ARN.fullmatch(uri)
    if match is None:
        raise bad_request("AWS ARN for integration must contain path or action")
    is_function = match["service"] == "lambda" and _FUNCTION.fullmatch(match["rest"]) is not None
    is_delivery = match["service"] == "firehose" and match["rest"].startswith("action/PutRecord")
    if kind == "AWS_PROXY" and not is_function and not is_delivery:
        raise bad_request(
            "Integrations of type 'AWS_PROXY' currently only supports Lambda function and Firehose stream invocations."
        )


def _check_role(integration: Record) -> None:
    """A service is called as a role, or as the caller; a function may do without.

    A role of another account passes, which AWS refuses: repositories name their own account's, and it is not this one.
    """
    credentials = integration.get("credentials")
    if not credentials:
        if integration["uri"].split(":")[4] != "lambda":
            raise bad_request("Role ARN must be specified for AWS integrations")
    elif not credentials.startswith(("arn:", "${")):
        raise bad_request("Invalid ARN specified in the request")


def _check_parameters(parameters: Mapping[str, str], declared: Mapping[str, bool]) -> None:
    for target, source in parameters.items():
        if _TARGET.fullmatch(target) is None:
            raise invalid_mapping(target)
        if _SOURCE.fullmatch(source or "") is None:
            raise invalid_mapping(source)
        match = _OF_REQUEST.fullmatch(source)
        place = _DECLARED.get(match["place"]) if match else None
        if match and place and f"method.request.{place}.{match['name']}" not in declared:
            raise invalid_mapping(source, "Invalid mapping expression parameter specified")


def _change(integration: Record, patch: Patch) -> None:
    top, parts = patch.top, patch.parts
    if top in ("requestParameters", "requestTemplates") and len(parts) == 2:
        if top == "requestTemplates":
            patches.change_map(integration, top, patch, patch.value, missing="Content-Type specified was not found")
        else:
            patches.change_map(integration, top, patch, patch.value)
    elif top == "cacheKeyParameters" and len(parts) <= 2:
        entry = parts[1] if len(parts) == 2 else patch.value
        patches.change_list(integration, top, patch, entry)
        integration.setdefault(top, [])
    elif top == "tlsConfig" and parts[1:] == ["insecureSkipVerification"]:
        patches.must_be(patch, "replace")
        integration[top] = {"insecureSkipVerification": truth(patch.value)}
    elif len(parts) > 1:
        raise patches.invalid_path(patch.path)
    elif top == "timeoutInMillis":
        patches.must_be(patch, "replace")
        integration[top] = whole_number(patch.value, "timeout")
    elif top in ("httpMethod", "passthroughBehavior"):
        patches.must_be(patch, "replace")
        integration[top] = patch.value
    elif top in _REPLACED:
        patches.must_be(patch, "replace")
        patches.set_or_drop(integration, top, patch.value)
    else:
        raise patches.invalid_path(patch.path)
