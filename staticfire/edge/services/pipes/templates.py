"""Input templates and dynamic parameters of a pipe: `<$.body.id>` in a text becomes what the event has there.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-input-transformation.html
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import re
from collections.abc import Mapping
from typing import Any

PLACEHOLDER = re.compile(r"<(\$[^<>]*|aws\.pipes\.[a-z.-]+)>")
STEP = re.compile(r"\.([A-Za-z_][\w-]*)|\[(\d+)\]|\['([^']*)'\]")
PARSED = ("body", "data")  # of a message and of a Kinesis record: JSON in it is looked into
MISSING = object()


def looked_up(event: Any, path: str) -> Any:
    """What is at a path; MISSING where there is nothing. A body or data that is JSON is seen as what it says."""
    value, position = event, 1
    while position < len(path):
        step = STEP.match(path, position)
        if step is None:
            return MISSING
        name, index = step[1] or step[3], step[2]
        if name is not None and isinstance(value, dict) and name in value:
            value = _seen(value[name]) if value is event and name in PARSED else value[name]
        elif index is not None and isinstance(value, list) and int(index) < len(value):
            value = value[int(index)]
        else:
            return MISSING
        position = step.end()
    return value


def _seen(value: Any) -> Any:
    """JSON that lies in a text, or in a text in base64."""
    if not isinstance(value, str):
        return value
    texts = [value]
    with contextlib.suppress(binascii.Error, UnicodeDecodeError):  # it is a text
        texts.append(base64.b64decode(value, validate=True).decode())
    for text in texts:
        try:
            document = json.loads(text)
        except ValueError:
            continue
        if isinstance(document, dict | list):
            return document
    return texts[-1]


def filled(template: str, event: Any, reserved: Mapping[str, Any]) -> Any:
    """The template with its placeholders filled: the value that its JSON says, else its text.

    Within quotes a placeholder becomes a part of the text, elsewhere a value.
    """
    parts, position = [], 0
    for match in PLACEHOLDER.finditer(template):
        parts.append(template[position : match.start()])
        value = _placeholder(match[1], event, reserved)
        parts.append(_within(value) if _is_quoted("".join(parts)) else _json(value))
        position = match.end()
    text = "".join([*parts, template[position:]])
    try:
        return json.loads(text)
    except ValueError:
        return _plain(template, event, reserved)


def _plain(template: str, event: Any, reserved: Mapping[str, Any]) -> str:
    """A template that is not JSON is a text."""
    return PLACEHOLDER.sub(lambda match: _text(_placeholder(match[1], event, reserved)), template)


def _placeholder(name: str, event: Any, reserved: Mapping[str, Any]) -> Any:
    if name.startswith("$"):
        value = looked_up(event, name)
    elif name in ("aws.pipes.event", "aws.pipes.event.json"):
        value = event
    else:
        value = reserved.get(name, MISSING)
    return "" if value is MISSING else value


def _is_quoted(before: str) -> bool:
    return len(re.findall(r'(?<!\\)(?:\\\\)*"', before)) % 2 == 1


def _text(value: Any) -> str:
    return value if isinstance(value, str) else _json(value)


def _within(value: Any) -> str:
    return json.dumps(_text(value), ensure_ascii=False)[1:-1]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def parameter(value: str, event: Any) -> str:
    """A target's parameter: a path is looked up in the event, anything else stands for itself."""
    if not value.startswith("$."):
        return value
    there = looked_up(event, value)
    return "" if there is MISSING else _text(there)
