"""Requests, checked by pydantic; what comes before, and what to say of it, Powertools' validation has otherwise.

That makes floats of JSON's numbers, takes a name that is given twice, refuses bodies by their content type, and answers
422. Here a number is a Decimal exactly as it was written, and every problem is named, not only the first.
"""

import json
import re
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from servicekit.errors import Problem, Refused
from servicekit.http import Event, body_of

NOT_FINITE = Decimal("NaN")
LONGEST_INT = 1000  # digits; Python itself refuses more than 4300
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")

ULID = r"[0-7][0-9A-HJKMNP-TV-Z]{25}"  # what python-ulid makes
# How pydantic's errors are told, by their types.
TEXTS = {
    "missing": "is missing",
    "extra_forbidden": "is not a known field",
    "bool_type": "must be true or false",
    "decimal_max_places": "must have at most {decimal_places} decimals",
    "finite_number": "must be a finite number",
    "greater_than_equal": "must be at least {ge}",
    "int_type": "must be a whole number",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "string_pattern_mismatch": "must match {pattern}",
    "string_too_long": "must have {max_length} characters at most",
    "string_too_short": "must have {min_length} characters at least",
    "string_type": "must be a string",
    "string_unicode": "must not contain half of a surrogate pair",
}

M = TypeVar("M", bound="Model")


class Model(BaseModel):
    """What a request says. There are no other fields, and no value is taken for one of another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class JsonObject(dict[str, Any]):
    """A JSON object that remembers the names it was given more than once."""

    repeated: frozenset[str] = frozenset()


def read_body(event: Event, model: type[M], *, limit: int, problems: Sequence[Problem] = ()) -> M:
    """The body once all of it is right; else Refused with the problems found before, and all of the body's."""
    try:
        content = read_json(body_of(event), limit)
    except Refused as refused:
        raise invalid([*problems, *refused.problems]) if refused.status == 400 else refused from None
    return check(content, model, problems=problems)


def read_query(event: Event, model: type[M]) -> M:
    """The query's parameters once all are right; else Refused. One that is given twice comes as `a,b`."""
    return check(JsonObject(event.get("queryStringParameters") or {}), model)


def check(content: Any, model: type[M], *, name: str = "body", problems: Sequence[Problem] = ()) -> M:
    """The content as the model; Refused with all that is wrong with it, and the problems found before."""
    if not isinstance(content, JsonObject):
        raise invalid([*problems, problem(name, "must be a JSON object")])
    problems = [*problems, *(problem(field, "is given more than once") for field in sorted(content.repeated))]
    # pydantic does not take a name that UTF-8 cannot hold.
    named = {field.encode("utf-8", "replace").decode(): value for field, value in content.items()}
    try:
        made = model.model_validate(named)
    except ValidationError as error:
        problems += [
            problem(".".join(str(part) for part in entry["loc"] if part != "[key]"), _text_of(entry))
            for entry in error.errors()
        ]
    if problems:
        raise invalid(problems)
    return made


def read_json(body: bytes, limit: int) -> Any:
    """What the body says; Refused when it says too much (413), or is not JSON (400)."""
    if len(body) > limit:
        raise Refused(413, f"The body is larger than {limit} bytes.")
    try:
        return json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_object,
            parse_int=lambda text: int(text) if len(text) <= LONGEST_INT else Decimal(text),
            parse_float=_decimal,
            parse_constant=lambda name: NOT_FINITE,
        )
    except UnicodeDecodeError:
        raise invalid([problem("body", "must be UTF-8")]) from None
    except (ValueError, RecursionError):
        raise invalid([problem("body", "must be JSON")]) from None


def invalid(problems: Sequence[Problem]) -> Refused:
    return Refused(400, "The request is not valid.", problems)


def problem(field: str, text: str) -> Problem:
    return {"field": field, "problem": text}


def wrong(text: str) -> PydanticCustomError:
    """What a validator raises."""
    return PydanticCustomError("wrong", "{text}", {"text": text})


# Types of fields


def _without_nul(value: str) -> str:
    if "\0" in value:
        raise wrong("must not contain the character NUL")
    return value


def _digits(value: Any) -> int:
    if not isinstance(value, str) or not value.isascii() or not value.isdigit() or len(value) > 18:
        raise wrong("must be a whole number")
    return int(value)


def _moment(value: str) -> str:
    if not MOMENT.fullmatch(value):
        raise wrong("must be a time with its zone, as 2026-11-21T09:30:00Z")
    try:
        datetime.fromisoformat(value)
    except ValueError:
        raise wrong("must be a time that there is") from None
    return value


WITHOUT_NUL = AfterValidator(_without_nul)  # comes last: after it, pydantic counts no characters
Digits = Annotated[int, BeforeValidator(_digits)]  # a whole number as a query writes it
Moment = Annotated[str, AfterValidator(_moment)]  # a time with its zone, as RFC 3339 writes it


def _text_of(error: ErrorDetails) -> str:
    text = TEXTS.get(error["type"])
    return text.format(**error.get("ctx", {})) if text else error["msg"]


def _object(pairs: list[tuple[str, Any]]) -> JsonObject:
    content = JsonObject(pairs)
    if len(content) != len(pairs):
        names = [name for name, _ in pairs]
        content.repeated = frozenset(name for name in names if names.count(name) > 1)
    return content


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent of more than 18 digits
        return NOT_FINITE
