"""Values as text: what stands in a log's line, a mapped parameter or a URI."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import orjson

_STAGE_VARIABLE = re.compile(r"\$\{stageVariables\.([^}]*)\}")


def text_of(value: Any) -> str | None:
    """A value as text: strings as they are, other JSON as JSON."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"))


def json_or_none(payload: bytes) -> Any:
    """What a function answered as JSON; None where it answered nothing, or what is none."""
    try:
        return orjson.loads(payload or b"null")
    except ValueError:
        return None


def with_stage_variables(text: str, variables: Mapping[str, str]) -> str:
    """`${stageVariables.name}` in a URI replaced."""
    return _STAGE_VARIABLE.sub(lambda variable: variables.get(variable[1], ""), text)
