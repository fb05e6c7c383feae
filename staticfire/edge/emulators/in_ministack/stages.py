"""Stages of REST APIs: what a stage does not have is not told, so that Terraform has nothing to take away."""

from __future__ import annotations

from typing import Any

_TOLD_IF_SET = frozenset(
    ("accessLogSettings", "cacheClusterSize", "description", "documentationVersion", "tags", "variables")
)


def correct() -> None:
    from ministack.services import apigateway_v1

    respond = apigateway_v1._v1_response

    def response(data: Any, *arguments: Any, **named: Any) -> Any:
        if isinstance(data, dict):
            data = _stage(data)
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
