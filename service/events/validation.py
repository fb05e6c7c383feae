"""What an event must look like."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, Field
from servicekit.errors import Refused
from servicekit.http import Event, json_text
from servicekit.requests import WITHOUT_NUL, JsonObject, Model, Moment, check, read_body, wrong

DATA_LIMIT = 256 * 1024
BATCH = 100
DEPTH = 32  # as deep as a DynamoDB item may be, should a consumer make one of it
# Whitespace and escapes of JSON are the sender's; and what Lambda takes, 6 MB, holds the body as a string of JSON.
EVENT_BODY_LIMIT = 1024 * 1024
BATCH_BODY_LIMIT = 4 * 1024 * 1024


def _data(data: Any) -> str:
    """The data as JSON text."""
    if not isinstance(data, JsonObject):
        raise wrong("must be a JSON object")
    _look_into(data)
    text = json_text(data)
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise wrong("must not contain half of a surrogate pair") from None
    if size > DATA_LIMIT:
        raise wrong(f"must have at most {DATA_LIMIT} bytes as JSON without whitespace")
    return text


def _look_into(data: JsonObject) -> None:
    inside: Sequence[Any] = [data]
    for _ in range(DEPTH):
        for value in inside:
            if isinstance(value, JsonObject) and value.repeated:
                raise wrong(f"gives the field {min(value.repeated)!a} more than once")
            if isinstance(value, Decimal) and not value.is_finite():
                raise wrong("must have finite numbers")
        inside = [inner for value in inside if isinstance(value, dict | list) for inner in _values(value)]
        if not inside:
            return
    raise wrong(f"must be nested at most {DEPTH} deep")


def _values(value: dict[str, Any] | list[Any]) -> Sequence[Any]:
    return value if isinstance(value, list) else list(value.values())


def _entries(entries: Any) -> Any:
    if not isinstance(entries, list):
        raise wrong("must be a list")
    if not 1 <= len(entries) <= BATCH:
        raise wrong(f"must have 1 to {BATCH} events")
    return entries


class Submitted(Model):
    """An event as it was sent; `data` is JSON text once it is read. An id, or a time, that was not given is empty."""

    type: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$")]
    source: Annotated[str, Field(min_length=1, max_length=256), WITHOUT_NUL]
    data: Annotated[Any, AfterValidator(_data)]
    id: Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,128}$")] = ""
    time: Moment = ""


class Batch(Model):
    events: Annotated[Any, AfterValidator(_entries)]


def read_batch(event: Event) -> list[Submitted | Refused]:
    """Each event, or what is wrong with it; Refused as a whole unless the body is a batch."""
    return [_read(content) for content in read_body(event, Batch, limit=BATCH_BODY_LIMIT).events]


def _read(content: Any) -> Submitted | Refused:
    try:
        return check(content, Submitted, name="event")
    except Refused as refused:
        return refused
