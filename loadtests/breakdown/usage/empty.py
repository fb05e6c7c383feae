"""An empty handler: what the emulation itself costs."""

from typing import Any

CREATED = {"statusCode": 201, "headers": {"content-type": "application/json"}, "body": '{"id":"none"}'}
OK = {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": "{}"}


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return CREATED if event["requestContext"]["http"]["method"] == "POST" else OK
