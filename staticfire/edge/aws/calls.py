"""AWS API calls: who calls which operation of which service, and errors in the protocol that the caller speaks.

The caller's account and region are read from the signature's credential scope (`Authorization` header or presigned
query); signatures themselves are not checked. An access key of 12 digits is the account's number. A key that the edge
gave to a function is told by its check, and the account is passed on in its place. Another session key's account is
known to the emulator's STS, which is asked once; every other key belongs to the default account.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, Protocol
from urllib.parse import parse_qs, parse_qsl
from uuid import uuid4
from xml.sax.saxutils import escape

import cbor2

from staticfire.edge.http1.messages import Request, Response

from .access_keys import AccessKeys, Caller, show_account

DEFAULT_ACCOUNT = "000000000000"
DEFAULT_REGION = "us-east-1"
MAX_BODY = 128 * 1024 * 1024
MAX_KEYS = 4096

FORM = "application/x-www-form-urlencoded"


class Scope(NamedTuple):
    """Whose resources: an account's, in a region."""

    account: str = DEFAULT_ACCOUNT
    region: str = DEFAULT_REGION


class AwsError(Exception):
    """An error that AWS's SDKs understand; the router renders it in the caller's protocol."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
        fields: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})
        self.fields = dict(fields or {})


@dataclass(slots=True, eq=False)
class Call:
    """One AWS API call. `operation` comes from X-Amz-Target, the path (CBOR) or Action; REST services have none.

    `carried_out` is its name by AWS's model, whatever the protocol, where the edge carries it out by that. `root`,
    `span` and `parent` are its place in the trace of the invocation that makes it.
    """

    request: Request
    service: str
    scope: Scope
    operation: str | None = None
    caller: Caller | None = None  # a function, where it signed
    carried_out: str = ""
    execution_environment: str = ""
    root: str = ""
    span: str = ""
    parent: str = ""

    async def body(self) -> bytes:
        return await self.request.body(MAX_BODY)


class Service(Protocol):
    """An AWS service that the edge owns in part."""

    async def answer(self, call: Call) -> Response | None:
        """The edge's own answer, or None: the emulator's."""

    async def passed(self, call: Call, status: int) -> None:
        """A call went to the emulator and was answered: drop what it changed."""


# Who calls what.

# Unsigned JSON calls (Cognito's, curl's) name their service only in X-Amz-Target's prefix.
_TARGETS = {
    "dynamodb": "dynamodb",
    "dynamodbstreams": "dynamodb",
    "graniteserviceversion20100801": "monitoring",
    "logs": "logs",
    "awsevents": "events",
    "amazonsqs": "sqs",
    "amazonssm": "ssm",
    "trentservice": "kms",
    "awsstepfunctions": "states",
    "kinesis": "kinesis",
    "secretsmanager": "secretsmanager",
    "awscognitoidentityproviderservice": "cognito-idp",
}
_PATHS = (
    (re.compile(r"/\d{4}-\d\d-\d\d/(functions|event-source-mappings|layers|tags|account-settings)(/|$)"), "lambda"),
    (re.compile(r"/v2/(apis|domainnames|vpclinks|tags)(/|$)"), "apigateway"),
    (re.compile(r"/(restapis|apikeys|usageplans)(/|$)"), "apigateway"),
    (re.compile(r"/service/GraniteServiceVersion20100801/"), "monitoring"),
)
_HOST = re.compile(r"(?:^|\.)([a-z0-9-]+)(?:\.[a-z]{2}(?:-[a-z]+)+-\d)?\.(?:amazonaws\.com|localhost)(?:\.|:|$)")
_CBOR_PATH = re.compile(r"/service/[^/]+/operation/([^/]+)$")


class Callers:
    """Reads calls from requests. `account_of(key, region, token)` tells the account of a session key."""

    def __init__(self, account_of: Callable[[str, str, str], Awaitable[str]], access_keys: AccessKeys) -> None:
        self._account_of = account_of
        self._access_keys = access_keys
        self._sessions: dict[str, str] = {}

    async def call(self, request: Request) -> Call:
        key, region, service = _credential(request)
        account = key if len(key) == 12 and key.isdecimal() else DEFAULT_ACCOUNT
        caller, execution_environment = None, ""
        if key.startswith("ASIA"):
            execution_environment = self._access_keys.execution_environment(key)
            caller, given_for = self._access_keys.caller(key), self._access_keys.account(key)
            if given_for:
                show_account(request, key, given_for)
            account = given_for or await self._session_account(request, key, region)
        operation = await _operation(request)
        return Call(
            request,
            service or _guess(request),
            Scope(account, region or DEFAULT_REGION),
            operation,
            caller,
            execution_environment=execution_environment,
        )

    async def _session_account(self, request: Request, key: str, region: str) -> str:
        account = self._sessions.get(key)
        if account is None:
            token = request.headers.get("x-amz-security-token")
            try:
                account = await self._account_of(key, region or DEFAULT_REGION, token)
            except AwsError as error:
                if error.status >= 500:
                    raise
                return DEFAULT_ACCOUNT  # no session of this emulator
            if len(self._sessions) >= MAX_KEYS:
                self._sessions.clear()
            self._sessions[key] = account
        return account


def service_of(request: Request) -> str:
    """The service that a call is for: as its signature says, else as its headers and its path let one guess."""
    return _credential(request)[2] or _guess(request)


def _credential(request: Request) -> tuple[str, str, str]:
    """Access key, region and service as signed for; empty where nothing is signed."""
    authorization = request.headers.get("authorization")
    if authorization.startswith("AWS4-"):
        start = authorization.find("Credential=") + len("Credential=")
        end = authorization.find(",", start)
        credential = authorization[start : end if end >= 0 else None]
    elif "X-Amz-Credential=" in request.query:
        credential = parse_qs(request.query).get("X-Amz-Credential", [""])[0]
    elif authorization.startswith("AWS ") or "AWSAccessKeyId=" in request.query:
        key = parse_qs(request.query).get("AWSAccessKeyId", [authorization[4:].partition(":")[0]])[0]
        return key, "", "s3"
    else:
        return "", "", ""
    return _scope_of(credential)


@lru_cache(MAX_KEYS)
def _scope_of(credential: str) -> tuple[str, str, str]:
    """key/date/region/service/aws4_request; a signature for several regions (SigV4A) names none."""
    parts = credential.strip().split("/")
    if len(parts) >= 5:
        return "/".join(parts[:-4]), parts[-3], parts[-2]
    if len(parts) == 4:
        return parts[0], "", parts[2]
    return "", "", ""


async def _operation(request: Request) -> str | None:
    target = request.headers.get("x-amz-target")
    if target:
        return target.rpartition(".")[2]
    if request.headers.get("smithy-protocol") == "rpc-v2-cbor":
        path = _CBOR_PATH.search(request.path)
        return path[1] if path else None
    if request.query.startswith("Action=") or "&Action=" in request.query:
        return _action(request.query)
    if request.method == "POST" and request.headers.get("content-type").startswith(FORM):
        return _action((await request.body(MAX_BODY)).decode("latin-1"))
    return None


def _action(form: str) -> str | None:
    return next((value for name, value in parse_qsl(form) if name == "Action"), None)


def _guess(request: Request) -> str:
    """The service of a call that nobody signed; S3 when nothing tells (its paths are the user's own)."""
    prefix = request.headers.get("x-amz-target").partition(".")[0]
    if prefix:
        name = prefix.partition("_")[0].lower()
        return _TARGETS.get(name, name)
    for pattern, service in _PATHS:
        if pattern.match(request.path):
            return service
    host = _HOST.search(request.headers.get("host").lower())
    return host[1] if host else "s3"


# Errors as the caller's SDK reads them.

# Lambda spells the message's name in two ways: these have it in lower case.
_LAMBDA_LOWER = frozenset(
    f"{name}Exception"
    for name in (
        "InvalidParameterValue",
        "InvalidRequestContent",
        "PreconditionFailed",
        "ProvisionedConcurrencyConfigNotFound",
        "RequestTooLarge",
        "ResourceConflict",
        "ResourceNotReady",
        "TooManyRequests",
        "UnsupportedMediaType",
    )
)

# What stands before Lambda tells a message alone.
_LAMBDA_PLAIN = frozenset(("AccessDeniedException", "RequestEntityTooLargeException", "ValidationException"))


def error_response(error: AwsError, call: Call) -> Response:
    """The error in the protocol of the call."""
    request = call.request
    request_id = str(uuid4())
    headers = [("x-amzn-requestid", request_id), *error.headers.items()]
    document: dict[str, object]
    kind = request.headers.get("content-type").partition(";")[0]
    if request.headers.get("smithy-protocol") == "rpc-v2-cbor":
        document = {"__type": error.code, "message": error.message}
        headers += [("content-type", "application/cbor"), ("smithy-protocol", "rpc-v2-cbor")]
        return Response(error.status, headers, cbor2.dumps(document))
    if request.headers.get("x-amz-target") or kind.startswith("application/x-amz-json"):
        document = {"__type": error.code, "message": error.message, **error.fields}
        headers.append(("content-type", kind or "application/x-amz-json-1.1"))
        return Response(error.status, headers, json.dumps(document).encode())
    if call.service == "s3":
        return Response(
            error.status, [*headers, ("content-type", "application/xml")], _s3_error(error, call, request_id)
        )
    if call.operation or call.service in ("route53", "cloudfront"):
        xml = _ec2_error if call.service == "ec2" else _query_error
        return Response(error.status, [*headers, ("content-type", "text/xml")], xml(error, request_id))
    document = {"message": error.message, **error.fields}
    if call.service == "lambda":
        name = "message" if error.code in _LAMBDA_LOWER else "Message"
        side = None if error.code in _LAMBDA_PLAIN else "Service" if error.status >= 500 else "User"
        fields = {"Type": side, **error.fields}
        # A field that is None is not told; a message that is none stays as null, as AWS has it.
        document = {field: value for field, value in fields.items() if value is not None}
        document[name] = error.message or None
    headers += [("content-type", "application/json"), ("x-amzn-errortype", error.code)]
    return Response(error.status, headers, json.dumps(document).encode())


def _query_error(error: AwsError, request_id: str) -> bytes:
    side = "Receiver" if error.status >= 500 else "Sender"
    return (
        f"<ErrorResponse><Error><Type>{side}</Type><Code>{escape(error.code)}</Code>"
        f"<Message>{escape(error.message)}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    ).encode()


def _ec2_error(error: AwsError, request_id: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Response><Errors><Error><Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"
        f"</Error></Errors><RequestID>{request_id}</RequestID></Response>"
    ).encode()


def _s3_error(error: AwsError, call: Call, request_id: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"
        f"<Resource>{escape(call.request.path)}</Resource><RequestId>{request_id}</RequestId></Error>"
    ).encode()


def anonymous_authorization(scope: Scope, service: str) -> str:
    """An Authorization header that names the scope; emulators read it and check no signature."""
    return (
        f"AWS4-HMAC-SHA256 Credential={scope.account}/20250101/{scope.region}/{service}/aws4_request, "
        f"SignedHeaders=host, Signature={'0' * 64}"
    )
