"""Authorizers: functions and user pools that say who may call a method."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from staticfire.edge.aws.calls import Call, Scope
from staticfire.edge.aws.protocol import Params
from staticfire.edge.services.apigateway.rest.records import Record, RestRecords

from . import patches
from .common import (
    bad_request,
    concurrent,
    conflict,
    in_order,
    made,
    new_id,
    not_found,
    page,
    required_api,
    whole_number,
)
from .patches import Patch

DEFAULT_SECONDS = 300
LONGEST_SECONDS = 3600
COGNITO = "COGNITO_USER_POOLS"
PATHS = (
    *("/name", "/type", "/authType", "/authorizerUri", "/authorizerCredentials", "/identitySource"),
    *("/identityValidationExpression", "/authorizerResultTtlInSeconds", "/providerARNs"),
)

_URI = re.compile(r"arn:[^:]+:apigateway:[^:]*:lambda:path/.+/invocations", re.DOTALL)
_SOURCE = re.compile(r"method\.request\.(header|querystring)\.\S+|stageVariables\.\S+|context\.\S+")
_OPTIONAL = (
    *("authType", "providerARNs", "authorizerUri", "authorizerCredentials", "identitySource"),
    *("identityValidationExpression", "authorizerResultTtlInSeconds"),
)


class AuthorizerOperations:
    def __init__(self, records: RestRecords) -> None:
        self._records = records

    async def create(self, call: Call, params: Params) -> Record:
        scope, api_id = call.scope, params["restApiId"]
        authorizer = new_authorizer(params)
        if self._records.api(scope, api_id) is None:
            raise concurrent()
        async with self._records.changing(scope, api_id):
            self._refuse_name(scope, api_id, authorizer)
            await self._records.put(scope, "rest-authorizer", api_id, authorizer["id"], record=authorizer)
        return authorizer

    async def get(self, call: Call, params: Params) -> Record:
        return required_authorizer(self._records, call.scope, params)

    async def list_all(self, call: Call, params: Params) -> Record:
        required_api(self._records, call.scope, params["restApiId"])
        return page(in_order(self._records.list(call.scope, "rest-authorizer", params["restApiId"])), params)

    async def update(self, call: Call, params: Params) -> Record:
        scope, api_id = call.scope, params["restApiId"]
        async with self._records.changing(scope, api_id):
            authorizer = required_authorizer(self._records, scope, params)
            for patch in patches.read(params):
                _change(authorizer, patch)
            _check(authorizer)
            self._refuse_name(scope, api_id, authorizer)
            await self._records.put(scope, "rest-authorizer", api_id, authorizer["id"], record=authorizer)
        return authorizer

    async def delete(self, call: Call, params: Params) -> None:
        scope, api_id = call.scope, params["restApiId"]
        async with self._records.changing(scope, api_id):
            authorizer = required_authorizer(self._records, scope, params)
            for resource in self._records.resources(scope, api_id):
                for verb, method in resource.get("resourceMethods", {}).items():
                    if method.get("authorizerId") == authorizer["id"]:
                        at = f"{resource['path']}/{verb}"
                        raise conflict(
                            f"Cannot delete authorizer '{authorizer['name']}', is referenced in method: {at}"
                        )
            await self._records.delete(scope, "rest-authorizer", api_id, authorizer["id"])

    def _refuse_name(self, scope: Scope, api_id: str, authorizer: Record) -> None:
        others = self._records.list(scope, "rest-authorizer", api_id)
        if any(one["name"] == authorizer["name"] and one["id"] != authorizer["id"] for one in others):
            raise bad_request("Authorizer name must be unique. Authorizer with this name already exists in this API")


def required_authorizer(records: RestRecords, scope: Scope, params: Params) -> Record:
    authorizer = records.get(scope, "rest-authorizer", params["restApiId"], params["authorizerId"])
    if authorizer is None:
        raise not_found("Invalid Authorizer identifier specified")
    return authorizer


def new_authorizer(params: Mapping[str, Any]) -> Record:
    authorizer = made({"id": new_id(), "name": params.get("name"), "type": params["type"]})
    authorizer |= {member: params[member] for member in _OPTIONAL if params.get(member) not in (None, "", [])}
    cognito = params["type"] == COGNITO
    authorizer.setdefault("authType", "cognito_user_pools" if cognito else "custom")
    _check(authorizer)
    return authorizer


def _check(authorizer: Record) -> None:
    kind, seconds = authorizer["type"], authorizer.get("authorizerResultTtlInSeconds", DEFAULT_SECONDS)
    if not authorizer.get("name"):
        raise bad_request("Authorizer name cannot be empty")
    if not 0 <= seconds <= LONGEST_SECONDS:
        raise bad_request(f"Authorizer result ttl must be between 0 and {LONGEST_SECONDS}")
    if kind == COGNITO:
        if not authorizer.get("providerARNs"):
            raise bad_request("Invalid Authorizer Provider ARNs: provider ARNs cannot be empty")
    elif _URI.fullmatch(authorizer.get("authorizerUri") or "") is None:
        raise bad_request(
            f"Invalid Authorizer URI: {authorizer.get('authorizerUri') or 'null'}. Authorizer URI should be a valid "
            "API Gateway ARN that represents a Lambda function invocation."
        )
    sources = [one.strip() for one in (authorizer.get("identitySource") or "").split(",") if one.strip()]
    if not sources and (kind == "TOKEN" or (kind == "REQUEST" and seconds > 0)):
        raise bad_request("Identity source is required for this authorizer: it is what its answers are kept by")
    for source in sources:
        if _SOURCE.fullmatch(source) is None:
            raise bad_request(f"Invalid identity source specified: {source}")


def _change(authorizer: Record, patch: Patch) -> None:
    patches.supported(patch, PATHS, also={"add": ("/providerARNs",), "remove": ("/providerARNs",)})
    if patch.top == "providerARNs":
        if patch.op == "replace":
            authorizer[patch.top] = [patch.value] if patch.value else []
        else:
            patches.change_list(authorizer, patch.top, patch, patch.value)
    elif patch.top == "authorizerResultTtlInSeconds":
        authorizer[patch.top] = whole_number(patch.value, "authorizer result ttl")
    else:
        patches.set_or_drop(authorizer, patch.top, patch.value)
