"""Methods of resources: what is asked for before an integration is called."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from staticfire.edge.aws.calls import Call, Scope
from staticfire.edge.aws.protocol import Params
from staticfire.edge.services.apigateway.rest.records import Record, RestRecords

from . import patches
from .common import bad_request, conflict, invalid_mapping, required_method, required_resource, truth
from .patches import Patch

NAMES = ("GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "HEAD", "ANY")
TYPES = ("NONE", "AWS_IAM", "CUSTOM", "COGNITO_USER_POOLS")
WITH_AUTHORIZER = ("CUSTOM", "COGNITO_USER_POOLS")
PARAMETER = re.compile(r"method\.request\.(querystring|path|header)\.\S+")

_REPLACED = ("authorizationType", "authorizerId", "apiKeyRequired", "operationName", "requestValidatorId")
NO_AUTHORIZER = (
    "Invalid authorizer ID specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS requires a valid "
    "authorizer."
)


class MethodOperations:
    def __init__(self, records: RestRecords) -> None:
        self._records = records

    async def put(self, call: Call, params: Params) -> Record:
        scope, api_id = call.scope, params["restApiId"]
        async with self._records.changing(scope, api_id):
            resource = required_resource(self._records, scope, params)
            name = params["httpMethod"]
            if name not in NAMES:
                raise bad_request(f"Invalid HttpMethod specified. Valid options are {','.join(NAMES)}")
            methods = resource.setdefault("resourceMethods", {})
            if name in methods:
                raise conflict("Method already exists for this resource")
            method: Record = {
                "httpMethod": name,
                "authorizationType": (params.get("authorizationType") or "").upper(),
                "apiKeyRequired": bool(params.get("apiKeyRequired")),
            }
            method |= {
                member: params[member]
                for member in ("authorizerId", "operationName", "requestValidatorId", "authorizationScopes")
                if params.get(member)
            }
            method |= {
                member: params[member]
                for member in ("requestParameters", "requestModels")
                if params.get(member) is not None
            }
            self._check(scope, api_id, method)
            methods[name] = method
            await self._records.put(scope, "rest-resource", api_id, resource["id"], record=resource)
        return method

    async def get(self, call: Call, params: Params) -> Record:
        return shown(required_method(required_resource(self._records, call.scope, params), params))

    async def delete(self, call: Call, params: Params) -> None:
        scope, api_id = call.scope, params["restApiId"]
        async with self._records.changing(scope, api_id):
            resource = required_resource(self._records, scope, params)
            required_method(resource, params)
            del resource["resourceMethods"][params["httpMethod"]]
            await self._records.put(scope, "rest-resource", api_id, resource["id"], record=resource)

    async def update(self, call: Call, params: Params) -> Record:
        scope, api_id = call.scope, params["restApiId"]
        async with self._records.changing(scope, api_id):
            resource = required_resource(self._records, scope, params)
            method = required_method(resource, params)
            for patch in patches.read(params):
                _change(method, patch)
            self._check(scope, api_id, method)
            await self._records.put(scope, "rest-resource", api_id, resource["id"], record=resource)
        return shown(method)

    def _check(self, scope: Scope, api_id: str, method: Record) -> None:
        """Refuse what a method names and the API does not have; an authorizer that is not asked is forgotten."""
        check_parameters(method.get("requestParameters") or {})
        kind = method["authorizationType"]
        if kind not in TYPES:
            raise bad_request(f"Invalid authorization type specified. Valid options are {','.join(TYPES)}")
        if kind not in WITH_AUTHORIZER:
            method.pop("authorizerId", None)
        else:
            authorizer = self._records.get(scope, "rest-authorizer", api_id, method.get("authorizerId", ""))
            of_a_pool = (authorizer or {}).get("type") == "COGNITO_USER_POOLS"
            if authorizer is None or of_a_pool != (kind == "COGNITO_USER_POOLS"):
                raise bad_request(NO_AUTHORIZER)
        validator = method.get("requestValidatorId")
        if validator and not self._records.get(scope, "rest-validator", api_id, validator):
            raise bad_request("Invalid Request Validator identifier specified")
        check_models(self._records, scope, api_id, method.get("requestModels") or {})


def check_parameters(parameters: Mapping[str, Any]) -> None:
    for expression in parameters:
        if PARAMETER.fullmatch(expression) is None:
            raise invalid_mapping(expression)
    if len({name.split(".", 3)[-1] for name in parameters}) != len(parameters):
        raise bad_request("Parameter names must be unique across querystring, header and path")


def check_models(records: RestRecords, scope: Scope, api_id: str, models: Mapping[str, str]) -> None:
    for name in models.values():
        if not records.get(scope, "rest-model", api_id, name or ""):
            raise bad_request(f"Invalid model identifier specified: {name}")


def shown(method: Record) -> Record:
    """As it is told: without responses of which there are none."""
    whole = {name: value for name, value in method.items() if name != "methodResponses" or value}
    integration = whole.get("methodIntegration")
    if integration is not None and not integration.get("integrationResponses", True):
        whole["methodIntegration"] = {
            name: value for name, value in integration.items() if name != "integrationResponses"
        }
    return whole


def _change(method: Record, patch: Patch) -> None:
    top, parts = patch.top, patch.parts
    if top in ("requestParameters", "requestModels") and len(parts) == 2:
        if top == "requestParameters":
            patches.change_map(method, top, patch, truth(patch.value))
        else:
            patches.change_map(method, top, patch, patch.value, missing="Content-Type specified was not found")
    elif len(parts) > 1 or top not in (*_REPLACED, "authorizationScopes"):
        raise patches.invalid_path(patch.path)
    elif top == "authorizationScopes":
        for scope in (patch.value or "").split(","):
            patches.change_list(method, top, patch, scope)
    else:
        patches.must_be(patch, "replace")
        if top == "apiKeyRequired":
            method[top] = truth(patch.value)
        elif top == "authorizationType":
            method[top] = (patch.value or "").upper()
        else:
            patches.set_or_drop(method, top, patch.value)
