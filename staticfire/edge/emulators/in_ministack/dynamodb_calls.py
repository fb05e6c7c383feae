"""DynamoDB's calls go straight from the connection to its handler, past all that MiniStack asks of a request first.

Of a GetItem, two thirds were not DynamoDB's: a task of its own, thirty questions whether the request is for some other
service, headers made twice. A call that is plainly DynamoDB's is answered where its last byte is read, with the same
headers. Whatever is not plain (signatures are checked, a trail is recorded, a host of another service, a coded body)
goes the way that it went.
"""

from __future__ import annotations

import base64
import contextvars
import json
import os
import re
import time
from email.utils import formatdate
from functools import lru_cache
from types import ModuleType
from typing import Any
from zlib import crc32

TARGET = b"DynamoDB_20120810."
_CREDENTIAL = re.compile(rb"AWS4-HMAC-SHA256 Credential=([^/,]+)/\d{8}/([^/,]+)/dynamodb/aws4_request(?:,|$)")
# Hosts that are nobody else's: an address, one label, DynamoDB's own names.
_OUR_HOST = re.compile(
    rb"(?:[0-9.]+|\[[0-9a-f:]+\]|[a-z0-9-]+|(?:[0-9]{12}\.ddb|dynamodb)\.[a-z0-9.-]+)(?::\d+)?", re.I
)
_CODED = (b"transfer-encoding", b"content-encoding", b"expect", b"upgrade")
_CORS = (
    b"Access-Control-Allow-Origin: *\r\n"
    b"Access-Control-Allow-Methods: GET, POST, PUT, DELETE, HEAD, OPTIONS, PATCH\r\n"
    b"Access-Control-Allow-Headers: *\r\n"
    b"Access-Control-Expose-Headers: *\r\n"
)

# What is passed by, and what it is passed by for: a change of any of these is to be looked at.
_PASSED_BY = {
    "app": "ab1297bd6cd59811",
    "_get_reset_lock": "4e96ff36110cb97a",
    "_with_date_header": "d5e0f710aa4c155e",
    "_read_request_body": "2b85f2bcd699594c",
    "_handle_pre_body_request": "827a7ae1d52694b6",
    "_handle_post_body_shortcuts": "950ae5cb53a4d007",
    "_handle_special_data_plane_request": "011e0dfba6d86597",
    "_dispatch_service_request": "17e5ef6dcfa0d4e6",
    "_maybe_record_cloudtrail": "9bad8a7596f9c207",
    "_send_response": "316290fa1412913f",
    "_asgi_header_list": "2d6c90abbccc9049",
}
# Calls on items, which make up a load; by MiniStack's own handler each of them is looked up in a table made for it.
_ON_ITEMS = {
    "GetItem": "_get_item",
    "PutItem": "_put_item",
    "UpdateItem": "_update_item",
    "DeleteItem": "_delete_item",
    "Query": "_query",
    "Scan": "_scan",
    "BatchGetItem": "_batch_get_item",
    "BatchWriteItem": "_batch_write_item",
    "TransactGetItems": "_transact_get_items",
    "TransactWriteItems": "_transact_write_items",
}
_HANDLER = {"handle_request": "1201f2ac993ce1a0"}
_UVICORN = {
    "on_headers_complete": "1ea8589acfad92d8",
    "on_body": "dba9c32aeba35b6a",
    "on_message_complete": "1fbad42dc31fc01f",
    "on_response_complete": "64e254f28e389e76",
}


class StraightCalls:
    """What answers a call, given its operation, its credential and its body."""

    def __init__(self, upstream: ModuleType, keeper: Any) -> None:
        from ministack import app
        from ministack.core import responses
        from ministack.services import dynamodb

        upstream.unchanged(app, _PASSED_BY)
        upstream.unchanged(dynamodb, _HANDLER)
        self._app, self._responses, self._keeper = app, responses, keeper
        self._dynamodb = app._get_module("dynamodb")
        self._on_items = {operation: getattr(self._dynamodb, name) for operation, name in _ON_ITEMS.items()}

    def takes(self) -> bool:
        """Whether calls may be answered here at all, as things are now."""
        lock = self._app._reset_lock
        return not (
            self._app.AUTH
            or (lock is not None and lock.locked())
            or "cloudtrail" in self._app._loaded_modules
            or os.environ.get("CLOUDTRAIL_RECORDING", "0") == "1"
        )

    def answer(self, target: bytes, key: str, region: str, client: str, body: bytes) -> bytes:
        """The whole answer; account and region hold in this call alone."""
        return contextvars.copy_context().run(self._answer, target.decode("latin-1"), key, region, client, body)

    def _answer(self, target: str, key: str, region: str, client: str, body: bytes) -> bytes:
        responses = self._responses
        responses.set_request_client_ip(client)
        responses.set_request_account_id(key)
        responses.set_request_region(region)
        operation = target.rpartition(".")[2]
        self._keeper.note("dynamodb", operation)
        try:
            status, headers, content = self._handled(target, operation, body)
        except Exception as error:
            self._app.logger.exception("Error handling %s request: %s", "dynamodb", error)
            failed = json.dumps({"__type": "InternalError", "message": str(error)}).encode()
            return _rendered(500, {"Content-Type": "application/json"}, b"", failed)
        responses.fix_error_content_type("dynamodb", status, headers)
        responses.fix_success_content_type("dynamodb", status, headers)
        drawn = os.urandom(64)
        request = _uuid(drawn[:16])
        more = b"%bx-amzn-requestid: %b\r\nx-amz-request-id: %b\r\nx-amz-id-2: %b\r\n" % (
            _CORS,
            request,
            request,
            base64.b64encode(drawn[16:]),
        )
        return _rendered(status, headers, more, content if isinstance(content, bytes) else content.encode())

    def _handled(self, target: str, operation: str, body: bytes) -> tuple[int, dict[str, str], Any]:
        handler = self._on_items.get(operation)
        if handler is not None:
            try:
                request = json.loads(body) if body else {}
            except json.JSONDecodeError:
                handler = None  # MiniStack says what is wrong with it
        if handler is not None:
            status, headers, content = handler(request)
            content = content if isinstance(content, bytes) else content.encode()
            headers["x-amz-crc32"] = str(crc32(content))
            return status, headers, content
        handling = self._dynamodb.handle_request("POST", "/", {"x-amz-target": target}, body, {})
        try:
            handling.send(None)
        except StopIteration as end:
            answered: tuple[int, dict[str, str], Any] = end.value
            return answered
        handling.close()
        raise RuntimeError("MiniStack's DynamoDB waits for something: it can be answered by tasks only")


def _uuid(drawn: bytes) -> bytes:
    """As uuid.uuid4, of these bytes."""
    text = drawn.hex()
    variant = "89ab"[drawn[8] >> 4 & 3]
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{variant}{text[17:20]}-{text[20:]}".encode()


def _rendered(status: int, headers: dict[str, str], more: bytes, content: bytes) -> bytes:
    from uvicorn.protocols.http.httptools_impl import STATUS_LINE

    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode("latin-1")
    length = b"Content-Length: %d\r\ndate: %b\r\n\r\n" % (len(content), _date(int(time.time())))
    return b"".join((STATUS_LINE[status], lines, more, length, content))


@lru_cache(1)
def _date(seconds: int) -> bytes:
    return formatdate(seconds, usegmt=True).encode()


@lru_cache(1024)
def _credential(authorization: bytes) -> tuple[str, str] | None:
    """Access key and region, as the beginning of the header has them."""
    match = _CREDENTIAL.match(authorization)
    return (match[1].decode("latin-1"), match[2].decode("latin-1")) if match else None


@lru_cache(1024)
def _is_ours(host: bytes) -> bool:
    return bool(_OUR_HOST.fullmatch(host))


class PlainCall:
    """A call whose body is being read."""

    __slots__ = ("body", "key", "length", "region", "target")

    def __init__(self, target: bytes, key: str, region: str, length: int) -> None:
        self.target, self.key, self.region, self.length = target, key, region, length
        self.body: list[bytes] = []


def plain(headers: list[tuple[bytes, bytes]]) -> PlainCall | None:
    """The call that these headers begin, if they are of one that is plainly DynamoDB's."""
    target = host = authorization = length = b""
    for name, value in headers:
        if name == b"x-amz-target":
            target = value
        elif name == b"host":
            host = value
        elif name == b"authorization":
            authorization = value
        elif name == b"content-length":
            length = value
        elif name in _CODED or (name == b"x-amz-content-sha256" and value.startswith(b"STREAMING-")):
            return None
    if not target.startswith(TARGET) or target.count(b".") != 1 or not length.isdigit() or not _is_ours(host):
        return None
    credential = _credential(authorization[: authorization.find(b",") + 1] or authorization)
    return PlainCall(target, *credential, int(length)) if credential else None


def protocol_of(upstream: ModuleType, base: Any, calls: StraightCalls) -> Any:
    """uvicorn's protocol, which answers such calls itself."""
    upstream.unchanged(base, _UVICORN)

    class Protocol(base):  # type: ignore[misc]
        _call: PlainCall | None = None

        def on_headers_complete(self) -> None:
            free = self.cycle is None or self.cycle.response_complete
            if (
                free
                and not self.pipeline
                and self.url == b"/"
                and self.parser.get_method() == b"POST"
                and self.parser.get_http_version() == "1.1"
                and self.parser.should_keep_alive()
                and calls.takes()
            ):
                self._call = plain(self.headers)
            if self._call is None:
                super().on_headers_complete()

        def on_body(self, body: bytes) -> None:
            if self._call is None:
                super().on_body(body)
            else:
                self._call.body.append(body)

        def on_message_complete(self) -> None:
            call, self._call = self._call, None
            if call is None:
                super().on_message_complete()
                return
            client = self.client[0] if self.client else "127.0.0.1"
            self.transport.write(calls.answer(call.target, call.key, call.region, client, b"".join(call.body)))
            self.on_response_complete()

    return Protocol
