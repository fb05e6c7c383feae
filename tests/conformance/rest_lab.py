"""REST APIs of conformance cases, made in a few calls of boto3."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.conformance.lab import Answer, Lab, Pairs, send

Json = Mapping[str, Any]


class Rest:
    """One REST API: methods are put one by one, and deployed when all are there."""

    def __init__(self, lab: Lab, **settings: Any) -> None:
        self.lab = lab
        self.client = lab.aws("apigateway")
        made = self.client.create_rest_api(name=settings.pop("name", lab.name("rest")), **settings)
        self.id: str = made["id"]
        self._resources: dict[str, str] = {"/": made["rootResourceId"]}
        self.stage = "prod"

    def resource(self, path: str) -> str:
        if path not in self._resources:
            parent, _, part = path.rpartition("/")
            made = self.client.create_resource(restApiId=self.id, parentId=self.resource(parent or "/"), pathPart=part)
            self._resources[path] = made["id"]
        return self._resources[path]

    def method(
        self,
        key: str,
        integration: Json,
        responses: Mapping[str, Json] | None = None,
        **method: Any,
    ) -> None:
        """`GET /path` with an integration; `responses` are integration responses by status."""
        verb, _, path = key.partition(" ")
        place = {"restApiId": self.id, "resourceId": self.resource(path), "httpMethod": verb}
        self.client.put_method(**place, **{"authorizationType": "NONE", **method})
        self.client.put_integration(**place, **integration)
        for status, response in (responses or {}).items():
            headers = {name: False for name in response.get("responseParameters") or {}}
            self.client.put_method_response(**place, statusCode=status, responseParameters=headers)
            self.client.put_integration_response(**place, statusCode=status, **response)

    def mock(self, key: str, body: str = "", status: int = 200, **method: Any) -> None:
        """Answers a template."""
        templates = {"application/json": json.dumps({"statusCode": status})}
        integration = {"type": "MOCK", "requestTemplates": templates}
        self.method(key, integration, {str(status): {"responseTemplates": {"application/json": body}}}, **method)

    def proxy(self, key: str, function: str, **more: Any) -> None:
        """Leads to a function that permits it."""
        method = more.pop("method", {})
        self.method(key, {**self.function(function), "type": "AWS_PROXY", **more}, **method)

    def function(self, name: str) -> dict[str, Any]:
        """URI and method of an integration with a function."""
        return {"integrationHttpMethod": "POST", "uri": self.function_uri(name)}

    def function_uri(self, name: str) -> str:
        return f"arn:aws:apigateway:{self.lab.region}:lambda:path/2015-03-31/functions/{self.lab.arn(name)}/invocations"

    def permit(self, function: str, source: str | None = None) -> None:
        self.lab.permit(self.id, function, source)

    def deploy(self, stage: str = "prod", **settings: Any) -> str:
        """Deploys what is there to a stage; the deployment."""
        self.stage = stage
        made = self.client.create_deployment(restApiId=self.id, stageName=stage, **settings)
        return str(made["id"])

    def update_stage(self, *operations: tuple[str, str, str]) -> None:
        patches = [{"op": op, "path": path, "value": value} for op, path, value in operations]
        self.client.update_stage(restApiId=self.id, stageName=self.stage, patchOperations=patches)

    @property
    def url(self) -> str:
        return self.lab.url(self.id, self.stage)

    def send(self, method: str, path: str = "/", headers: Pairs = (), body: bytes | str | None = None) -> Answer:
        return send(method, self.url + path, headers, body)

    def get(self, path: str = "/", headers: Pairs = ()) -> Answer:
        return self.send("GET", path, headers)

    def event(
        self, method: str = "GET", path: str = "/", headers: Pairs = (), body: bytes | str | None = None
    ) -> dict[str, Any]:
        """The event that the echo function behind the method received."""
        answer = self.send(method, path, headers, body)
        assert answer.status == 200, answer.body
        return dict(answer.json())
