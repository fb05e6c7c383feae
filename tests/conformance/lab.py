"""What a conformance case needs of AWS: functions and HTTP APIs made in a few calls of boto3, and plain HTTP.

Nothing here knows the edge: with credentials and no endpoint it would make the same resources on AWS.
"""

from __future__ import annotations

import http.client
import io
import json
import socket
import struct
import textwrap
import time
import uuid
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import Message
from threading import RLock
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

Pairs = Mapping[str, str] | Iterable[tuple[str, str]]

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def zipped(files: Mapping[str, str], executable: Iterable[str] = ()) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in sorted(files.items()):
            entry = zipfile.ZipInfo(name)
            is_program = name == "bootstrap" or name in executable
            entry.external_attr = (0o755 if is_program else 0o644) << 16
            archive.writestr(entry, textwrap.dedent(text), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def eventually(check: Callable[[], Any], what: str, within: float = 60.0) -> Any:
    """The first truthy answer of `check`, asked again until then."""
    deadline = time.monotonic() + within
    while True:
        answer = check()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"within {within:.0f} s there was never {what}; the last answer was {answer!r}")
        time.sleep(0.1)


def together(count: int, call: Callable[[int], Any]) -> list[Any]:
    """What `count` calls at the same time answered."""
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(call, range(count)))


@dataclass
class Answer:
    status: int
    headers: Message
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def send(method: str, url: str, headers: Pairs = (), body: bytes | str | None = None) -> Answer:
    """One request exactly as given: nothing is normalised, no header is added but Host and Content-Length."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=60)
    pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
    data = body.encode() if isinstance(body, str) else body
    target = url.split(parts.netloc, 1)[1] or "/"
    names = {name.lower() for name, _ in pairs}
    try:
        connection.putrequest(method, target, skip_host="host" in names, skip_accept_encoding=True)
        for name, value in pairs:
            connection.putheader(name, value)
        if data is not None and not names & {"content-length", "transfer-encoding"}:
            connection.putheader("Content-Length", str(len(data)))
        connection.endheaders(data)
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()


@dataclass
class Api:
    """A deployed HTTP API."""

    lab: Lab
    id: str
    stage: str
    url: str

    def send(self, method: str, path: str = "/", headers: Pairs = (), body: bytes | str | None = None) -> Answer:
        return send(method, self.url + path, headers, body)

    def get(self, path: str = "/", headers: Pairs = ()) -> Answer:
        return self.send("GET", path, headers)

    def post(self, path: str = "/", body: bytes | str = b"", headers: Pairs = ()) -> Answer:
        return self.send("POST", path, headers, body)

    def event(
        self, method: str = "GET", path: str = "/", headers: Pairs = (), body: bytes | str | None = None
    ) -> dict[str, Any]:
        """The event that the echo function behind the route received."""
        answer = self.send(method, path, headers, body)
        assert answer.status == 200, answer.body
        return dict(answer.json())

    def dictate(self, result: object, method: str = "POST") -> Answer:
        """What a client gets when the function behind the route returns `result`."""
        return self.send(method, "/", {"content-type": "application/json"}, json.dumps(result))


class Wire:
    """A bare connection to the endpoint, for requests that no HTTP client would send."""

    def __init__(self, host: str, port: int, source: str = "") -> None:
        self._socket = socket.create_connection((host, port), timeout=30, source_address=(source, 0))
        self._stream = self._socket.makefile("rb")

    def write(self, data: bytes | str) -> None:
        self._socket.sendall(data.encode("latin-1") if isinstance(data, str) else data)

    def finish(self) -> None:
        """Says that nothing more will be sent."""
        self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self._stream.close()
        self._socket.close()

    def reset(self) -> None:
        """Ends the connection as a crashed client does."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def answer(self) -> Answer:
        """The next response on the connection."""
        status = int(self._stream.readline().split()[1])
        headers = http.client.parse_headers(self._stream)
        return Answer(status, headers, self._stream.read(int(headers["content-length"] or 0)))

    def rest(self) -> bytes:
        """Everything until the other side closes, or resets, the connection."""
        received = bytearray()
        with suppress(ConnectionResetError):
            while data := self._stream.read1(65536):
                received += data
        return bytes(received)


@dataclass
class Lab:
    """One account on one endpoint, and what was made in it."""

    endpoint: str
    account: str
    region: str = "us-east-1"
    # Where this machine reaches an address that only the endpoint itself knows.
    reached: Mapping[tuple[str, int], tuple[str, int]] = field(default_factory=dict)
    _clients: dict[str, Any] = field(default_factory=dict)
    _role: str = ""
    _lock: RLock = field(default_factory=RLock)

    def aws(self, service: str, **config: Any) -> Any:
        key = f"{service}{sorted(config.items())}"
        with self._lock:
            if key not in self._clients:
                client = self._clients[key] = boto3.client(
                    service,
                    endpoint_url=self.endpoint,
                    region_name=self.region,
                    aws_access_key_id=self.account,
                    aws_secret_access_key="test",
                    config=Config(**{"retries": {"total_max_attempts": 1}, "read_timeout": 120, **config}),
                )
                if service == "lambda":
                    client.meta.events.register("after-call.lambda.UpdateFunctionCode", self._over)
                    client.meta.events.register("after-call.lambda.UpdateFunctionConfiguration", self._over)
            return self._clients[key]

    def _over(self, parsed: Mapping[str, Any], **_: Any) -> None:
        """One change at a time: the next one is refused until this one is over."""
        if "FunctionName" in parsed:
            self.settled(parsed["FunctionName"])

    def settled(self, function: str) -> None:
        """Wait until the function can be changed."""
        waiter = self.aws("lambda").get_waiter("function_updated_v2")
        waiter.wait(FunctionName=function, WaiterConfig={"Delay": 0.2, "MaxAttempts": 300})

    @contextmanager
    def wire(self, source: str = "") -> Iterator[Wire]:
        wire = Wire(*self.address, source)
        try:
            yield wire
        finally:
            wire.close()

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.endpoint)
        return parts.hostname or "", parts.port or 80

    @property
    def netloc(self) -> str:
        return urlsplit(self.endpoint).netloc

    def name(self, prefix: str = "case") -> str:
        return f"{prefix}-{uuid.uuid4().hex[:10]}"

    def role(self) -> str:
        with self._lock:
            if not self._role:
                made = self.aws("iam").create_role(
                    RoleName=self.name("role"), AssumeRolePolicyDocument=json.dumps(TRUST)
                )
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
        client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.2, "MaxAttempts": 300})
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
        """Every message of a log group, in time's order, without its line feed."""
        logs = self.aws("logs")
        try:
            pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
            events = [event for page in pages for event in page["events"]]
        except logs.exceptions.ResourceNotFoundException:
            return []
        return [event["message"].removesuffix("\n") for event in sorted(events, key=lambda event: event["timestamp"])]

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
            received = sqs.receive_message(QueueUrl=self.url, MessageAttributeNames=["All"], AttributeNames=["All"])
            return list(received.get("Messages", []))

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


def without_streams(lab: Lab, service: str) -> str:
    """What keeps this LocalStack itself from serving streams: it installs Kinesis and DynamoDB Local where it can."""
    try:
        if service == "kinesis":
            lab.aws("kinesis").create_stream(StreamName=lab.name("stream"), ShardCount=1)
        else:
            made = lab.aws("dynamodb").create_table(
                TableName=lab.name("table"),
                KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
                StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
            )["TableDescription"]
            lab.aws("dynamodbstreams").describe_stream(StreamArn=made["LatestStreamArn"])
    except ClientError as error:
        return f"this LocalStack serves no streams of {service}: {error}"
    return ""
