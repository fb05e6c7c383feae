"""What is wrong with a payload that is not JSON, in the words of the parser that Lambda uses (Jackson)."""

from __future__ import annotations

import json
import re

AT = "\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: {}, column: {}]"
VALUE = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
LITERALS = (b"null", b"true", b"false")


def jackson_says(payload: bytes, error: ValueError) -> str:
    """Jackson's message where a value begins wrongly, which is what a payload that was never JSON does."""
    start = re.match(rb"[ \t\r\n]*", payload)
    position = start.end() if start else 0
    line, column = payload.count(b"\n", 0, position) + 1, position - (payload.rfind(b"\n", 0, position) + 1) + 1
    rest = payload[position:]
    if not rest:
        return "No content to map due to end-of-input" + AT.format(line, column)
    if rest[:1].isalpha():
        matched = _matched(rest)
        following = rest[matched:]
        if following and following[0] >= 0x80 and not 0xC2 <= following[0] <= 0xF4:
            return f"Invalid UTF-8 start byte 0x{following[0]:x}" + AT.format(line, column + matched + 1)
        word = re.match(rb"[\w$]*", rest)
        token = word[0].decode() if word else ""
        return f"Unrecognized token '{token}': was expecting {VALUE}" + AT.format(line, column + len(token))
    if rest[0] not in b'{["-0123456789':
        character = _named(rest[0])
        return f"Unexpected character ({character}): expected a valid value {VALUE}" + AT.format(line, column)
    where = error.pos + 1 if isinstance(error, json.JSONDecodeError) else column
    return str(error) + AT.format(line, where)


def _matched(text: bytes) -> int:
    """How much of it is the beginning of a literal; at least a letter is one's own."""
    for literal in LITERALS:
        length = next((n for n, (a, b) in enumerate(zip(literal, text, strict=False)) if a != b), min(4, len(text)))
        if length:
            return length
    return 1


def _named(code: int) -> str:
    is_control = code < 0x20 or 0x7F <= code < 0xA0
    return f"(CTRL-CHAR, code {code})" if is_control else f"'{chr(code)}' (code {code})"
