"""WebSocket APIs as conformance cases need them: made in a few calls of boto3, spoken to by the client `websockets`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.config import Config
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.conformance.lab import Lab

# Tells what it got: in its answer, and in its log. A client says at `$connect` what is to come of that.
SAYS = """
    import json

    def handler(event, context):
        print("EVENT " + json.dumps(event))
        query = event.get("queryStringParameters") or {}
        if query.get("fail"):
            raise ValueError("as asked")
        answer = {"statusCode": int(query.get("status", 200)), "body": json.dumps(event)}
        if query.get("protocol"):
            answer["headers"] = {"Sec-WebSocket-Protocol": query["protocol"]}
        try:
            asked = json.loads(event.get("body") or "null")
        except ValueError:
            asked = None
        if isinstance(asked, dict) and "answer" in asked:
            return asked["answer"]
        if isinstance(asked, dict) and asked.get("fail"):
            raise ValueError("as asked")
        return answer
"""


@dataclass
class Room:
    """A deployed WebSocket API."""

    lab: Lab
    api: str
    stage: str
    function: str

    @property
    def path(self) -> str:
        return f"/_aws/execute-api/{self.api}/{self.stage}"

    @property
    def management_url(self) -> str:
        return f"{self.lab.endpoint}{self.path}"

    def joined(
        self, query: str = "", headers: Mapping[str, str] | None = None, *, url: str = "", **more: Any
    ) -> ClientConnection:
        """A client that is connected."""
        address = url or f"{self.lab.endpoint}{self.path}{f'?{query}' if query else ''}"
        options: dict[str, Any] = {"compression": None, "max_size": None, "open_timeout": 60, **more}
        client: ClientConnection = connect(
            address.replace("http", "ws", 1), additional_headers=dict(headers or {}), **options
        )
        return client

    def refused(self, query: str = "", headers: Mapping[str, str] | None = None, **more: Any) -> tuple[int, Any]:
        """Status and body that a client gets that may not connect."""
        try:
            with self.joined(query, headers, **more):
                raise AssertionError("the client was let in")
        except InvalidStatus as refusal:
            response = refusal.response
            return response.status_code, json.loads(response.body) if response.body else None

    def management(self, key: str = "", secret: str = "test", token: str | None = None, **more: Any) -> Any:
        """boto3's client of `@connections`."""
        return boto3.client(
            "apigatewaymanagementapi",
            endpoint_url=more.pop("url", self.management_url),
            region_name=self.lab.region,
            aws_access_key_id=key or self.lab.account,
            aws_secret_access_key=secret,
            aws_session_token=token,
            config=Config(retries={"total_max_attempts": 1}, proxies=more.pop("proxies", None)),
        )

    def events(self) -> list[dict[str, Any]]:
        """What the function got so far, by its log."""
        lines = self.lab.lines(f"/aws/lambda/{self.function}")
        return [json.loads(line.partition("EVENT ")[2]) for line in lines if "EVENT " in line]


def asked(client: ClientConnection, message: object) -> Any:
    """A message as JSON, and the answer to it."""
    client.send(message if isinstance(message, str) else json.dumps(message))
    return json.loads(client.recv(timeout=60))


def _read_to_the_end(client: ClientConnection) -> None:
    while True:
        client.recv(timeout=60)


def end_of(client: ClientConnection) -> tuple[int, str]:
    """How the other side ends the connection."""
    with pytest.raises(ConnectionClosed) as closed:
        _read_to_the_end(client)
    close = closed.value.rcvd
    assert close is not None, closed.value
    return close.code, close.reason


def room(
    lab: Lab,
    routes: tuple[str, ...] = ("$connect", "$disconnect", "$default", "say"),
    *,
    function: str = "",
    stage: str = "prod",
    connect: Mapping[str, Any] | None = None,
    integration: Mapping[str, Any] | None = None,
    answering: bool = True,
    permitted: bool = True,
    stage_settings: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Room:
    """A WebSocket API whose routes all lead to one integration, and answer; deployed to a stage."""
    client = lab.aws("apigatewayv2")
    function = function or lab.function(SAYS)
    api = client.create_api(
        **{
            "Name": lab.name("room"),
            "ProtocolType": "WEBSOCKET",
            "RouteSelectionExpression": "$request.body.action",
            **settings,
        }
    )["ApiId"]
    uri = f"arn:aws:apigateway:{lab.region}:lambda:path/2015-03-31/functions/{lab.arn(function)}/invocations"
    made = {"IntegrationType": "AWS_PROXY", "IntegrationMethod": "POST", "IntegrationUri": uri, **(integration or {})}
    target = client.create_integration(ApiId=api, **made)["IntegrationId"]
    if permitted:
        permit(lab, function, api)
    for key in routes:
        parts = {**(connect or {})} if key == "$connect" else {}
        if (answering and not key.startswith("$")) or key == "$default":
            parts["RouteResponseSelectionExpression"] = "$default"
        route = client.create_route(ApiId=api, RouteKey=key, Target=f"integrations/{target}", **parts)["RouteId"]
        if "RouteResponseSelectionExpression" in parts:
            client.create_route_response(ApiId=api, RouteId=route, RouteResponseKey="$default")
    deployed(lab, api, stage, **(stage_settings or {}))
    return Room(lab, api, stage, function)


def permit(lab: Lab, function: str, api: str) -> None:
    lab.aws("lambda").add_permission(
        FunctionName=function,
        StatementId=lab.name("permission"),
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=f"arn:aws:execute-api:{lab.region}:{lab.account}:{api}/*",
    )


def deployed(lab: Lab, api: str, stage: str, **settings: Any) -> None:
    client = lab.aws("apigatewayv2")
    deployment = client.create_deployment(ApiId=api)["DeploymentId"]
    client.create_stage(ApiId=api, StageName=stage, DeploymentId=deployment, **settings)
