"""HTTP APIs: a route key and a stage name are an API's once; MiniStack took a second one in the first one's place."""

from __future__ import annotations

from typing import Any


def correct() -> None:
    from ministack.services import apigateway

    create_route, create_stage = apigateway._create_route, apigateway._create_stage

    def route(api_id: str, data: dict[str, Any]) -> Any:
        key = data.get("routeKey")
        if any(present["routeKey"] == key for present in (apigateway._routes.get(api_id) or {}).values()):
            return apigateway._apigw_error(
                "ConflictException", f"Route with key {key} already exists for this API", 409
            )
        return create_route(api_id, data)

    def stage(api_id: str, data: dict[str, Any]) -> Any:
        if data.get("stageName") in (apigateway._stages.get(api_id) or {}):
            return apigateway._apigw_error("ConflictException", "Stage already exists", 409)
        return create_stage(api_id, data)

    apigateway._create_route = route
    apigateway._create_stage = stage
