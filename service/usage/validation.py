"""What a request to POST /usage must look like. Every problem is named, not only the first."""

import json
import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

BODY_LIMIT = 16 * 1024
USER_LIMIT = 128
USAGE_LIMIT = Decimal(10**12)
STEP = Decimal("0.000001")
NOT_FINITE = Decimal("NaN")
KEY = re.compile(r"[\x21-\x7e]{1,255}")

Problem = dict[str, str]


class Refused(Exception):
    """The request is wrong; `problems` is empty when the status says it all."""

    def __init__(self, status: int, message: str, problems: list[Problem]) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Usage:
    user: str
    usage: Decimal
    key: str | None


class _Object(dict[str, Any]):
    """A JSON object that remembers the names it was given more than once."""

    repeated: frozenset[str] = frozenset()


def parse(body: bytes, key: str | None) -> Usage:
    if len(body) > BODY_LIMIT:
        raise Refused(413, f"The body is larger than {BODY_LIMIT} bytes.", [])
    problems = []
    if key is not None and KEY.fullmatch(key) is None:
        problems.append(_problem("Idempotency-Key", "must be 1 to 255 visible ASCII characters"))
    content = _read(body, problems)
    if content is not None:
        problems += _problems_of(content)
    if problems or content is None:
        raise Refused(400, "The request is not valid.", problems)
    return Usage(content["user"], content["usage"].quantize(STEP), key)


def _read(body: bytes, problems: list[Problem]) -> _Object | None:
    try:
        content = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_object,
            parse_int=_number,
            parse_float=_number,
            parse_constant=lambda name: NOT_FINITE,
        )
    except UnicodeDecodeError:
        problems.append(_problem("body", "must be UTF-8"))
    except (ValueError, RecursionError):
        problems.append(_problem("body", "must be JSON"))
    else:
        if isinstance(content, _Object):
            return content
        problems.append(_problem("body", "must be a JSON object"))
    return None


def _object(pairs: list[tuple[str, Any]]) -> _Object:
    content = _Object(pairs)
    if len(content) != len(pairs):
        names = [name for name, _ in pairs]
        content.repeated = frozenset(name for name in names if names.count(name) > 1)
    return content


def _number(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent of more than 18 digits
        return NOT_FINITE


def _problems_of(content: _Object) -> list[Problem]:
    problems = [_problem(name, "is given more than once") for name in sorted(content.repeated)]
    for name, check in (("user", _problem_of_user), ("usage", _problem_of_usage)):
        if name not in content:
            problems.append(_problem(name, "is missing"))
        elif problem := check(content[name]):
            problems.append(_problem(name, problem))
    problems += [_problem(name, "is not a known field") for name in content if name not in ("user", "usage")]
    return problems


def _problem_of_user(user: Any) -> str | None:
    if not isinstance(user, str):
        return "must be a string"
    if not 1 <= len(user) <= USER_LIMIT:
        return f"must have 1 to {USER_LIMIT} characters"
    if "\0" in user:
        return "must not contain the character NUL"
    if any("\ud800" <= character <= "\udfff" for character in user):
        return "must not contain half of a surrogate pair"
    return None


def _problem_of_usage(usage: Any) -> str | None:
    if not isinstance(usage, Decimal):
        return "must be a number"
    if not usage.is_finite():
        return "must be a finite number"
    if not 0 <= usage <= USAGE_LIMIT:
        return f"must be from 0 to {USAGE_LIMIT}"
    if usage != usage.quantize(STEP):
        return "must have at most 6 decimals"
    return None


def _problem(field: str, problem: str) -> Problem:
    return {"field": field.encode("utf-8", "replace").decode(), "problem": problem}
