"""What AWS leaves out of an answer because nobody gave it: Terraform would take it away at each apply."""

from __future__ import annotations

import json
from typing import Any


def correct() -> None:
    from ministack.core.responses import json_response
    from ministack.services import apigateway, lambda_svc

    create_authorizer, put_config = apigateway._create_authorizer, lambda_svc._put_event_invoke_config

    def create(api_id: str, data: dict[str, Any]) -> Any:
        answer = create_authorizer(api_id, data)
        if answer[0] != 201:
            return answer
        authorizer = apigateway._authorizers[api_id][json.loads(answer[2])["authorizerId"]]
        for name in {"jwtConfiguration", "authorizerPayloadFormatVersion"} - data.keys():
            del authorizer[name]
        return apigateway._apigw_response(authorizer, 201)

    def put(function: str, qualifier: str | None, data: dict[str, Any]) -> Any:
        answer = put_config(function, qualifier, data)
        if answer[0] != 200 or "MaximumEventAgeInSeconds" in data:
            return answer
        config = lambda_svc._event_invoke_config(lambda_svc._functions[function], qualifier)
        del config["MaximumEventAgeInSeconds"]
        return json_response(config)

    apigateway._create_authorizer, lambda_svc._put_event_invoke_config = create, put
