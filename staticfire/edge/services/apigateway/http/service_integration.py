"""First-class integrations: an AWS service called by an HTTP API, with parameters mapped from the request.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-aws-services.html: the
service's answer is the client's, status and body. Parameters that are lists, numbers or structures are JSON texts.
The role in `credentialsArn` names the account that calls; whether its policies allow the call, nobody asks here.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.http1.messages import Response
from staticfire.edge.services.apigateway.common.refusal import Refused, failed, unavailable
from staticfire.edge.services.apigateway.common.service_calls import ServiceCalls

from .exchange import Exchange
from .expressions import Value, compile_value
from .mapping import ResponseMapping
from .model import Integration

Parameters = Mapping[str, str]


class _Unusable(Exception):
    """A mapped parameter is not what the service takes."""


class _Action(NamedTuple):
    """One JSON operation. `members` make its document of the parameters."""

    service: str
    target: str
    version: str
    members: Callable[[Parameters], dict[str, Any]]


def _members(texts: str = "", numbers: str = "", documents: str = "") -> Callable[[Parameters], dict[str, Any]]:
    kinds: dict[str, Callable[[str, str], Any]] = {
        **dict.fromkeys(texts.split(), lambda name, text: text),
        **dict.fromkeys(numbers.split(), _number),
        **dict.fromkeys(documents.split(), _document),
    }
    return lambda parameters: {
        name: kinds[name](name, text) for name, text in parameters.items() if name in kinds and text != ""
    }


def _number(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise _Unusable(f"the parameter {name} is {text[:100]!r}, not a number") from None


def _document(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise _Unusable(f"the parameter {name} is {text[:100]!r}, not JSON") from None


def _event(parameters: Parameters) -> dict[str, Any]:
    entry = _members("Detail DetailType Source EventBusName TraceHeader", documents="Resources")(parameters)
    if parameters.get("Time"):
        text = parameters["Time"]
        entry["Time"] = float(text) if text.replace(".", "", 1).isdigit() else text
    return {"Entries": [entry]}


def _record(parameters: Parameters) -> dict[str, Any]:
    data = base64.b64encode(parameters.get("Data", "").encode()).decode()
    return {**_members("StreamName PartitionKey SequenceNumberForOrdering ExplicitHashKey")(parameters), "Data": data}


_SQS = "AmazonSQS."
_STATES = "AWSStepFunctions."
_ACTIONS = {
    "SQS-SendMessage": _Action(
        "sqs",
        f"{_SQS}SendMessage",
        "1.0",
        _members(
            "QueueUrl MessageBody MessageDeduplicationId MessageGroupId",
            "DelaySeconds",
            "MessageAttributes MessageSystemAttributes",
        ),
    ),
    "SQS-ReceiveMessage": _Action(
        "sqs",
        f"{_SQS}ReceiveMessage",
        "1.0",
        _members(
            "QueueUrl ReceiveRequestAttemptId",
            "MaxNumberOfMessages VisibilityTimeout WaitTimeSeconds",
            "AttributeNames MessageAttributeNames",
        ),
    ),
    "SQS-DeleteMessage": _Action("sqs", f"{_SQS}DeleteMessage", "1.0", _members("QueueUrl ReceiptHandle")),
    "SQS-PurgeQueue": _Action("sqs", f"{_SQS}PurgeQueue", "1.0", _members("QueueUrl")),
    "EventBridge-PutEvents": _Action("events", "AWSEvents.PutEvents", "1.1", _event),
    "Kinesis-PutRecord": _Action("kinesis", "Kinesis_20131202.PutRecord", "1.1", _record),
    "StepFunctions-StartExecution": _Action(
        "states", f"{_STATES}StartExecution", "1.0", _members("StateMachineArn Name Input TraceHeader")
    ),
    "StepFunctions-StartSyncExecution": _Action(
        "states", f"{_STATES}StartSyncExecution", "1.0", _members("StateMachineArn Name Input TraceHeader")
    ),
    "StepFunctions-StopExecution": _Action(
        "states", f"{_STATES}StopExecution", "1.0", _members("ExecutionArn Cause Error")
    ),
}
# JSON's members are spelled as in the services' models; these services begin them in lower case.
_LOWER = frozenset(("states",))


class SubtypeResponder:
    """AWS_PROXY with a subtype."""

    def __init__(self, integration: Integration, scope: Scope, calls: ServiceCalls) -> None:
        self._subtype = integration.subtype or ""
        self._parameters: dict[str, Value] = {
            name: compile_value(text) for name, text in integration.request_parameters.items()
        }
        self._account = _account_of(integration.credentials) or scope.account
        self._region = scope.region
        self._timeout = integration.timeout
        self._calls = calls
        self._response_mapping = ResponseMapping(integration.response_parameters)

    async def respond(self, exchange: Exchange) -> Response:
        parameters = {
            name: text for name, value in self._parameters.items() if (text := value(exchange, None)) is not None
        }
        scope = Scope(self._account, parameters.get("Region") or self._region)
        started = time.perf_counter()
        try:
            response = await asyncio.wait_for(self._called(scope, parameters), self._timeout)
        except _Unusable as unusable:
            exchange.integration_error = str(unusable)
            raise Refused(400, "Bad Request", kind="BAD_REQUEST_PARAMETERS", reason=str(unusable)) from unusable
        except TimeoutError as lateness:
            exchange.integration_error = f"{self._subtype} has not answered within {self._timeout:g} s"
            raise unavailable(exchange.integration_error) from lateness
        except AwsError as error:
            exchange.integration_error = str(error)
            raise failed(exchange.integration_error) from error
        finally:
            exchange.integration_latency = round((time.perf_counter() - started) * 1000)
        exchange.integration_status = exchange.backend_status = response.status
        answer = _answered(response)
        return self._response_mapping.apply(exchange, answer) if self._response_mapping else answer

    async def _called(self, scope: Scope, parameters: Parameters) -> Response:
        if self._subtype == "AppConfig-GetConfiguration":
            return await self._configuration(scope, parameters)
        action = _ACTIONS[self._subtype]
        members = action.members(parameters)
        if action.service in _LOWER:
            members = {name[:1].lower() + name[1:]: value for name, value in members.items()}
        response = await self._calls.json(scope, action.service, action.target, members, action.version)
        return response

    async def _configuration(self, scope: Scope, parameters: Parameters) -> Response:
        names = ("Application", "Environment", "Configuration")
        application, environment, configuration = (quote(parameters.get(name, ""), safe="") for name in names)
        path = f"/applications/{application}/environments/{environment}/configurations/{configuration}"
        query = {
            "client_id": parameters.get("ClientId"),
            "client_configuration_version": parameters.get("ClientConfigurationVersion"),
        }
        text = urlencode({name: value for name, value in query.items() if value})
        return await self._calls.send(scope, "appconfig", "GET", path, text)


def _answered(response: Response) -> Response:
    """The service's answer as the client gets it: its body, its status, and the type of that body."""
    kind = next((value for name, value in response.headers if name == "content-type"), "application/json")
    if kind.startswith("application/x-amz-json"):
        kind = "application/json"
    return Response(response.status, [("content-type", kind)], response.body)


def _account_of(arn: str | None) -> str:
    """Whose role it is; of `arn:aws:iam::*:user/*` (the caller's own identity) nobody's in particular."""
    account = (arn or "").split(":")[4] if (arn or "").count(":") >= 5 else ""
    return account if account.isdecimal() else ""
