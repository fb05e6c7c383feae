"""Models: JSON schemas that bodies are held to, and the template that AWS makes of one."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from staticfire.edge.aws.calls import AwsError, Call, Scope
from staticfire.edge.aws.protocol import Params
from staticfire.edge.services.apigateway.openapi.documents import UnreadableDocument, bounded
from staticfire.edge.services.apigateway.openapi.schemas import flattened, template_of
from staticfire.edge.services.apigateway.rest.records import Record, RestRecords

from . import patches
from .common import bad_request, conflict, in_order, made, new_id, not_found, page, required_api

NAME = re.compile(r"[a-zA-Z0-9]+")
PATHS = ("/description", "/schema")
_DRAFT = "http://json-schema.org/draft-04/schema#"


def _text(schema: Mapping[str, Any]) -> str:
    return json.dumps(schema, indent=2)


# What AWS makes with every new API.
DEFAULT_MODELS: tuple[Record, ...] = (
    {
        "name": "Empty",
        "contentType": "application/json",
        "description": "This is a default empty schema model",
        "schema": _text({"$schema": _DRAFT, "title": "Empty Schema", "type": "object"}),
    },
    {
        "name": "Error",
        "contentType": "application/json",
        "description": "This is a default error schema model",
        "schema": _text(
            {
                "$schema": _DRAFT,
                "title": "Error Schema",
                "type": "object",
                "properties": {"message": {"type": "string"}},
            }
        ),
    },
)


class ModelOperations:
    def __init__(self, records: RestRecords) -> None:
        self._records = records

    async def create(self, call: Call, params: Params) -> Record:
        scope, api_id, name = call.scope, params["restApiId"], params["name"]
        required_api(self._records, scope, api_id)
        async with self._records.changing(scope, api_id):
            if not name:
                raise bad_request("Model name must be non-empty")
            if NAME.fullmatch(name) is None:
                raise bad_request(f"Model name must be alphanumeric: {name}")
            if self._records.get(scope, "rest-model", api_id, name) is not None:
                raise conflict("Model name already exists for this REST API")
            model = made({"id": new_id(), "name": name, "contentType": params["contentType"]})
            model["schema"] = checked_schema(params.get("schema"), params["contentType"])
            patches.set_or_drop(model, "description", params.get("description"))
            await self._records.put(scope, "rest-model", api_id, name, record=model)
        return model

    async def get(self, call: Call, params: Params) -> Record:
        model = self._required(call.scope, params)
        if params.get("flatten"):
            others = {one["name"]: one for one in self._records.list(call.scope, "rest-model", params["restApiId"])}
            return {**model, "schema": flattened(model, others)}
        return model

    async def list_all(self, call: Call, params: Params) -> Record:
        required_api(self._records, call.scope, params["restApiId"])
        return page(in_order(self._records.list(call.scope, "rest-model", params["restApiId"])), params)

    async def template(self, call: Call, params: Params) -> Record:
        model = self._required(call.scope, params)
        others = {one["name"]: one for one in self._records.list(call.scope, "rest-model", params["restApiId"])}
        return {"value": template_of(model, others)}

    async def update(self, call: Call, params: Params) -> Record:
        scope, api_id = call.scope, params["restApiId"]
        async with self._records.changing(scope, api_id):
            model = self._required(scope, params)
            for patch in patches.read(params):
                patches.supported(patch, PATHS)
                if patch.top == "schema":
                    model["schema"] = checked_schema(patch.value, model["contentType"])
                else:
                    patches.set_or_drop(model, "description", patch.value)
            await self._records.put(scope, "rest-model", api_id, model["name"], record=model)
        return model

    async def delete(self, call: Call, params: Params) -> None:
        scope, api_id = call.scope, params["restApiId"]
        async with self._records.changing(scope, api_id):
            model = self._required(scope, params)
            self._refuse_used(scope, api_id, model["name"])
            await self._records.delete(scope, "rest-model", api_id, model["name"])

    def _required(self, scope: Scope, params: Params) -> Record:
        model = self._records.get(scope, "rest-model", params["restApiId"], params["modelName"])
        if model is None:
            raise not_found(f"Invalid model name specified: {params['modelName']}")
        return model

    def _refuse_used(self, scope: Scope, api_id: str, name: str) -> None:
        resources = sorted(self._records.resources(scope, api_id), key=lambda one: one["path"], reverse=True)
        for resource in resources:
            for verb, method in resource.get("resourceMethods", {}).items():
                at = f"{resource['path']}/{verb}"
                if name in (method.get("requestModels") or {}).values():
                    raise _used(name, "method request", at)
                for response in (method.get("methodResponses") or {}).values():
                    if name in (response.get("responseModels") or {}).values():
                        raise _used(name, "method response", at)


def _used(name: str, where: str, at: str) -> AwsError:
    return conflict(f"Cannot delete model '{name}', is referenced in {where}: {at}")


def checked_schema(text: str | None, content_type: str) -> str:
    """The text as it came: it is told so. Of JSON it is a schema."""
    if not text or not text.strip():
        raise bad_request("Model schema must have at least 1 property or array items defined")
    if "json" in content_type:
        try:
            schema = bounded(json.loads(text))
        except (ValueError, RecursionError, UnreadableDocument):
            schema = None
        if not isinstance(schema, dict):
            raise bad_request(
                "Invalid model specified: Validation Result: warnings : [], errors : [Invalid model schema specified]"
            )
    return text
