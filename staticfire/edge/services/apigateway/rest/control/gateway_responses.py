"""Gateway responses: what API Gateway itself answers when a request does not come through, and AWS's defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from staticfire.edge.aws.calls import Call
from staticfire.edge.aws.protocol import Params
from staticfire.edge.services.apigateway.rest.records import Record, RestRecords

from . import patches
from .common import bad_request, not_found, page, required_api
from .patches import Patch

TEMPLATES = {"application/json": '{"message":$context.error.messageString}'}
# The status of each that is not put; the two general ones have none.
STATUS: Mapping[str, str | None] = {
    "ACCESS_DENIED": "403",
    "API_CONFIGURATION_ERROR": "500",
    "AUTHORIZER_CONFIGURATION_ERROR": "500",
    "AUTHORIZER_FAILURE": "500",
    "BAD_REQUEST_BODY": "400",
    "BAD_REQUEST_PARAMETERS": "400",
    "DEFAULT_4XX": None,
    "DEFAULT_5XX": None,
    "EXPIRED_TOKEN": "403",
    "INTEGRATION_FAILURE": "504",
    "INTEGRATION_TIMEOUT": "504",
    "INVALID_API_KEY": "403",
    "INVALID_SIGNATURE": "403",
    "MISSING_AUTHENTICATION_TOKEN": "403",
    "QUOTA_EXCEEDED": "429",
    "REQUEST_TOO_LARGE": "413",
    "RESOURCE_NOT_FOUND": "404",
    "THROTTLED": "429",
    "UNAUTHORIZED": "401",
    "UNSUPPORTED_MEDIA_TYPE": "415",
    "WAF_FILTERED": "403",
}


class GatewayResponseOperations:
    def __init__(self, records: RestRecords) -> None:
        self._records = records

    async def put(self, call: Call, params: Params) -> Record:
        scope, api_id, kind = call.scope, params["restApiId"], params["responseType"]
        required_api(self._records, scope, api_id)
        response = new_gateway_response(kind, params)
        async with self._records.changing(scope, api_id):
            await self._records.put(scope, "rest-gateway-response", api_id, kind, record=response)
        return response

    async def get(self, call: Call, params: Params) -> Record:
        required_api(self._records, call.scope, params["restApiId"])
        return effective(self._records.gateway_responses(call.scope, params["restApiId"]), params["responseType"])

    async def list_all(self, call: Call, params: Params) -> Record:
        required_api(self._records, call.scope, params["restApiId"])
        put = self._records.gateway_responses(call.scope, params["restApiId"])
        return page([effective(put, kind) for kind in STATUS], params, by="responseType")

    async def delete(self, call: Call, params: Params) -> None:
        scope, api_id, kind = call.scope, params["restApiId"], params["responseType"]
        required_api(self._records, scope, api_id)
        async with self._records.changing(scope, api_id):
            if self._records.get(scope, "rest-gateway-response", api_id, kind) is None:
                raise not_found("Gateway response type not defined on api")
            await self._records.delete(scope, "rest-gateway-response", api_id, kind)

    async def update(self, call: Call, params: Params) -> Record:
        scope, api_id, kind = call.scope, params["restApiId"], params["responseType"]
        required_api(self._records, scope, api_id)
        async with self._records.changing(scope, api_id):
            response = effective(self._records.gateway_responses(scope, api_id), kind)
            for patch in patches.read(params):
                _change(response, patch)
            response["defaultResponse"] = False
            await self._records.put(scope, "rest-gateway-response", api_id, kind, record=response)
        return response


def new_gateway_response(kind: str, params: Mapping[str, Any]) -> Record:
    response = {
        "responseType": kind,
        "statusCode": params.get("statusCode") or STATUS[kind],
        "responseParameters": params.get("responseParameters") or {},
        "responseTemplates": params.get("responseTemplates") or dict(TEMPLATES),
        "defaultResponse": False,
    }
    return {name: value for name, value in response.items() if value is not None}


def effective(put: Mapping[str, Record], kind: str) -> Record:
    """What is answered for a type: what was put for it, for all of its class, or AWS's default."""
    if kind in put:
        return dict(put[kind])
    status = STATUS[kind]
    general = put.get(f"DEFAULT_{status[0]}XX") if status else None
    response: Record = {
        "responseType": kind,
        "responseParameters": dict(general["responseParameters"]) if general else {},
        "responseTemplates": dict(general["responseTemplates"]) if general else dict(TEMPLATES),
        "defaultResponse": True,
    }
    status = (general or {}).get("statusCode") or status
    return {**response, "statusCode": status} if status else response


def _change(response: Record, patch: Patch) -> None:
    top = patch.top
    if top == "statusCode" and patch.op == "replace" and len(patch.parts) == 1:
        response[top] = patch.value
    elif top in ("responseParameters", "responseTemplates") and len(patch.parts) == 2:
        if patch.op == "replace" and patch.parts[1] not in (response.get(top) or {}):
            raise not_found("Invalid parameter name specified")
        if patch.op in ("add", "replace") and not patch.value:
            raise bad_request(f"Invalid null or empty value in {top}")
        patches.change_map(response, top, patch, patch.value)
        response.setdefault(top, {})
    else:
        raise patches.invalid_path(patch.path)
