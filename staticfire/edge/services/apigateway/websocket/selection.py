"""Selection expressions of WebSocket APIs: which route, which response, which template.

https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-selection-expressions.html: `$request.body.x`
or text with `${request.body.x}` in it; `\\$default` is a text. What is not there is nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

_STEP = re.compile(r"\.?([^.\[\]'\"]+)|\[(\d+)\]|\[['\"]([^'\"]*)['\"]\]")
_EMBEDDED = re.compile(
    r"\\\$|\$\{([^}]{1,512})\}|\$((?:request|integration|context|stageVariables)\.[\w.\[\]'-]{1,512})"
)
LONGEST = 1024


@dataclass(slots=True)
class Subject:
    """What an expression is about. `document` is the body as JSON, None where it is none."""

    document: Any = None
    context: Callable[[str], object] = lambda name: None
    stage_variables: Mapping[str, str] | None = None
    # Of an integration's answer.
    status: int | None = None
    headers: Mapping[str, str] | None = None
    response: Any = None


def selected(expression: str, subject: Subject) -> str:
    """The text that an expression comes to; empty where nothing of it is there."""
    return "".join(piece if isinstance(piece, str) else piece(subject) for piece in _compiled(expression[:LONGEST]))


Piece = str | Callable[[Subject], str]


@lru_cache(1024)
def _compiled(expression: str) -> tuple[Piece, ...]:
    pieces: list[Piece] = []
    end = 0
    for match in _EMBEDDED.finditer(expression):
        pieces.append(expression[end : match.start()])
        pieces.append("$" if match[0] == "\\$" else _selector(match[1] or match[2]))
        end = match.end()
    pieces.append(expression[end:])
    return tuple(piece for piece in pieces if piece)


def _selector(name: str) -> Callable[[Subject], str]:
    root, _, rest = name.partition(".")
    if root == "context":
        return lambda subject: _shown(subject.context(rest))
    if root == "stageVariables":
        return lambda subject: (subject.stage_variables or {}).get(rest, "")
    kind, _, path = rest.partition(".")
    if root == "request" and re.match(r"body\b", rest):
        return lambda subject: _shown(at(subject.document, rest.removeprefix("body")))
    if root == "integration" and kind == "response":
        what, _, name_of_it = path.partition(".")
        if what == "statuscode":
            return lambda subject: _shown(subject.status)
        if what in ("header", "headers"):
            return lambda subject: (subject.headers or {}).get(name_of_it.lower(), "")
        if what == "body":
            return lambda subject: _shown(at(subject.response, name_of_it))
    return lambda subject: ""


def at(document: Any, path: str) -> Any:
    """What stands at a path of names and places; None where nothing does."""
    value = document
    for step in _STEP.finditer(path):
        name = step[1] if step[1] is not None else step[3]
        if name is not None and isinstance(value, dict):
            value = value.get(name)
        elif step[2] is not None and isinstance(value, list) and int(step[2][:9]) < len(value):
            value = value[int(step[2][:9])]
        else:
            return None
    return value


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float | bool):
        return json.dumps(value)
    return ""  # an object or a list selects nothing


def json_of(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
