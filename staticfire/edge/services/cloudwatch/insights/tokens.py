"""A query of Logs Insights in words, each with its place: an error names where it is."""

from __future__ import annotations

import re
from typing import NamedTuple

LONGEST = 10_000

_TOKEN = re.compile(
    r"""(?P<space>\s+|\#[^\n]*)"""
    r"""|(?P<period>\d+(?:ms|s|mo|m|h|d|w|q|y)\b)"""
    r"""|(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)"""
    r"""|(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
    r"""|(?P<quoted>`[^`]+`)"""
    r"""|(?P<name>[@A-Za-z_][\w@]*(?:[.:][\w@]+|\[\d+\])*)"""
    r"""|(?P<sign>=~|<=|>=|!=|[=<>+\-*/%^()\[\],|])""",
    re.DOTALL,
)
_REGEX = re.compile(r"/((?:[^/\\\n]|\\.)+)/")
# After these a slash begins a regular expression; elsewhere it divides.
_BEFORE_REGEX = frozenset(("like", "=~", "parse", ",", "(", "not"))


class MalformedQuery(Exception):
    """What is wrong with a query, and where: `begin` and `end` are characters of it."""

    def __init__(self, message: str, begin: int, end: int) -> None:
        super().__init__(message)
        self.begin = begin
        self.end = end


class Token(NamedTuple):
    kind: str  # name, quoted, text, number, period, regex, sign; empty: the end
    text: str
    begin: int
    end: int

    @property
    def word(self) -> str:
        return self.text.lower() if self.kind == "name" else ""


def tokens(query: str) -> list[Token]:
    result: list[Token] = []
    at = 0
    after_field_of_parse = False
    while at < len(query):
        last = result[-1] if result else None
        slash = query[at] == "/" and (
            last is None or last.text.lower() in _BEFORE_REGEX or last.text == "|" or after_field_of_parse
        )
        match = _REGEX.match(query, at) if slash else None
        if match is not None:
            result.append(Token("regex", match[1].replace("\\/", "/"), at, match.end()))
        else:
            match = _TOKEN.match(query, at)
            if match is None:
                raise MalformedQuery(f"unexpected symbol found {query[at]!r}", at, at + 1)
            kind = match.lastgroup or ""
            if kind != "space":
                result.append(Token(kind, match[0], at, match.end()))
        # `parse FIELD /regex/`: the word before the slash is a field, and the one before that is `parse`.
        after_field_of_parse = len(result) >= 2 and result[-2].word == "parse" and result[-1].kind in ("name", "quoted")
        at = match.end()
    result.append(Token("", "", len(query), len(query)))
    return result
