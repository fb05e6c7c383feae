"""What the scenarios of the events service share: events nobody else has, and what the table holds of them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import uuid
from typing import Any

import pytest

from scenarios.events.kit import Event, Headers, Sign, Stored
from staticfire.testing.kit import AwsClients, StackUnderTest


@pytest.fixture(scope="session")
def staticfire_stack_name() -> str:
    return "events"


@pytest.fixture
def event_id() -> str:
    """An id nobody else has."""
    return f"evt-{uuid.uuid4().hex}"


@pytest.fixture
def event(event_id: str) -> Event:
    return {"type": "order.paid", "source": "shop", "id": event_id, "data": {"order": 7, "items": ["ü", 1.5, None]}}


@pytest.fixture
def stored(staticfire_stack: StackUnderTest, aws: AwsClients) -> Stored:
    """The item of an event, None where there is none."""
    table = staticfire_stack.outputs["table_name"]

    def read(event_id: str) -> dict[str, Any] | None:
        key = {"event_id": {"S": event_id}}
        item = aws("dynamodb").get_item(TableName=table, Key=key, ConsistentRead=True).get("Item")
        return item and {name: next(iter(value.values())) for name, value in item.items()}

    return read


@pytest.fixture
def signed(staticfire_stack: StackUnderTest, aws: AwsClients) -> Sign:
    """The headers of a signed message, written here from the standard's text and not with the service's own code."""
    arn = staticfire_stack.outputs["signature_secret_arn"]
    secret = aws("secretsmanager").get_secret_value(SecretId=arn)["SecretString"]
    key = base64.b64decode(secret.removeprefix("whsec_"))

    def sign(body: bytes, *, age: int = 0, message_id: str | None = None) -> Headers:
        identity = message_id or f"msg-{uuid.uuid4().hex}"
        timestamp = str(int(time.time()) - age)
        digest = hmac.new(key, f"{identity}.{timestamp}.".encode() + body, hashlib.sha256).digest()
        return {
            "webhook-id": identity,
            "webhook-timestamp": timestamp,
            "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
        }

    return sign


@pytest.fixture
def body(event: Event) -> bytes:
    return json.dumps(event).encode()
