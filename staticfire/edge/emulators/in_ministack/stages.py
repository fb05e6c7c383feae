"""REST APIs: what a stage, a method or an integration lacks is not told, so that Terraform has nothing to take away."""

from __future__ import annotations

from typing import Any

_TOLD_IF_SET = frozenset(
    ("accessLogSettings", "cacheClusterSize", "description", "documentationVersion", "tags", "variables")
)
_TOLD_IF_GIVEN = frozenset(
    (
        *("authorizationScopes", "authorizerId", "contentHandling", "credentials", "integrationResponses"),
        *("methodResponses", "operationName", "requestModels", "requestParameters", "requestTemplates"),
        *("requestValidatorId", "uri"),
    )
)


def correct() -> None:
    from ministack.services import apigateway_v1

    respond = apigateway_v1._v1_response

    def response(data: Any, *arguments: Any, **named: Any) -> Any:
        if isinstance(data, dict):
            data = _parts(_stage(data))
            if isinstance(data.get("item"), list):
                data = {**data, "item": [_stage(item) for item in data["item"]]}
        return respond(data, *arguments, **named)

    apigateway_v1._v1_response = response


def _stage(document: Any) -> Any:
    """A stage as AWS describes it; anything else as it is."""
    if not isinstance(document, dict) or not {"stageName", "methodSettings"} <= document.keys():
        return document
    stage = {name: value for name, value in document.items() if value or name not in _TOLD_IF_SET}
    stage.setdefault("cacheClusterStatus", "AVAILABLE" if stage.get("cacheClusterEnabled") else "NOT_AVAILABLE")
    return stage


def _parts(document: Any) -> Any:
    """Methods and integrations as AWS describes them, wherever they stand in a document."""
    if isinstance(document, list):
        return [_parts(entry) for entry in document]
    if not isinstance(document, dict):
        return document
    is_one = "apiKeyRequired" in document or "passthroughBehavior" in document
    return {name: _parts(value) for name, value in document.items() if value or not (is_one and name in _TOLD_IF_GIVEN)}
