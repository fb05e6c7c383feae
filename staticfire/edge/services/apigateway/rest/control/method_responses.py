"""Method responses: the status codes that a method answers with, their headers and models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from staticfire.edge.aws.calls import Call
from staticfire.edge.aws.protocol import Params
from staticfire.edge.services.apigateway.rest.records import Record, RestRecords

from . import patches
from .common import conflict, invalid_mapping, not_found, required_method, required_resource, truth
from .methods import check_models

HEADER = "method.response.header."


class MethodResponseOperations:
    def __init__(self, records: RestRecords) -> None:
        self._records = records

    async def put(self, call: Call, params: Params) -> Record:
        scope, api_id = call.scope, params["restApiId"]
        async with self._records.changing(scope, api_id):
            resource = required_resource(self._records, scope, params)
            responses = required_method(resource, params).setdefault("methodResponses", {})
            if params["statusCode"] in responses:
                raise conflict("Response already exists for this resource")
            response = {"statusCode": params["statusCode"]}
            response |= {
                member: params[member]
                for member in ("responseParameters", "responseModels")
                if params.get(member) is not None
            }
            _check_parameters(response)
            check_models(self._records, scope, api_id, params.get("responseModels") or {})
            responses[params["statusCode"]] = response
            await self._records.put(scope, "rest-resource", api_id, resource["id"], record=resource)
        return response

    async def get(self, call: Call, params: Params) -> Record:
        return _required(required_method(required_resource(self._records, call.scope, params), params), params)

    async def delete(self, call: Call, params: Params) -> None:
        scope, api_id = call.scope, params["restApiId"]
        async with self._records.changing(scope, api_id):
            resource = required_resource(self._records, scope, params)
            method = required_method(resource, params)
            _required(method, params)
            del method["methodResponses"][params["statusCode"]]
            await self._records.put(scope, "rest-resource", api_id, resource["id"], record=resource)

    async def update(self, call: Call, params: Params) -> Record:
        scope, api_id = call.scope, params["restApiId"]
        async with self._records.changing(scope, api_id):
            resource = required_resource(self._records, scope, params)
            response = _required(required_method(resource, params), params)
            for patch in patches.read(params):
                if patch.top == "responseParameters":
                    patches.change_map(response, patch.top, patch, truth(patch.value))
                elif patch.top == "responseModels":
                    missing = "Content-Type specified was not found"
                    patches.change_map(response, patch.top, patch, patch.value, missing=missing)
                else:
                    raise patches.invalid_path(patch.path)
            _check_parameters(response)
            check_models(self._records, scope, api_id, response.get("responseModels") or {})
            await self._records.put(scope, "rest-resource", api_id, resource["id"], record=resource)
        return response


def _check_parameters(response: Record) -> None:
    for name in response.get("responseParameters") or {}:
        if not name.startswith(HEADER) or name == HEADER:
            raise invalid_mapping(name)


def _required(method: Record, params: Mapping[str, Any]) -> Record:
    response: Record | None = method.get("methodResponses", {}).get(params["statusCode"])
    if response is None:
        raise not_found("Invalid Response status code specified")
    return response
