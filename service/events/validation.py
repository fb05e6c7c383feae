"""What an event must look like."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from servicekit.errors import Refused
from servicekit.http import json_text
from servicekit.validation import Field, JsonObject, invalid, matching, moment, problem, problems_of, read_object, text

DATA_LIMIT = 256 * 1024
BATCH = 100
DEPTH = 32  # as deep as a DynamoDB item may be, should a consumer make one of it
# Whitespace and escapes of JSON are the sender's; and what Lambda takes, 6 MB, holds the body as a string of JSON.
EVENT_BODY_LIMIT = 1024 * 1024
BATCH_BODY_LIMIT = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Submitted:
    """An event as it was sent; `data` is JSON text."""

    type: str
    source: str
    data: str
    id: str | None
    time: str | None


def read_event(content: Any) -> Submitted:
    """Refused, with every problem, unless the content is an event."""
    problems = problems_of(content, FIELDS, "event")
    if problems:
        raise invalid(problems)
    data = json_text(content["data"])
    try:
        size = len(data.encode())
    except UnicodeEncodeError:
        raise invalid([problem("data", "must not contain half of a surrogate pair")]) from None
    if size > DATA_LIMIT:
        raise invalid([problem("data", f"must have at most {DATA_LIMIT} bytes as JSON without whitespace")])
    return Submitted(content["type"], content["source"], data, content.get("id"), content.get("time"))


def read_batch(body: bytes) -> list[Submitted | Refused]:
    """Each event, or what is wrong with it; Refused as a whole unless the body is a batch."""
    content = read_object(body, {"events": Field(_problem_of_events)}, limit=BATCH_BODY_LIMIT)
    return [_read(event) for event in content["events"]]


def _read(content: Any) -> Submitted | Refused:
    try:
        return read_event(content)
    except Refused as refused:
        return refused


def _problem_of_events(events: Any) -> str | None:
    if not isinstance(events, list):
        return "must be a list"
    return None if 1 <= len(events) <= BATCH else f"must have 1 to {BATCH} events"


def _problem_of_data(data: Any) -> str | None:
    if not isinstance(data, JsonObject):
        return "must be a JSON object"
    inside: Sequence[Any] = [data]
    for _ in range(DEPTH):
        for value in inside:
            if isinstance(value, JsonObject) and value.repeated:
                return f"gives the field {min(value.repeated)} more than once"
            if isinstance(value, Decimal) and not value.is_finite():
                return "must have finite numbers"
        inside = [inner for value in inside if isinstance(value, dict | list) for inner in _values(value)]
        if not inside:
            return None
    return f"must be nested at most {DEPTH} deep"


def _values(value: dict[str, Any] | list[Any]) -> Sequence[Any]:
    return value if isinstance(value, list) else list(value.values())


FIELDS = {
    "type": Field(matching(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}", "1 to 128 letters, digits and ._:/-, no sign first")),
    "source": Field(text(1, 256)),
    "data": Field(_problem_of_data),
    "id": Field(matching(r"[\x21-\x7e]{1,128}", "1 to 128 visible ASCII characters"), required=False),
    "time": Field(moment, required=False),
}
