"""AWS JSON 1.0 and 1.1: the operation in X-Amz-Target, all members in a JSON body, both ways."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from staticfire.edge.aws.models import Operation
from staticfire.edge.http1.messages import Request, Response

from . import rest_json

CONTENT_TYPE = "application/x-amz-json-1.1"


def read(operation: Operation, request: Request, labels: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """The members by their names in the model, none of which has a place but the body."""
    return rest_json.read(operation, request, labels, body)


def response(operation: Operation, result: Mapping[str, Any]) -> Response:
    """The answer; members that are None are not told."""
    answer = rest_json.response(operation, result)
    headers = [(name, value) for name, value in answer.headers if name != "content-type"]
    return Response(answer.status, [*headers, ("content-type", CONTENT_TYPE)], answer.body or b"{}")
