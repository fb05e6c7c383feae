"""REST APIs are found by their id alone: a request to one names no account."""

from __future__ import annotations

from ministack.services import apigateway_v1


def correct() -> None:
    def find_api_scope(api_id: str) -> tuple[str, str] | None:
        owners = (
            (account, region) for (account, region, known), _ in apigateway_v1._rest_apis.all_items() if known == api_id
        )
        return next(owners, None)

    apigateway_v1.find_api_scope = find_api_scope
