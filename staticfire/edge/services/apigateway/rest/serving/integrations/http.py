"""HTTP and HTTP_PROXY: a server at a URL.

https://docs.aws.amazon.com/apigateway/latest/developerguide/setup-http-integrations.html: with HTTP_PROXY the request
goes along as it is, and mapped parameters beside it; some headers of the answer come back as `x-amzn-Remapped-...`.
With HTTP only what is mapped goes along, and the answer goes through the integration responses.
"""

from __future__ import annotations

import asyncio
import re
import time
from urllib.parse import quote, urlencode, urlsplit

from staticfire.edge.http1.client import Client
from staticfire.edge.http1.head import BadHead
from staticfire.edge.http1.messages import BodyTooLarge, HeaderList, Response
from staticfire.edge.services.apigateway.common.limits import MAX_BODY
from staticfire.edge.services.apigateway.common.texts import with_stage_variables
from staticfire.edge.services.apigateway.rest.serving.compiled import ApiSettings, Json
from staticfire.edge.services.apigateway.rest.serving.exchange import RestExchange
from staticfire.edge.services.apigateway.rest.serving.execution_log import received, sent
from staticfire.edge.services.apigateway.rest.serving.gateway_responses import internal, timed_out, unreachable
from staticfire.edge.services.apigateway.rest.serving.header_rules import for_client, for_server
from staticfire.edge.services.apigateway.rest.serving.media_types import response_payload
from staticfire.edge.services.apigateway.rest.serving.parameters import (
    EndpointAnswer,
    MappedParameters,
    RequestParameters,
)

from .answers import ResponseMapper
from .lambda_proxy import seconds
from .payloads import RequestMapper

_PLACE = re.compile(r"\{([^}]+)\}")
_NOT_PASSED = frozenset(("host", "content-encoding", "via"))
_NO_BODY = ("GET", "HEAD", "OPTIONS")


class _Endpoint:
    """The server of an integration."""

    def __init__(self, integration: Json, client: Client) -> None:
        self._uri = integration.get("uri") or ""
        self._method = integration.get("httpMethod") or "ANY"
        self._seconds = seconds(integration)
        self._client = client

    def method(self, exchange: RestExchange) -> str:
        return exchange.verb if self._method == "ANY" else self._method

    async def ask(
        self,
        exchange: RestExchange,
        path: dict[str, str],
        query: list[tuple[str, str]],
        headers: HeaderList,
        body: bytes,
    ) -> EndpointAnswer:
        try:
            url = urlsplit(self._url(exchange, path))
        except ValueError as error:
            exchange.integration_error = f"{self._uri} is not the address of a server: {error}"
            raise internal("Invalid endpoint address") from error
        if url.scheme not in ("http", "https") or not url.hostname:
            exchange.integration_error = f"{self._uri} is not the address of a server"
            raise internal("Invalid endpoint address")
        text = "&".join(part for part in (url.query, urlencode(query, quote_via=quote)) if part)
        target = (url.path or "/") + (f"?{text}" if text else "")
        sent(exchange, f"{url.scheme}://{url.netloc}{target}", headers, body)
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self._seconds):
                answer = await self._client.request(
                    self.method(exchange), f"{url.scheme}://{url.netloc}", target, headers, body
                )
                data = await answer.read(MAX_BODY)
        except TimeoutError as error:
            exchange.integration_error = f"{url.netloc} has not answered within {self._seconds:g} s"
            raise timed_out(exchange.integration_error) from error
        except BodyTooLarge as error:
            exchange.integration_error = f"{url.netloc} answered more than {MAX_BODY} bytes"
            raise internal(exchange.integration_error) from error
        except BadHead as error:
            exchange.integration_error = f"the request cannot be sent to {url.netloc}: {error}"
            raise internal(exchange.integration_error) from error
        except (OSError, ValueError) as error:
            exchange.integration_error = f"{url.netloc} cannot be reached: {error}"
            raise unreachable(exchange.integration_error) from error
        finally:
            exchange.integration_latency = round((time.perf_counter() - started) * 1000)
        exchange.endpoint_status = exchange.integration_status = answer.status
        received(exchange, answer.status, answer.headers.items(), data)
        return EndpointAnswer(answer.status, answer.headers.items(), data)

    def _url(self, exchange: RestExchange, path: dict[str, str]) -> str:
        text = with_stage_variables(self._uri, exchange.stage_variables)
        return _PLACE.sub(lambda place: _filled(place, path), text)


def _filled(place: re.Match[str], path: dict[str, str]) -> str:
    return path.get(place[1], path.get(place[1].removesuffix("+"), place[0]))


class HttpProxyResponder:
    def __init__(self, integration: Json, settings: ApiSettings, client: Client) -> None:
        self._endpoint = _Endpoint(integration, client)
        self._parameters = RequestParameters(integration.get("requestParameters") or {}, to_aws=False)
        self._binary = settings.binary_media_types

    async def respond(self, exchange: RestExchange) -> Response:
        mapped = self._parameters.map(exchange)
        set_names = {name.lower() for name in mapped.header}
        headers = [
            (name, value)
            for name, value in exchange.seen_headers()
            if name.lower() not in _NOT_PASSED and name.lower() not in set_names
        ]
        headers += [*for_server(list(mapped.header.items())), ("X-Amzn-Apigateway-Api-Id", exchange.api_id)]
        if not any(name.lower() == "user-agent" for name, _ in headers):
            headers.append(("User-Agent", f"AmazonAPIGateway_{exchange.api_id}"))
        query = [*exchange.query, *mapped.querystring.items()]
        exchange.passes_trace = True
        answer = await self._endpoint.ask(exchange, mapped.path, query, headers, exchange.body)
        kind, accept = answer.header("content-type"), exchange.header("accept")
        body = response_payload(answer.body, kind, accept, None, self._binary)
        return Response(answer.status, for_client(answer.headers, passed=True), body)


class RestHttpResponder:
    def __init__(self, integration: Json, client: Client, request: RequestMapper, response: ResponseMapper) -> None:
        self._endpoint = _Endpoint(integration, client)
        self._request = request
        self._response = response

    async def respond(self, exchange: RestExchange) -> Response:
        request = await self._request.map(exchange)
        method = self._endpoint.method(exchange)
        body = b"" if method in _NO_BODY else request.payload
        answer = await self._endpoint.ask(
            exchange,
            request.mapped.path,
            list(request.mapped.querystring.items()),
            _headers(exchange, request.mapped, method),
            body,
        )
        return await self._response.map(exchange, answer, str(answer.status))


def _headers(exchange: RestExchange, mapped: MappedParameters, method: str) -> HeaderList:
    """Nothing of the client's goes along but what is mapped, and its content type."""
    headers = for_server(list(mapped.header.items()))
    names = {name.lower() for name, _ in headers}
    defaults = [("Accept", "application/json"), ("User-Agent", f"AmazonAPIGateway_{exchange.api_id}")]
    kind = exchange.request.headers.get("content-type")
    if kind and method not in _NO_BODY:
        defaults.append(("Content-Type", kind))
    headers += [(name, value) for name, value in defaults if name.lower() not in names]
    return [*headers, ("X-Amzn-Trace-Id", exchange.trace_id), ("X-Amzn-Apigateway-Api-Id", exchange.api_id)]
