"""Answers that API Gateway gives by itself: `{"message": ...}` to the client, the reason to the developer."""

from __future__ import annotations

import json

from staticfire.edge.http1.messages import HeaderList, Response

from .request_ids import new_request_id

JSON_TYPE = ("content-type", "application/json")


class Refused(Exception):
    """The request gets this answer; `reason` goes to the log and the access log, never to the client."""

    def __init__(self, status: int, message: str, *, kind: str, reason: str = "", headers: HeaderList | None = None):
        super().__init__(reason or message)
        self.status = status
        self.message = message
        self.kind = kind
        self.reason = reason
        self.headers = headers or []

    def response(self) -> Response:
        body = json.dumps({"message": self.message}, separators=(",", ":")).encode()
        return Response(self.status, [JSON_TYPE, *self.headers], body)


def identified(response: Response) -> Response:
    """An answer to a request that no API has come to know: it gets an id all the same."""
    response.headers.append(("apigw-requestid", new_request_id()))
    return response


def not_found(reason: str = "") -> Refused:
    return Refused(404, "Not Found", kind="RESOURCE_NOT_FOUND", reason=reason)


def not_yet_again(api_id: str) -> Refused:
    """AWS has no such answer: the emulator was restarted, and the stack that has the API is to be applied to it."""
    message = (
        f"The HTTP API {api_id} went with the emulator's last state and is not applied again. "
        "Where something applies it (a test run, the service reapply of compose.yaml), wait; else run `staticfire up`."
    )
    return Refused(503, message, kind="RESOURCE_NOT_FOUND", headers=[("retry-after", "1")])


def unauthorized(reason: str, *, challenge: str | None = None) -> Refused:
    headers = [("www-authenticate", challenge)] if challenge is not None else []
    return Refused(401, "Unauthorized", kind="UNAUTHORIZED", reason=reason, headers=headers)


def forbidden(reason: str, *, challenge: str | None = None) -> Refused:
    headers = [("www-authenticate", challenge)] if challenge is not None else []
    return Refused(403, "Forbidden", kind="ACCESS_DENIED", reason=reason, headers=headers)


def too_many_requests() -> Refused:
    return Refused(429, "Too Many Requests", kind="THROTTLED", reason="the route's throttling limits")


def too_large(reason: str) -> Refused:
    return Refused(413, "Request Entity Too Large", kind="REQUEST_TOO_LARGE", reason=reason)


def failed(reason: str) -> Refused:
    """The integration or the authorizer failed, or what it answered is malformed."""
    return Refused(500, "Internal Server Error", kind="INTEGRATION_FAILURE", reason=reason)


def unavailable(reason: str) -> Refused:
    return Refused(503, "Service Unavailable", kind="INTEGRATION_FAILURE", reason=reason)


def unsupported(what: str) -> Refused:
    """Works on AWS, does not here: says so, where a wrong success would mislead."""
    return Refused(501, what, kind="INTEGRATION_FAILURE", reason=what)
