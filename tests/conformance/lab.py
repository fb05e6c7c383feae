"""What a conformance case needs of AWS: functions and HTTP APIs made in a few calls of boto3, and plain HTTP.

Nothing here knows the edge: with credentials and no endpoint it would make the same resources on AWS.
"""

from __future__ import annotations

import io
import json
import textwrap
import time
import uuid
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
import urllib3
from botocore.config import Config

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def zipped(files: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in sorted(files.items()):
            archive.writestr(name, textwrap.dedent(text))
    return buffer.getvalue()


def eventually(check: Callable[[], Any], what: str, within: float = 60.0) -> Any:
    """The first truthy answer of `check`, asked again until then."""
    deadline = time.monotonic() + within
    while True:
        found = check()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"within {within:.0f} s there was never {what}; the last answer was {found!r}")
        time.sleep(0.1)


@dataclass
class Answer:
    status: int
    headers: urllib3.HTTPHeaderDict
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Api:
    """A deployed HTTP API."""

    lab: Lab
    id: str
    stage: str
    url: str

    def send(self, method: str, path: str = "/", *, body: bytes | str | None = None, **options: Any) -> Answer:
        fields = {"preload_content": True, "retries": False, "redirect": False, **options}
        answer = self.lab.http.request(method, self.url + path, body=body, **fields)
        return Answer(answer.status, answer.headers, answer.data)

    def get(self, path: str = "/", **options: Any) -> Answer:
        return self.send("GET", path, **options)

    def post(self, path: str = "/", body: bytes | str = b"", **options: Any) -> Answer:
        return self.send("POST", path, body=body, **options)


@dataclass
class Lab:
    """One account on one endpoint, and what was made in it."""

    endpoint: str
    account: str
    region: str = "us-east-1"
    http: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(maxsize=64, timeout=90))
    _clients: dict[str, Any] = field(default_factory=dict)
    _role: str = ""

    def aws(self, service: str, **config: Any) -> Any:
        key = f"{service}{sorted(config.items())}"
        if key not in self._clients:
            self._clients[key] = boto3.client(
                service,
                endpoint_url=self.endpoint,
                region_name=self.region,
                aws_access_key_id=self.account,
                aws_secret_access_key="test",
                config=Config(**{"retries": {"total_max_attempts": 1}, "read_timeout": 120, **config}),
            )
        return self._clients[key]

    def name(self, prefix: str = "case") -> str:
        return f"{prefix}-{uuid.uuid4().hex[:10]}"

    def role(self) -> str:
        if not self._role:
            made = self.aws("iam").create_role(RoleName=self.name("role"), AssumeRolePolicyDocument=json.dumps(TRUST))
            self._role = made["Role"]["Arn"]
        return self._role

    def function(self, source: str | Mapping[str, str], handler: str = "app.handler", **config: Any) -> str:
        """A function of the given source (`app.py`, or several files); its name."""
        files = {"app.py": source} if isinstance(source, str) else source
        name = config.pop("FunctionName", None) or self.name()
        client = self.aws("lambda")
        client.create_function(
            **{
                "FunctionName": name,
                "Runtime": "python3.13",
                "Role": self.role(),
                "Handler": handler,
                "Code": {"ZipFile": zipped(files)},
                "Timeout": 10,
                "MemorySize": 256,
                **config,
            }
        )
        client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
        return name

    def arn(self, function: str) -> str:
        return f"arn:aws:lambda:{self.region}:{self.account}:function:{function}"

    def invoke(self, function: str, event: Any = None, **options: Any) -> Any:
        return self.aws("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode(), **options)

    def result(self, function: str, event: Any = None, **options: Any) -> Any:
        """What a successful invocation returned."""
        answer = self.invoke(function, event, **options)
        payload = json.loads(answer["Payload"].read() or b"null")
        assert "FunctionError" not in answer, payload
        return payload

    def failure(self, function: str, event: Any = None, **options: Any) -> Any:
        """What a failed invocation reported."""
        answer = self.invoke(function, event, **options)
        payload = json.loads(answer["Payload"].read())
        assert answer.get("FunctionError") == "Unhandled", payload
        return payload

    def integrate(self, api: str, function: str, **integration: Any) -> str:
        """An AWS_PROXY integration of the API with a function that permits it; its id."""
        arn = self.arn(function)
        made = self.aws("apigatewayv2").create_integration(
            **{
                "ApiId": api,
                "IntegrationType": "AWS_PROXY",
                "IntegrationUri": arn,
                "PayloadFormatVersion": "2.0",
                **integration,
            }
        )
        self.permit(api, function)
        return str(made["IntegrationId"])

    def permit(self, api: str, function: str, source: str | None = None) -> None:
        name, _, qualifier = function.partition(":")
        self.aws("lambda").add_permission(
            FunctionName=name,
            StatementId=self.name("allow"),
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
            SourceArn=source or f"arn:aws:execute-api:{self.region}:{self.account}:{api}/*/*",
            **({"Qualifier": qualifier} if qualifier else {}),
        )

    def api(
        self,
        routes: Mapping[str, str],
        *,
        stage: str = "$default",
        integration: Mapping[str, Any] | None = None,
        route: Mapping[str, Any] | None = None,
        stage_settings: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> Api:
        """An HTTP API whose routes (`"GET /x"` -> function name) are deployed on one stage."""
        client = self.aws("apigatewayv2")
        made = client.create_api(Name=self.name("api"), ProtocolType="HTTP", **settings)
        api = made["ApiId"]
        targets = {name: self.integrate(api, name, **(integration or {})) for name in set(routes.values())}
        for key, name in routes.items():
            client.create_route(ApiId=api, RouteKey=key, Target=f"integrations/{targets[name]}", **(route or {}))
        return self.stage(api, stage, **(stage_settings or {}))

    def stage(self, api: str, stage: str = "$default", **settings: Any) -> Api:
        self.aws("apigatewayv2").create_stage(ApiId=api, StageName=stage, **{"AutoDeploy": True, **settings})
        return Api(self, api, stage, self.url(api, stage))

    def url(self, api: str, stage: str) -> str:
        return f"{self.endpoint}/_aws/execute-api/{api}/{stage}"

    def lines(self, group: str) -> list[str]:
        """Every message of a log group, in time's order."""
        logs = self.aws("logs")
        try:
            pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
            events = [event for page in pages for event in page["events"]]
        except logs.exceptions.ResourceNotFoundException:
            return []
        return [event["message"] for event in sorted(events, key=lambda event: event["timestamp"])]

    def queue(self) -> Queue:
        sqs = self.aws("sqs")
        url = sqs.create_queue(QueueName=self.name("queue"))["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        return Queue(self, url, arn)


@dataclass
class Queue:
    lab: Lab
    url: str
    arn: str

    def receive(self, within: float = 60.0) -> dict[str, Any]:
        """The next message, deleted."""
        sqs = self.lab.aws("sqs")

        def poll() -> list[dict[str, Any]]:
            return sqs.receive_message(QueueUrl=self.url, MessageAttributeNames=["All"], AttributeNames=["All"]).get(
                "Messages", []
            )

        message = eventually(poll, "a message in the queue", within)[0]
        sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return dict(message)


def metric_sum(lab: Lab, namespace: str, metric: str, dimensions: Mapping[str, str], stat: str = "Sum") -> float:
    """The sum of a metric over the last hour."""
    now = time.time()
    points = lab.aws("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=metric,
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        StartTime=now - 3600,
        EndTime=now + 60,
        Period=3600 * 2,
        Statistics=[stat],
    )["Datapoints"]
    return float(sum(point[stat] for point in points))
