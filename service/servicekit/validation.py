"""What a request must look like. Every problem is named, not only the first.

A field is a check and whether it must be there; a check tells what is wrong with a value, or None. JSON's whole numbers
come as int, all others as Decimal, exactly as they were written; NaN and the like, which JSON does not have, as a
Decimal that is not finite.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from servicekit.errors import Problem, Refused

Check = Callable[[Any], str | None]

NOT_FINITE = Decimal("NaN")
LONGEST_INT = 1000  # digits; Python itself refuses more than 4300
INVALID = "The request is not valid."
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")


@dataclass(frozen=True, slots=True)
class Field:
    check: Check
    required: bool = True


Fields = Mapping[str, Field]


class JsonObject(dict[str, Any]):
    """A JSON object that remembers the names it was given more than once."""

    repeated: frozenset[str] = frozenset()


def read_object(body: bytes, fields: Fields, *, limit: int, problems: Sequence[Problem] = ()) -> dict[str, Any]:
    """The body's object once all of it is right; else Refused with the problems found before, and all of the body's."""
    try:
        content: JsonObject = read_json(body, limit)
    except Refused as refused:
        if refused.status != 400:
            raise
        raise invalid([*problems, *refused.problems]) from None
    problems = [*problems, *problems_of(content, fields, "body")]
    if problems:
        raise invalid(problems)
    return content


def read_json(body: bytes, limit: int) -> Any:
    """What the body says; Refused when it says too much (413), or is no JSON (400)."""
    if len(body) > limit:
        raise Refused(413, f"The body is larger than {limit} bytes.")
    try:
        return json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_decimal,
            parse_constant=lambda name: NOT_FINITE,
        )
    except UnicodeDecodeError:
        raise invalid([problem("body", "must be UTF-8")]) from None
    except (ValueError, RecursionError):
        raise invalid([problem("body", "must be JSON")]) from None


def problems_of(content: Any, fields: Fields, name: str) -> list[Problem]:
    """What is wrong with an object (called `name`) that should have these fields and no others."""
    if not isinstance(content, JsonObject):
        return [problem(name, "must be a JSON object")]
    repeated = [problem(field, "is given more than once") for field in sorted(content.repeated)]
    return repeated + _of_fields(content, fields)


def read_query(event: Mapping[str, Any], fields: Fields) -> dict[str, str]:
    """The query's parameters once all are right; else Refused. One that is given twice comes as `a,b`."""
    query = event.get("queryStringParameters") or {}
    problems = _of_fields(query, fields)
    if problems:
        raise invalid(problems)
    return dict(query)


def invalid(problems: Sequence[Problem]) -> Refused:
    return Refused(400, INVALID, problems)


def problem(field: str, text: str) -> Problem:
    return {"field": field.encode("utf-8", "replace").decode(), "problem": text}


# Checks


def text(least: int, most: int) -> Check:
    def check(value: Any) -> str | None:
        if not isinstance(value, str):
            return "must be a string"
        if not least <= len(value) <= most:
            return f"must have {least} to {most} characters"
        if "\0" in value:
            return "must not contain the character NUL"
        if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
            return "must not contain half of a surrogate pair"
        return None

    return check


def matching(pattern: str, description: str) -> Check:
    """A string that all of the pattern matches; the description says what that is, as in "must be ..."."""
    compiled = re.compile(pattern)

    def check(value: Any) -> str | None:
        if not isinstance(value, str):
            return "must be a string"
        return None if compiled.fullmatch(value) else f"must be {description}"

    return check


def one_of(choices: Collection[str]) -> Check:
    def check(value: Any) -> str | None:
        return None if isinstance(value, str) and value in choices else f"must be one of {', '.join(choices)}"

    return check


def boolean(value: Any) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


def integer(least: int, most: int) -> Check:
    def check(value: Any) -> str | None:
        if not isinstance(value, int) or isinstance(value, bool):
            return "must be a whole number"
        return None if least <= value <= most else f"must be from {least} to {most}"

    return check


def digits(least: int, most: int) -> Check:
    """A whole number written in a query, or a header."""

    def check(value: Any) -> str | None:
        if not value.isascii() or not value.isdigit() or len(value) > 18:
            return "must be a whole number"
        return None if least <= int(value) <= most else f"must be from {least} to {most}"

    return check


def moment(value: Any) -> str | None:
    """A time with its zone, as RFC 3339 writes it; `datetime.fromisoformat` reads it."""
    if isinstance(value, str) and MOMENT.fullmatch(value):
        try:
            datetime.fromisoformat(value)
        except ValueError:
            return "must be a time that there is"
        return None
    return "must be a time with its zone, as 2026-11-21T09:30:00Z"


def nullable(check: Check) -> Check:
    return lambda value: None if value is None else check(value)


def _of_fields(content: Mapping[str, Any], fields: Fields) -> list[Problem]:
    problems = []
    for name, field in fields.items():
        if name not in content:
            if field.required:
                problems.append(problem(name, "is missing"))
        elif wrong := field.check(content[name]):
            problems.append(problem(name, wrong))
    problems += [problem(name, "is not a known field") for name in content if name not in fields]
    return problems


def _object(pairs: list[tuple[str, Any]]) -> JsonObject:
    content = JsonObject(pairs)
    if len(content) != len(pairs):
        names = [name for name, _ in pairs]
        content.repeated = frozenset(name for name in names if names.count(name) > 1)
    return content


def _integer(text: str) -> int | Decimal:
    return int(text) if len(text) <= LONGEST_INT else Decimal(text)


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent of more than 18 digits
        return NOT_FINITE
