"""Integration responses: which answer of a backend becomes which answer of the method."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from staticfire.edge.aws.calls import Call
from staticfire.edge.aws.protocol import Params
from staticfire.edge.services.apigateway.rest.records import Record, RestRecords

from . import patches
from .common import bad_request, invalid_mapping, not_found, required_method, required_resource
from .integrations import required_integration
from .patches import Patch

CONTENT_TYPE = re.compile(r"[\w!#$&^.+*-]+/[\w!#$&^.+*-]+(?:\s*;.*)?")
_TARGET = re.compile(r"method\.response\.header\.\S+")
_SOURCE = re.compile(r"'.*'|integration\.response\..+|context\..+|stageVariables\..+", re.DOTALL)


class IntegrationResponseOperations:
    def __init__(self, records: RestRecords) -> None:
        self._records = records

    async def put(self, call: Call, params: Params) -> Record:
        scope, api_id = call.scope, params["restApiId"]
        async with self._records.changing(scope, api_id):
            resource = required_resource(self._records, scope, params)
            method = required_method(resource, params)
            integration = required_integration(method)
            response = {"statusCode": params["statusCode"]}
            response |= {
                member: params[member]
                for member in ("selectionPattern", "responseParameters", "responseTemplates", "contentHandling")
                if params.get(member) is not None
            }
            checked_response(response, method)
            integration.setdefault("integrationResponses", {})[params["statusCode"]] = response
            await self._records.put(scope, "rest-resource", api_id, resource["id"], record=resource)
        return response

    async def get(self, call: Call, params: Params) -> Record:
        method = required_method(required_resource(self._records, call.scope, params), params)
        return _required(required_integration(method), params)

    async def delete(self, call: Call, params: Params) -> None:
        scope, api_id = call.scope, params["restApiId"]
        async with self._records.changing(scope, api_id):
            resource = required_resource(self._records, scope, params)
            integration = required_integration(resource.get("resourceMethods", {}).get(params["httpMethod"], {}))
            _required(integration, params)
            del integration["integrationResponses"][params["statusCode"]]
            await self._records.put(scope, "rest-resource", api_id, resource["id"], record=resource)

    async def update(self, call: Call, params: Params) -> Record:
        scope, api_id = call.scope, params["restApiId"]
        async with self._records.changing(scope, api_id):
            resource = required_resource(self._records, scope, params)
            method = required_method(resource, params)
            response = _required(required_integration(method), params)
            for patch in patches.read(params):
                _change(response, patch)
            checked_response(response, method)
            await self._records.put(scope, "rest-resource", api_id, resource["id"], record=resource)
        return response


def _required(integration: Record, params: Mapping[str, Any]) -> Record:
    response: Record | None = integration.get("integrationResponses", {}).get(params["statusCode"])
    if response is None:
        raise not_found("Invalid Response status code specified")
    return response


def checked_response(response: Record, method: Record) -> Record:
    """Refuse what no template or header can be, and headers that the method's response does not declare; an empty
    template is none."""
    templates = response.get("responseTemplates") or {}
    for content_type in templates:
        if CONTENT_TYPE.fullmatch(content_type) is None:
            raise bad_request(
                f"Validation Result: warnings : [], errors : [Invalid content type specified: {content_type}]"
            )
    if templates:
        response["responseTemplates"] = {name: template or None for name, template in templates.items()}
    declared = (method.get("methodResponses") or {}).get(response["statusCode"], {}).get("responseParameters") or {}
    for target, source in (response.get("responseParameters") or {}).items():
        if _TARGET.fullmatch(target) is None:
            raise invalid_mapping(target)
        if _SOURCE.fullmatch(source or "") is None:
            raise invalid_mapping(source)
        if target not in declared:
            raise invalid_mapping(target, "Invalid mapping expression parameter specified")
    return response


def _change(response: Record, patch: Patch) -> None:
    top, parts = patch.top, patch.parts
    if top == "responseParameters" and len(parts) == 2:
        patches.change_map(response, top, patch, patch.value)
    elif top == "responseTemplates" and len(parts) == 2:
        patches.change_map(response, top, patch, patch.value, missing="Content-Type specified was not found")
    elif len(parts) > 1:
        raise patches.invalid_path(patch.path)
    elif top == "selectionPattern":
        patches.must_be(patch, "replace")
        response[top] = patch.value or ""
    elif top == "contentHandling":
        patches.must_be(patch, "replace")
        patches.set_or_drop(response, top, patch.value)
    else:
        raise patches.invalid_path(patch.path)
