"""What a request to POST /usage must look like."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from servicekit.http import Event
from servicekit.requests import WITHOUT_NUL, Model, problem, read_body, wrong

BODY_LIMIT = 16 * 1024
STEP = Decimal("0.000001")
KEY = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class Usage:
    user: str
    usage: Decimal
    key: str | None


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise wrong("must be a number")
    return Decimal(value)


class NewUsage(Model):
    user: Annotated[str, Field(min_length=1, max_length=128), WITHOUT_NUL]
    usage: Annotated[Decimal, Field(ge=0, le=10**12, decimal_places=6), BeforeValidator(_number)]


def read(event: Event) -> Usage:
    """Refused unless all of it is right."""
    key = event["headers"].get("idempotency-key")
    is_right = key is None or KEY.fullmatch(key)
    problems = [] if is_right else [problem("Idempotency-Key", "must be 1 to 255 visible ASCII characters")]
    content = read_body(event, NewUsage, limit=BODY_LIMIT, problems=problems)
    return Usage(content.user, content.usage.quantize(STEP), key)
