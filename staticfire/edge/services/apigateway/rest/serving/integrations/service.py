"""AWS: an operation of a service, as `arn:aws:apigateway:REGION:SERVICE:action/...` or `...:path/...` names it.

`path/` is a path of the service (`s3:path/bucket/key`, `sqs:path/ACCOUNT/QUEUE`). `action/` is an operation: in
X-Amz-Target for services that speak JSON, `Action` in the query for those that speak the query protocol. The call goes
through the edge's own router, signed for the account of the role in `credentials`: whatever listens to writes hears of
it. A call is not sent twice.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from staticfire.edge.aws.calls import FORM, AwsError, Scope
from staticfire.edge.aws.models import UnknownName, model, single_model
from staticfire.edge.http1.messages import Response
from staticfire.edge.services.apigateway.common.service_calls import ServiceCalls
from staticfire.edge.services.apigateway.common.texts import with_stage_variables
from staticfire.edge.services.apigateway.rest.serving.compiled import Json
from staticfire.edge.services.apigateway.rest.serving.exchange import RestExchange
from staticfire.edge.services.apigateway.rest.serving.execution_log import received, sent
from staticfire.edge.services.apigateway.rest.serving.gateway_responses import internal, timed_out, unreachable
from staticfire.edge.services.apigateway.rest.serving.parameters import EndpointAnswer, MappedParameters

from .answers import ResponseMapper
from .lambda_proxy import seconds
from .payloads import RequestMapper
from .query_json import in_json

_URI = re.compile(
    r"arn:aws[a-z-]*:apigateway:(?P<region>[a-z0-9-]+):(?:(?P<host>[^:.]+)\.)?(?P<service>[a-z0-9-]+)"
    r":(?P<kind>path|action)/(?P<rest>.*)",
    re.DOTALL,
)
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}|\*):")
_PLACE = re.compile(r"\{([^}]+)\}")
_SIGNED_AS = {"email": "ses", "streams.dynamodb": "dynamodb"}


@lru_cache(64)
def _metadata(service: str) -> Mapping[str, Any]:
    """What AWS's model says of a service: its protocol, its version, the prefix of its targets; nothing of no model."""
    try:
        if service == "streams.dynamodb":  # signed as DynamoDB, and another one's targets
            return single_model("dynamodbstreams").metadata
        return model(_SIGNED_AS.get(service, service)).metadata
    except UnknownName:
        return {}


class ServiceCall(NamedTuple):
    scope: Scope
    service: str
    method: str
    path: str
    query: str
    headers: list[tuple[str, str]]
    body: bytes


class AwsServiceResponder:
    def __init__(
        self,
        integration: Json,
        scope: Scope,
        services: ServiceCalls,
        request: RequestMapper,
        response: ResponseMapper,
    ) -> None:
        self._uri = integration.get("uri") or ""
        self._method = integration.get("httpMethod") or ""
        self._credentials = integration.get("credentials") or ""
        self._seconds = seconds(integration)
        self._scope = scope
        self._services = services
        self._request = request
        self._response = response

    async def respond(self, exchange: RestExchange) -> Response:
        request = await self._request.map(exchange)
        call = self._call(exchange, request.mapped, request.payload)
        sent(exchange, self._uri, call.headers, call.body)
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self._seconds):
                response = await self._services.send(*call)
        except TimeoutError as error:
            exchange.integration_error = f"{self._uri} has not answered within {self._seconds:g} s"
            raise timed_out(exchange.integration_error) from error
        except (OSError, AwsError) as error:
            exchange.integration_error = f"{self._uri} cannot be called: {error}"
            raise unreachable(exchange.integration_error) from error
        finally:
            exchange.integration_latency = round((time.perf_counter() - started) * 1000)
        assert isinstance(response.body, bytes)
        answer = EndpointAnswer(response.status, response.headers, _in_json(call, response.body))
        received(exchange, answer.status, answer.headers, answer.body)
        exchange.endpoint_status = exchange.integration_status = answer.status
        exchange.integration_request_id = answer.header("x-amzn-requestid")
        return await self._response.map(exchange, answer, str(answer.status))

    def _call(self, exchange: RestExchange, mapped: MappedParameters, payload: bytes) -> ServiceCall:
        text = with_stage_variables(self._uri, exchange.stage_variables)
        uri = _URI.fullmatch(_PLACE.sub(lambda place: _filled(place[1], mapped, exchange), text))
        if uri is None:
            raise internal(f"Invalid endpoint address: {self._uri}")
        service, rest = uri["service"], uri["rest"]
        headers = {name.lower(): value for name, value in mapped.header.items()}
        query = urlencode(mapped.querystring, quote_via=quote)
        headers.setdefault("accept", "application/json")
        headers.setdefault("user-agent", f"AmazonAPIGateway_{exchange.api_id}")
        headers["x-amzn-trace-id"] = exchange.trace_id
        if payload:
            kind = exchange.request.headers.get("content-type") or "application/json"
            headers.setdefault("content-type", kind)
        path = f"/{rest}"
        if uri["kind"] == "action":
            path, query, payload = _action(service, rest, headers, query, payload)
        elif uri["host"] and service == "s3":
            path = f"/{uri['host']}/{rest}"
        path, _, more = path.partition("?")
        query = "&".join(part for part in (more, query) if part)
        owner = Scope(self._owner(exchange), uri["region"])
        signed = _SIGNED_AS.get(service, service)
        method = self._method if self._method and self._method != "ANY" else exchange.verb
        return ServiceCall(owner, signed, method, path, query, list(headers.items()), payload)

    def _owner(self, exchange: RestExchange) -> str:
        role = _ROLE.match(with_stage_variables(self._credentials, exchange.stage_variables))
        return role[1] if role and role[1] != "*" else self._scope.account


def _in_json(call: ServiceCall, body: bytes) -> bytes:
    accepts = any(name == "accept" and "json" in value for name, value in call.headers)
    return (in_json(call.service, body) if accepts else None) or body


def _action(service: str, rest: str, headers: dict[str, str], query: str, payload: bytes) -> tuple[str, str, bytes]:
    """Path, query and payload of an operation, in the protocol of its service."""
    name, _, more = rest.partition("&")
    query = "&".join(part for part in (more, query) if part)
    metadata = _metadata(service)
    protocol = metadata.get("protocol", "")
    as_form = headers.get("content-type", "").startswith(FORM)
    if metadata.get("targetPrefix") and not as_form and not _speaks_query(service, query, payload):
        headers.setdefault("x-amz-target", f"{metadata['targetPrefix']}.{name}")
        version = metadata.get("jsonVersion", "1.1")
        if not headers.get("content-type", "").startswith("application/x-amz-json"):
            headers["content-type"] = f"application/x-amz-json-{version}"
        return "/", query, payload or b"{}"
    form = "&".join(part for part in (f"Action={name}", f"Version={metadata.get('apiVersion', '')}", query) if part)
    if protocol in ("query", "ec2") or as_form:
        headers["content-type"] = FORM
        text = payload.decode("utf-8", "replace") if as_form else ""
        body = "&".join(part for part in (form, text) if part)
        return "/", "", body.encode()
    return "/", form, payload


def _speaks_query(service: str, query: str, payload: bytes) -> bool:
    """SQS takes both protocols: parameters in the query and no JSON are the older one."""
    return service == "sqs" and bool(query) and not payload.lstrip().startswith(b"{")


def _filled(name: str, mapped: MappedParameters, exchange: RestExchange) -> str:
    value = mapped.path.get(name)
    if value is None:
        raise internal(f"Invalid endpoint address: nothing is mapped to {{{name}}}")
    return value.lstrip("/") if name.endswith("+") else value
