"""Which route takes a request.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html: the most specific match
wins: a full match, then a greedy `{proxy+}`, then `$default`; no match is 404. Among full matches a literal segment
beats a variable from the left on, among greedy ones the longer prefix wins, and on one path the request's method beats
ANY. A route whose method does not fit is passed over, so a less specific one may take the request.

The path's raw segments are matched, each decoded by itself: `%2F` never separates segments. A variable takes one
segment that is not empty, `{proxy+}` at least one character. A trailing slash is a segment of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, NamedTuple, TypeVar
from urllib.parse import unquote

from .model import DEFAULT_ROUTE

T = TypeVar("T")

NO_PARAMETERS: dict[str, str] = {}


class _Pattern(NamedTuple, Generic[T]):
    """A route path: its segments (None: a variable), the variables' (place, name), who serves which method."""

    segments: tuple[str | None, ...]
    variables: tuple[tuple[int, str], ...]
    methods: dict[str, T]
    greedy: str | None

    def order(self) -> tuple[int, tuple[bool, ...]]:
        return -len(self.segments), tuple(segment is None for segment in self.segments)

    def fits(self, segments: list[str]) -> bool:
        for wanted, given in zip(self.segments, segments, strict=False):
            if wanted is None:
                if not given:
                    return False
            elif wanted != given:
                return False
        return True

    def parameters(self, segments: list[str]) -> dict[str, str]:
        found = {name: segments[place] for place, name in self.variables}
        if self.greedy is not None:
            found[self.greedy] = "/".join(segments[len(self.segments) :])
        return found


def _segments(path: str) -> list[str]:
    """The path's segments, decoded: `/a/b%2Fc` -> `a`, `b/c`."""
    parts = path.removeprefix("/").split("/")
    return [unquote(part) for part in parts] if "%" in path else parts


def _pattern(path: str) -> _Pattern[T]:
    segments: list[str | None] = []
    variables: list[tuple[int, str]] = []
    greedy = None
    for place, part in enumerate(path.removeprefix("/").split("/")):
        if part.startswith("{") and part.endswith("+}"):
            greedy = part[1:-2]
        elif part.startswith("{") and part.endswith("}"):
            segments.append(None)
            variables.append((place, part[1:-1]))
        else:
            segments.append(part)
    return _Pattern(tuple(segments), tuple(variables), {}, greedy)


class RouteTable(Generic[T]):
    """Routes compiled: a literal path is one look-up, others are tried among those of their length."""

    def __init__(self, routes: Iterable[tuple[str, T]]) -> None:
        self._literal: dict[str, dict[str, T]] = {}
        self._full: dict[int, list[_Pattern[T]]] = {}
        self._greedy: list[_Pattern[T]] = []
        self._default: T | None = None
        patterns: dict[tuple[tuple[str | None, ...], bool, tuple[tuple[int, str], ...]], _Pattern[T]] = {}
        for key, target in routes:
            if key == DEFAULT_ROUTE:
                self._default = target
                continue
            method, _, path = key.partition(" ")
            new: _Pattern[T] = _pattern(path)
            known = patterns.setdefault((new.segments, new.greedy is not None, new.variables), new)
            known.methods[method] = target
            if not new.variables and new.greedy is None:
                self._literal[path] = known.methods
        for pattern in sorted(patterns.values(), key=_Pattern.order):
            if pattern.greedy is None:
                self._full.setdefault(len(pattern.segments), []).append(pattern)
            else:
                self._greedy.append(pattern)

    def match(self, method: str, path: str) -> tuple[T, dict[str, str]] | None:
        methods = self._literal.get(path)
        if methods is not None:
            target = methods.get(method) or methods.get("ANY")
            if target is not None:
                return target, NO_PARAMETERS
        segments = _segments(path)
        for pattern in self._full.get(len(segments), ()):
            if pattern.fits(segments):
                target = pattern.methods.get(method) or pattern.methods.get("ANY")
                if target is not None:
                    return target, pattern.parameters(segments)
        for pattern in self._greedy:
            if len(segments) > len(pattern.segments) and pattern.fits(segments):
                target = pattern.methods.get(method) or pattern.methods.get("ANY")
                if target is not None:
                    found = pattern.parameters(segments)
                    if pattern.greedy is not None and found[pattern.greedy]:
                        return target, found
        return None if self._default is None else (self._default, NO_PARAMETERS)
