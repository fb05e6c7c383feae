"""Request validators: whether a method looks at bodies and parameters before it goes on."""

from __future__ import annotations

from staticfire.edge.aws.calls import Call, Scope
from staticfire.edge.aws.protocol import Params
from staticfire.edge.services.apigateway.rest.records import Record, RestRecords

from . import patches
from .common import bad_request, conflict, in_order, made, new_id, not_found, page, required_api, truth

PATHS = ("/name", "/validateRequestParameters", "/validateRequestBody")


class ValidatorOperations:
    def __init__(self, records: RestRecords) -> None:
        self._records = records

    async def create(self, call: Call, params: Params) -> Record:
        scope, api_id = call.scope, params["restApiId"]
        if self._records.api(scope, api_id) is None:
            raise bad_request("Invalid REST API identifier specified")
        validator = made(
            {
                "id": new_id(),
                "name": params.get("name") or None,
                "validateRequestBody": bool(params.get("validateRequestBody")),
                "validateRequestParameters": bool(params.get("validateRequestParameters")),
            }
        )
        async with self._records.changing(scope, api_id):
            await self._records.put(scope, "rest-validator", api_id, validator["id"], record=validator)
        return validator

    async def get(self, call: Call, params: Params) -> Record:
        return self._required(call.scope, params)

    async def list_all(self, call: Call, params: Params) -> Record:
        required_api(self._records, call.scope, params["restApiId"])
        return page(in_order(self._records.list(call.scope, "rest-validator", params["restApiId"])), params)

    async def update(self, call: Call, params: Params) -> Record:
        scope, api_id = call.scope, params["restApiId"]
        async with self._records.changing(scope, api_id):
            validator = self._required(scope, params)
            for patch in patches.read(params):
                patches.supported(patch, PATHS)
                if patch.top != "name":
                    validator[patch.top] = truth(patch.value)
                elif not patch.value:
                    raise bad_request("Request Validator name cannot be blank")
                else:
                    validator["name"] = patch.value
            await self._records.put(scope, "rest-validator", api_id, validator["id"], record=validator)
        return validator

    async def delete(self, call: Call, params: Params) -> None:
        scope, api_id = call.scope, params["restApiId"]
        async with self._records.changing(scope, api_id):
            validator = self._required(scope, params)
            for resource in self._records.resources(scope, api_id):
                for verb, method in resource.get("resourceMethods", {}).items():
                    if method.get("requestValidatorId") == validator["id"]:
                        at = f"is referenced in method request: {resource['path']}/{verb}"
                        raise conflict(f"Cannot delete request validator '{validator['id']}', {at}")
            await self._records.delete(scope, "rest-validator", api_id, validator["id"])

    def _required(self, scope: Scope, params: Params) -> Record:
        validator = self._records.get(scope, "rest-validator", params["restApiId"], params["requestValidatorId"])
        if validator is None:
            raise not_found("Invalid Request Validator identifier specified")
        return validator
