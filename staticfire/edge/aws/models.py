"""What AWS's own models (botocore's) say of a service: its operations, their members, the HTTP status of its errors.

A service is named as in a signature's credential scope (`monitoring`), which several models may share (`apigateway`:
REST and HTTP APIs); boto3's name (`cloudwatch`) is understood too. Operations of most services name themselves in the
request. Those of REST services are known by method, path, and the query and headers they need: of all that fit, the
one that asks for most is meant, so that `PUT /bucket/key` is PutObject and with `?uploadId` UploadPart.
"""

from __future__ import annotations

import difflib
import gzip
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson
from botocore.loaders import JSONFileLoader, Loader

from staticfire.edge.http1.messages import Request

# Where the credential scope's name is not the model's, or not of one model alone.
_MODELS: Mapping[str, tuple[str, ...]] = {
    "apigateway": ("apigateway", "apigatewayv2"),
    "dynamodb": ("dynamodb", "dynamodbstreams"),
    "elasticfilesystem": ("efs",),
    "elasticloadbalancing": ("elb", "elbv2"),
    "elasticmapreduce": ("emr",),
    "es": ("es", "opensearch"),
    "monitoring": ("cloudwatch",),
    "ses": ("ses", "sesv2"),
    "states": ("stepfunctions",),
    "tagging": ("resourcegroupstaggingapi",),
}
_SCOPES = {model: scope for scope, models in _MODELS.items() for model in models}

# Errors that every service may give, and those whose status a model leaves out.
_STATUS: Mapping[str, int] = {
    "AccessDenied": 403,
    "AccessDeniedException": 400,
    "ExpiredToken": 403,
    "ExpiredTokenException": 400,
    "InternalError": 500,
    "InternalFailure": 500,
    "InternalServerError": 500,
    "InternalServerErrorException": 500,
    "InternalServiceError": 500,
    "InternalServiceErrorException": 500,
    "InvalidClientTokenId": 403,
    "RequestLimitExceeded": 503,
    "RequestTimeout": 400,
    "ServiceUnavailable": 503,
    "ServiceUnavailableException": 503,
    "SignatureDoesNotMatch": 403,
    "SlowDown": 503,
    "Throttling": 400,
    "ThrottlingException": 400,
    "UnrecognizedClientException": 400,
    "ValidationError": 400,
    "ValidationException": 400,
}
_REST_STATUS: Mapping[str, int] = {
    "AccessDeniedException": 403,
    "ExpiredTokenException": 403,
    "ThrottlingException": 429,
    "UnrecognizedClientException": 403,
}
_OWN_STATUS: Mapping[tuple[str, str], int] = {("dynamodb", "RequestLimitExceeded"): 400}


class UnknownName(ValueError):
    """AWS has nothing of that name; says what is nearest."""


Shape = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: the shapes of its input and output among its model's, and what it answers with."""

    name: str
    protocol: str
    shapes: Mapping[str, Shape]
    input: Shape
    output: Shape
    status: int
    namespace: str
    wrapper: str

    @classmethod
    def of(cls, name: str, document: Mapping[str, Any]) -> Operation:
        described, shapes = document["operations"][name], document["shapes"]
        output = described.get("output", {})
        return cls(
            name,
            document["metadata"]["protocol"],
            shapes,
            shapes[described["input"]["shape"]] if "input" in described else {},
            shapes[output["shape"]] if output else {},
            described["http"].get("responseCode", 200),
            document["metadata"].get("xmlNamespace", ""),
            output.get("resultWrapper", ""),
        )


@dataclass(frozen=True, slots=True)
class _Request:
    """What a request to a REST service must have to be one operation."""

    operation: Operation
    method: str
    path: re.Pattern[str]
    labels: tuple[str, ...]
    literals: frozenset[str]
    query: frozenset[str]
    headers: frozenset[str]
    weight: tuple[int, int]

    @classmethod
    def of(cls, operation: Operation, http: Mapping[str, str]) -> _Request:
        uri = urlsplit(http["requestUri"])
        members = operation.input.get("members", {})
        needs = [members[name] for name in operation.input.get("required", ())]
        needs = [(member.get("location"), member.get("locationName", "")) for member in needs]
        literals = {name for name, _ in parse_qsl(uri.query, keep_blank_values=True)}
        query = literals | {name for location, name in needs if location == "querystring"}
        headers = {name.lower() for location, name in needs if location == "header"}
        literal = re.sub(r"\{[^}]*\}", "", uri.path)
        return cls(
            operation,
            http["method"],
            _path_pattern(uri.path),
            tuple(re.findall(r"\{([^}+]*)\+?\}", uri.path)),
            frozenset(literals),
            frozenset(query),
            frozenset(headers),
            (len(query) + len(headers), len(literal)),
        )

    def fits(self, request: Request, query: set[str]) -> bool:
        """Whether a request that is nearly this operation's has what it needs."""
        return self.query <= query and all(name in request.headers for name in self.headers)

    def nearly(self, path: str, query: set[str]) -> bool:
        """Whether it can mean no other operation of this method, though it may lack what this one needs."""
        return self.path.fullmatch(path) is not None and self.literals <= query


def _path_pattern(path: str) -> re.Pattern[str]:
    """`/{Bucket}/{Key+}`: a label takes one segment, or with a plus all that follows."""
    pattern = ""
    for label, text in re.findall(r"(\{[^}]*\})|([^{]+)", path):
        pattern += re.escape(text) if text else "(.+)" if label.endswith("+}") else "([^/]+)"
    return re.compile(pattern.rstrip("/") + "/?")


class Model:
    """One service, by its credential scope's name."""

    def __init__(self, scope: str, documents: Iterable[Mapping[str, Any]]) -> None:
        self.scope = scope
        # Of the service's first model: its protocol, its version, the prefix of its targets.
        self.metadata: Mapping[str, Any] = {}
        self._operations: dict[str, Operation] = {}
        self._errors: dict[str, int | None] = {}
        rest: list[_Request] = []
        for document in documents:
            rest += self._learn(document)
        rest.sort(key=lambda one: one.weight, reverse=True)
        # By method: a request is held against few patterns.
        self._rest: dict[str, list[_Request]] = {}
        for one in rest:
            self._rest.setdefault(one.method, []).append(one)

    def _learn(self, document: Mapping[str, Any]) -> list[_Request]:
        """Know the operations and errors of a document; what its requests must have, where it is a REST service's."""
        self.metadata = self.metadata or document["metadata"]
        operations = {name: Operation.of(name, document) for name in document["operations"]}
        self._operations |= operations
        for name, shape in document["shapes"].items():
            if shape.get("exception"):
                error = shape.get("error", {})
                status = error.get("httpStatusCode", 500 if shape.get("fault") else None)
                self._errors |= {name: status, error.get("code", name): status}
        if not document["metadata"]["protocol"].startswith("rest"):
            return []
        https = document["operations"]
        return [_Request.of(operation, https[name]["http"]) for name, operation in operations.items()]

    def require(self, operation: str) -> None:
        """Raises UnknownName when the service has no such operation."""
        if operation not in self._operations:
            raise UnknownName(f"{self.scope} has no operation {operation!r}{_nearest(operation, self._operations)}")

    def status(self, error: str) -> int:
        """The HTTP status with which the service answers that error."""
        if error not in self._errors and error not in _STATUS:
            nearest = _nearest(error, self._errors.keys() | _STATUS.keys())
            raise UnknownName(f"{self.scope} has no error {error!r} (with a status, any will do){nearest}")
        status = self._errors.get(error) or _OWN_STATUS.get((self.scope, error))
        if status is None and self._rest:
            status = _REST_STATUS.get(error)
        return status or _STATUS.get(error, 400)

    def operation_of(self, request: Request) -> str | None:
        """Which operation of a REST service that is."""
        routed = self.route(request)
        return None if routed is None else routed[0].name

    def route(self, request: Request) -> tuple[Operation, dict[str, str]] | None:
        """The operation of a REST service that is meant, with what stands for each label in its path."""
        path, query = _bucket_in_path(request), {name for name, _ in parse_qsl(request.query, keep_blank_values=True)}
        near = [one for one in self._rest.get(request.method, ()) if one.nearly(path, query)]
        if not near:
            return None
        chosen = next((one for one in near if one.fits(request, query)), near[0])
        match = chosen.path.fullmatch(path)
        values = match.groups() if match else ()
        return chosen.operation, dict(zip(chosen.labels, map(unquote, values), strict=True))

    def named(self, operation: str | None) -> Operation | None:
        """The operation of that name."""
        return self._operations.get(operation or "")


# `bucket.s3.eu-west-1.amazonaws.com`, and what SDKs make of an endpoint that is a name: `bucket.localhost`.
_BUCKET_HOST = re.compile(r"(?!s3[.-])([^/:]+?)\.(?:s3[.-]|localhost)")


def _bucket_in_path(request: Request) -> str:
    bucket = _BUCKET_HOST.match(request.headers.get("host"))
    return f"/{bucket[1]}{request.path}" if bucket else request.path


def common_status(error: str) -> int:
    """The status of an error that every service may give."""
    if error not in _STATUS:
        nearest = _nearest(error, _STATUS)
        raise UnknownName(f"{error!r} is not an error of every service (name a service, or a status){nearest}")
    return _STATUS[error]


class _Files(JSONFileLoader):  # type: ignore[misc]
    """Reads a model in a fourth of the time that botocore's own reader takes."""

    def load_file(self, file_path: str) -> Any:
        for suffix, read in ((".json", Path.read_bytes), (".json.gz", lambda path: gzip.decompress(path.read_bytes()))):
            path = Path(file_path + suffix)
            if path.is_file():
                return orjson.loads(read(path))
        return None


@cache
def model(service: str) -> Model:
    """The model of a service, by boto3's name or the credential scope's."""
    scope = _SCOPES.get(service, service)
    loader = Loader()
    loader.file_loader = _Files()
    names = _MODELS.get(scope, (scope,))
    available = loader.list_available_services("service-2")
    if not set(names) <= set(available):
        raise UnknownName(f"AWS has no service {service!r}{_nearest(service, [*available, *_MODELS])}")
    return Model(scope, [loader.load_service_model(name, "service-2") for name in names])


@cache
def single_model(name: str) -> Model:
    """One model by boto3's name, apart from another of the same credential scope that has operations of its names."""
    loader = Loader()
    loader.file_loader = _Files()
    return Model(_SCOPES.get(name, name), [loader.load_service_model(name, "service-2")])


def _nearest(word: str, names: Iterable[str]) -> str:
    by_lower = {name.lower(): name for name in names}
    close = difflib.get_close_matches(word.lower(), by_lower, 1)
    return f"; the nearest is {by_lower[close[0]]!r}" if close else ""
