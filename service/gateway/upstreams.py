"""The two kinds of upstreams: another server over HTTP, and a function of this account by Lambda's Invoke.

Either gets the client's request without what belongs to one connection only (hop-by-hop headers) and without the
gateway's own credentials. Who is calling is in headers that no client can set: `x-authenticated-user` (percent-encoded
UTF-8), `x-request-id`, `x-forwarded-host`; X-Forwarded-For and -Proto are the HTTP API's. A function gets the event
that an HTTP API of its own would send (payload format 2.0), with the route's key and variables."""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from servicekit.clients import client, credentials
from servicekit.http import Event

from gateway.configuration import Upstream
from gateway.routing import encoded, encoded_query
from gateway.wire import Failed, Reply, Wire

HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
MADE_ANEW = {"content-length", "expect", "host"}
IDENTITY = {"x-authenticated-user", "x-forwarded-host", "x-request-id"}


@dataclass(frozen=True, slots=True)
class Call:
    """What goes to an upstream. `path` is decoded, `headers` have lower-case names, `key` is the route's."""

    event: Event
    method: str
    key: str
    path: str
    parameters: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


class Exchange(Protocol):
    def __call__(self, call: Call, seconds: float) -> Reply:
        """The upstream's answer; raises Failed when there is none in time."""


def exchange_of(upstream: Upstream) -> Exchange:
    if upstream.url is not None:
        return Server(upstream.url)
    assert upstream.function is not None
    return Function(upstream.function)


class Server:
    def __init__(self, url: str) -> None:
        self._wire = Wire(url)
        self._base = urlsplit(url).path

    def __call__(self, call: Call, seconds: float) -> Reply:
        query = call.event.get("rawQueryString") or ""
        target = f"{self._base}{encoded(call.path)}{'?' if query else ''}{encoded_query(query)}"
        return self._wire.exchange(call.method, target, call.headers, call.body, seconds)


class Function:
    """By a signed request of our own: a client of boto3 has a time-out for each read, not one for the whole answer."""

    def __init__(self, name: str) -> None:
        meta = client("lambda").meta
        self._signer = SigV4Auth(credentials(), "lambda", meta.region_name)
        self._endpoint = meta.endpoint_url
        self._wire = Wire(self._endpoint)
        self._path = f"/2015-03-31/functions/{name}/invocations"

    def __call__(self, call: Call, seconds: float) -> Reply:
        payload = json.dumps(_event_of(call)).encode()
        request = AWSRequest("POST", self._endpoint + self._path, {"content-type": "application/json"}, payload)
        self._signer.add_auth(request)
        headers = {name.lower(): value for name, value in request.headers.items()}
        reply = self._wire.exchange("POST", self._path, headers, payload, seconds)
        if reply.status != 200:
            problem = f"Invoke: {reply.status} {reply.body[:500].decode('utf-8', 'replace')}"
            raise Failed(problem, may_have_acted=reply.status >= 500)
        if any(name == "x-amz-function-error" for name, _ in reply.headers):
            return Reply(500, [("content-type", "application/json")], b'{"message":"Internal Server Error"}')
        try:
            return _reply_of(json.loads(reply.body))
        except (AttributeError, TypeError, ValueError, binascii.Error) as error:
            raise Failed(f"the function's answer is not one of an HTTP API: {error}", may_have_acted=True) from error


def forwarded_headers(event: Event, user: str | None, *, is_ours: Mapping[str, bool]) -> dict[str, str]:
    """The client's headers as an upstream gets them. `is_ours`: which credentials were the gateway's own."""
    received: Mapping[str, str] = event["headers"]
    context = event["requestContext"]
    left_out = HOP_BY_HOP | MADE_ANEW | IDENTITY | _listed(received)
    headers = {
        name: value
        for name, value in received.items()
        # Servers that put headers into variables, as CGI and WSGI do, tell no underscore from a hyphen.
        if not {name, name.replace("_", "-")} & left_out and not is_ours.get(name, False)
    }
    cookies = [cookie for cookie in event.get("cookies") or () if not is_ours.get(cookie.partition("=")[0], False)]
    if cookies:
        headers["cookie"] = "; ".join(cookies)
    headers["x-request-id"] = context["requestId"]
    headers["x-forwarded-host"] = received.get("host", context["domainName"])
    if user is not None:
        headers["x-authenticated-user"] = quote(user)
    return headers


def answered_headers(reply: Reply) -> tuple[dict[str, str], list[str]]:
    """The upstream's headers as the client gets them, and the cookies that it sets."""
    left_out = HOP_BY_HOP | {"content-length"} | _listed(dict(reply.headers))
    headers: dict[str, str] = {}
    cookies = []
    for name, value in reply.headers:
        if name == "set-cookie":
            cookies.append(value)
        elif name not in left_out:
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers, cookies


def _listed(headers: Mapping[str, str]) -> set[str]:
    """Headers that `Connection` names belong to the connection as well."""
    return {name.strip().lower() for name in headers.get("connection", "").split(",")}


def _event_of(call: Call) -> dict[str, Any]:
    context = call.event["requestContext"]
    stage = context["stage"]
    raw_path = (call.path if stage == "$default" else f"/{stage}{call.path}").replace("%", "%25")
    headers = {name: value for name, value in call.headers.items() if name != "cookie"}
    event = {
        **call.event,
        "routeKey": call.key,
        "rawPath": raw_path,
        "headers": {**headers, "host": context["domainName"], "content-length": str(len(call.body))},
        "pathParameters": dict(call.parameters),
        "requestContext": {**context, "routeKey": call.key, "http": {**context["http"], "path": raw_path}},
    }
    event.pop("cookies", None)
    if "cookie" in call.headers:
        event["cookies"] = call.headers["cookie"].split("; ")
    if not call.parameters:
        del event["pathParameters"]
    return event


def _reply_of(answer: Any) -> Reply:
    """As an HTTP API reads what a function returns."""
    if not isinstance(answer, dict) or "statusCode" not in answer:
        return Reply(200, [("content-type", "application/json")], json.dumps(answer).encode())
    body = answer.get("body") or ""
    content = base64.b64decode(body) if answer.get("isBase64Encoded") else body.encode()
    headers = [(name.lower(), str(value)) for name, value in (answer.get("headers") or {}).items()]
    cookies: Sequence[str] = answer.get("cookies") or ()
    return Reply(int(answer["statusCode"]), headers + [("set-cookie", cookie) for cookie in cookies], content)
