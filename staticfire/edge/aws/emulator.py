"""The emulator behind the edge, as the edge's own parts call it: any service, as any account, in any region.

Works on whatever speaks AWS's protocols at `base_url` and reads the account from a 12-digit access key
(MiniStack, LocalStack, moto).
"""

from __future__ import annotations

import json as jsonlib
import logging
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import orjson

from staticfire.edge.http1.client import Client, ClientResponse
from staticfire.edge.http1.hop_by_hop import end_to_end
from staticfire.edge.http1.messages import ConnectError, ConnectionBroken, Request, Response
from staticfire.edge.http1.raw import request_as_it_came

from .calls import FORM, AwsError, Scope, anonymous_authorization

log = logging.getLogger(__name__)

_VERSIONS = {
    "autoscaling": "2011-01-01",
    "cloudformation": "2010-05-15",
    "ec2": "2016-11-15",
    "elasticloadbalancing": "2015-12-01",
    "email": "2010-12-01",
    "iam": "2010-05-08",
    "monitoring": "2010-08-01",
    "rds": "2014-10-31",
    "sns": "2010-03-31",
    "sqs": "2012-11-05",
    "sts": "2011-06-15",
}


# Up to this size a body goes on in one piece.
SMALL = 64 * 1024


class Emulator:
    """`name` and `log` are for the errors: which program did not answer and where it says why."""

    def __init__(self, base_url: str, client: Client, *, name: str = "the emulator", log: str = "") -> None:
        self.base_url = base_url.rstrip("/")
        self.client = client
        self.name = name
        self.log = log
        self.ended = ""  # how it ended, once that is known

    async def rest(self, scope: Scope, service: str, method: str, path: str, body: object = None) -> Any:
        """A REST-JSON operation; its answer's document, None where there is none."""
        data = b"" if body is None else jsonlib.dumps(body).encode()
        headers = [("content-type", "application/json")] if data else []
        answer = await self.checked(await self.raw(scope, service, method, path, headers, data))
        return jsonlib.loads(answer) if answer else None

    async def json(
        self, scope: Scope, service: str, target: str, body: Mapping[str, object], version: str = "1.1"
    ) -> dict[str, Any]:
        """A JSON operation; `target` is X-Amz-Target's value."""
        headers = [("content-type", f"application/x-amz-json-{version}"), ("x-amz-target", target)]
        data = orjson.dumps(body)
        answer = await self.checked(await self.raw(scope, service, "POST", "/", headers, data))
        document: dict[str, Any] = orjson.loads(answer) if answer else {}
        return document

    async def query(
        self, scope: Scope, service: str, action: str, params: Mapping[str, str], *, token: str = ""
    ) -> ElementTree.Element:
        """A query operation; its answer's root element, names as sent (with their namespace)."""
        form = {"Action": action, "Version": _VERSIONS.get(service, ""), **params}
        headers = [("content-type", FORM), *([("x-amz-security-token", token)] if token else [])]
        data = urlencode({name: value for name, value in form.items() if value or name != "Version"}).encode()
        return ElementTree.fromstring(await self.checked(await self.raw(scope, service, "POST", "/", headers, data)))

    async def account_of(self, access_key: str, region: str, token: str) -> str:
        """The account that a session key belongs to. An emulator that checks signatures tells it of the key alone."""
        root = None
        try:
            root = await self.query(Scope(access_key, region), "sts", "GetCallerIdentity", {}, token=token)
        except AwsError as error:
            if error.status >= 500:
                raise
        if root is None:
            root = await self.query(Scope(region=region), "sts", "GetAccessKeyInfo", {"AccessKeyId": access_key})
        return next((element.text or "" for element in root.iter() if element.tag.endswith("Account")), "")

    async def forward(self, scope: Scope, service: str, request: Request) -> Response:
        """Somebody's own request, and its answer: the bytes that came, where they do not belong to one connection."""
        if (data := request_as_it_came(request)) is not None:
            answer = await self._sent(service, self.client.pass_on(request.method, self.base_url, data))
        else:
            answer = await self._taken_apart(scope, service, request)
        if not answer.arrived:
            return Response(answer.status, end_to_end(answer.headers), answer.stream())
        if answer.raw:
            answer.close()
            return Response(answer.status, raw=answer.raw)
        return Response(answer.status, end_to_end(answer.headers), await self.whole(answer))

    async def _taken_apart(self, scope: Scope, service: str, request: Request) -> ClientResponse:
        length = request.headers.get("content-length")
        whole = int(length) <= SMALL if length else "transfer-encoding" not in request.headers
        body = await request.body() if whole else request.stream()
        headers = end_to_end(request.headers)
        return await self.raw(scope, service, request.method, request.target, headers, body, as_is=True)

    async def at(self, target: str, service: str, request: Request, limit: int) -> Response:
        """The answer to somebody's request at another address of the emulator, which does not see its Host."""
        headers = [(name, value) for name, value in end_to_end(request.headers) if name.lower() != "host"]
        body = await request.body(limit)
        answer = await self.raw(Scope(), service, request.method, target, headers, body, as_is=True)
        return Response(answer.status, end_to_end(answer.headers), await self.whole(answer))

    async def raw(
        self,
        scope: Scope,
        service: str,
        method: str,
        target: str,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes | AsyncIterator[bytes] = b"",
        *,
        as_is: bool = False,
    ) -> ClientResponse:
        """Any request; whatever status comes back. It is signed for the scope unless it is already, or goes `as_is`."""
        sent = list(headers)
        if not as_is and not any(name.lower() == "authorization" for name, _ in sent):
            sent.append(("authorization", anonymous_authorization(scope, service)))
        return await self._sent(service, self.client.request(method, self.base_url, target, sent, body))

    async def _sent(self, service: str, response: Awaitable[ClientResponse]) -> ClientResponse:
        try:
            return await response
        except ConnectError as refused:
            raise self.unreachable(f"does not answer: {refused}") from refused
        except ConnectionBroken as broken:
            raise self.unreachable(f"broke off a call to {service}: {broken}") from broken

    def unreachable(self, what: str) -> AwsError:
        """What a caller gets when the emulator is not there."""
        log = f" Its log: {self.log}." if self.log else ""
        message = f"{self.name} {self.ended or what}.{log} See 'staticfire status'; 'staticfire up' restarts it."
        return AwsError(503, "ServiceUnavailable", message)

    async def whole(self, response: ClientResponse) -> bytes:
        """The answer's body."""
        try:
            return await response.read()
        except ConnectionBroken as error:
            raise self.unreachable(f"broke off its answer: {error}") from error

    async def checked(self, response: ClientResponse) -> bytes:
        """The body of an answer that says all is well; its error else."""
        data = await self.whole(response)
        if response.status >= 300:
            raise _error(response, data)
        return data


def _error(response: ClientResponse, data: bytes) -> AwsError:
    """The emulator's error: code and message, from JSON or XML."""
    code = response.headers.get("x-amzn-errortype")
    message = ""
    try:
        if data.lstrip().startswith(b"<"):
            for element in ElementTree.fromstring(data).iter():
                name = element.tag.rpartition("}")[2]
                if name == "Code" and not code:
                    code = element.text or ""
                elif name == "Message" and not message:
                    message = element.text or ""
        elif data.lstrip().startswith(b"{"):
            document = jsonlib.loads(data)
            code = code or str(document.get("__type") or document.get("code") or "")
            message = str(document.get("message") or document.get("Message") or "")
    except (ElementTree.ParseError, ValueError) as error:
        log.info("an error that is not a document of AWS's (%s): %r", error, data[:500])
    code = code.partition(":")[0].rpartition("#")[2]
    text = data[:500].decode("utf-8", "replace")
    return AwsError(response.status, code or "InternalFailure", message or text or f"status {response.status}")
