"""What a request to POST /usage must look like."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from servicekit.validation import Field, matching, problem, read_object, text

BODY_LIMIT = 16 * 1024
USER_LIMIT = 128
USAGE_LIMIT = Decimal(10**12)
STEP = Decimal("0.000001")

_problem_of_key = matching(r"[\x21-\x7e]{1,255}", "1 to 255 visible ASCII characters")


@dataclass(frozen=True, slots=True)
class Usage:
    user: str
    usage: Decimal
    key: str | None


def parse(body: bytes, key: str | None) -> Usage:
    wrong = None if key is None else _problem_of_key(key)
    problems = [problem("Idempotency-Key", wrong)] if wrong else []
    content = read_object(body, FIELDS, limit=BODY_LIMIT, problems=problems)
    return Usage(content["user"], Decimal(content["usage"]).quantize(STEP), key)


def _problem_of_usage(usage: Any) -> str | None:
    if isinstance(usage, bool) or not isinstance(usage, int | Decimal):
        return "must be a number"
    number = Decimal(usage)
    if not number.is_finite():
        return "must be a finite number"
    if not 0 <= number <= USAGE_LIMIT:
        return f"must be from 0 to {USAGE_LIMIT}"
    if number != number.quantize(STEP):
        return "must have at most 6 decimals"
    return None


FIELDS = {"user": Field(text(1, USER_LIMIT)), "usage": Field(_problem_of_usage)}
