"""AWS API calls that the console makes for its page: those of a list, as an account of the running stack."""

from __future__ import annotations

import base64
import threading
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from botocore.response import StreamingBody

from staticfire import boto

from .fields import BadInput

CALLS: Mapping[str, tuple[str, ...]] = {
    "cloudwatch": (
        *("DescribeAlarmHistory", "DescribeAlarms", "GetDashboard", "GetMetricData", "ListDashboards", "ListMetrics"),
        "SetAlarmState",
    ),
    "dynamodb": ("DeleteItem", "DescribeTable", "ListTables", "PutItem", "Query", "Scan"),
    "events": ("ListEventBuses", "ListRules", "PutEvents"),
    "lambda": (
        *("GetFunctionConfiguration", "Invoke", "ListAliases", "ListEventSourceMappings", "ListFunctions"),
        "ListVersionsByFunction",
    ),
    "logs": ("DescribeLogGroups", "FilterLogEvents", "GetQueryResults", "StartQuery"),
    "s3": ("DeleteObject", "GetObject", "ListBuckets", "ListObjectsV2", "PutObject"),
    "secretsmanager": ("GetSecretValue", "ListSecrets"),
    "sns": ("ListTopics", "Publish"),
    "sqs": ("GetQueueAttributes", "ListQueues", "PurgeQueue", "SendMessage"),
}
MOST = 4 * 1024 * 1024  # of a body that is read whole
SECONDS = 30


class CallFailed(Exception):
    """AWS's own error, as the running stack answered it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class AwsCalls:
    """Clients are made once for a service, an account and a region: to make one takes longer than its calls."""

    def __init__(self) -> None:
        self._clients: dict[tuple[str, str, str, str], Any] = {}
        self._making = threading.Lock()

    def call(
        self, endpoint: str, region: str, account: str, service: str, operation: str, parameters: Mapping[str, Any]
    ) -> Any:
        if operation not in CALLS.get(service, ()):
            raise BadInput(f"The console does not call {service}:{operation}.")
        client = self._client(endpoint, region, account, service)
        name = next(name for name, of in client.meta.method_to_api_mapping.items() if of == operation)
        shape = client.meta.service_model.operation_model(operation).input_shape
        try:
            answer = getattr(client, name)(**_to_boto(shape, parameters))
        except ClientError as error:
            failure = error.response.get("Error", {})
            raise CallFailed(failure.get("Code") or "Unknown", failure.get("Message") or str(error)) from error
        except (BotoCoreError, ValueError, TypeError) as error:
            raise CallFailed(type(error).__name__, str(error)) from error
        answer.pop("ResponseMetadata", None)
        return to_json(answer)

    def _client(self, endpoint: str, region: str, account: str, service: str) -> Any:
        key = endpoint, region, account, service
        with self._making:
            if key not in self._clients:
                if len(self._clients) > 100:
                    self._clients.clear()
                self._clients[key] = boto.client(
                    endpoint, region, account, service, read_timeout=SECONDS * 30 if service == "lambda" else SECONDS
                )
            return self._clients[key]


def _to_boto(shape: Any, value: Any) -> Any:
    """JSON as boto3 takes it: bytes where AWS's model has a blob, from text or from `{"base64": ...}`."""
    kind = getattr(shape, "type_name", "")
    if kind == "structure" and isinstance(value, dict):
        return {name: _to_boto(shape.members.get(name), part) for name, part in value.items()}
    if kind == "list" and isinstance(value, list):
        return [_to_boto(shape.member, part) for part in value]
    if kind == "map" and isinstance(value, dict):
        return {name: _to_boto(shape.value, part) for name, part in value.items()}
    if kind == "blob":
        if isinstance(value, str):
            return value.encode()
        if isinstance(value, dict) and isinstance(value.get("base64"), str):
            return base64.b64decode(value["base64"], validate=True)
    return value


def to_json(value: Any) -> Any:
    """What boto3 or Postgres answered, as JSON. Bytes are text where they can be, else `{"base64": ...}`."""
    if isinstance(value, dict):
        return {str(name): to_json(part) for name, part in value.items()}
    if isinstance(value, list | tuple | set):
        return [to_json(part) for part in value]
    if isinstance(value, StreamingBody):
        data = value.read(MOST + 1)
        value.close()
        value = data[:MOST]
    if isinstance(value, bytes | bytearray | memoryview):
        try:
            return bytes(value).decode()
        except UnicodeDecodeError:
            return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, datetime):
        return value.isoformat()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if abs(value) < float("inf") else str(value)
    return str(value) if isinstance(value, Decimal) or not hasattr(value, "isoformat") else value.isoformat()
