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


class _Served(NamedTuple, Generic[T]):
    """What serves one method of a path, and how its route names the variables: (place, name)."""

    value: T
    variables: tuple[tuple[int, str], ...]
    greedy: str

    def parameters(self, segments: list[str], fixed: int) -> dict[str, str]:
        parameters = {name: segments[place] for place, name in self.variables}
        if self.greedy:
            parameters[self.greedy] = "/".join(segments[fixed:])
        return parameters


class _Pattern(Generic[T]):
    """A route path's shape: its segments up to a greedy variable (None: a variable), who serves which method."""

    def __init__(self, segments: tuple[str | None, ...], greedy: bool) -> None:
        self.segments = segments
        self.greedy = greedy
        self.methods: dict[str, _Served[T]] = {}

    def order(self) -> tuple[int, tuple[bool, ...]]:
        """The more specific first."""
        return -len(self.segments), tuple(segment is None for segment in self.segments)

    def match(self, method: str, segments: list[str]) -> tuple[T, dict[str, str]] | None:
        if len(segments) < len(self.segments):
            return None
        for literal, segment in zip(self.segments, segments, strict=False):
            if literal != segment and (literal is not None or not segment):
                return None
        if self.greedy and segments[len(self.segments) :] in ([], [""]):
            return None
        served = self.methods.get(method) or self.methods.get("ANY")
        return None if served is None else (served.value, served.parameters(segments, len(self.segments)))


def _segments(path: str) -> list[str]:
    """The path's segments, decoded: `/a/b%2Fc` -> `a`, `b/c`."""
    segments = path.removeprefix("/").split("/")
    return [unquote(segment) for segment in segments] if "%" in path else segments


class _Alike(Generic[T]):
    """Patterns whose variables stand in the same places: at most one of them has a path's other segments."""

    def __init__(self, variable: tuple[bool, ...]) -> None:
        self._length = len(variable)
        self._literal = tuple(place for place, is_variable in enumerate(variable) if not is_variable)
        self._patterns: dict[tuple[str | None, ...], _Pattern[T]] = {}

    def add(self, pattern: _Pattern[T]) -> None:
        self._patterns[tuple(pattern.segments[place] for place in self._literal)] = pattern

    def match(self, method: str, segments: list[str]) -> tuple[T, dict[str, str]] | None:
        if len(segments) < self._length:
            return None
        pattern = self._patterns.get(tuple(segments[place] for place in self._literal))
        return None if pattern is None else pattern.match(method, segments)


class RouteTable(Generic[T]):
    """Routes made ready: a literal path is one look-up, others are one for each way that variables stand in them."""

    def __init__(self, routes: Iterable[tuple[str, T]]) -> None:
        self._default: T | None = None
        self._literal: dict[str, dict[str, T]] = {}
        self._full: dict[int, list[_Alike[T]]] = {}
        self._greedy: list[_Alike[T]] = []
        patterns: dict[tuple[tuple[str | None, ...], bool], _Pattern[T]] = {}
        for key, value in routes:
            if key == DEFAULT_ROUTE:
                self._default = value
                continue
            method, _, path = key.partition(" ")
            segments, variables, greedy = _parse(path)
            shape = segments, bool(greedy)
            pattern = patterns.setdefault(shape, _Pattern(*shape))
            pattern.methods[method] = _Served(value, variables, greedy)
            if not variables and not greedy:
                self._literal.setdefault(path, {})[method] = value
        alike: dict[tuple[bool, tuple[bool, ...]], _Alike[T]] = {}
        for pattern in sorted(patterns.values(), key=_Pattern.order):
            variable = pattern.order()[1]
            group = alike.get((pattern.greedy, variable))
            if group is None:
                group = alike[pattern.greedy, variable] = _Alike(variable)
                groups = self._greedy if pattern.greedy else self._full.setdefault(len(variable), [])
                groups.append(group)
            group.add(pattern)

    def match(self, method: str, path: str) -> tuple[T, dict[str, str]] | None:
        methods = self._literal.get(path)
        if methods is not None:
            value = methods.get(method) or methods.get("ANY")
            if value is not None:
                return value, NO_PARAMETERS
        segments = _segments(path)
        groups: list[_Alike[T]] = [*self._full.get(len(segments), ()), *self._greedy]
        for group in groups:
            match = group.match(method, segments)
            if match is not None:
                return match
        return None if self._default is None else (self._default, NO_PARAMETERS)


def _parse(path: str) -> tuple[tuple[str | None, ...], tuple[tuple[int, str], ...], str]:
    """A route path's segments, its variables and the name of its greedy one."""
    segments: list[str | None] = []
    variables: list[tuple[int, str]] = []
    greedy = ""
    for place, segment in enumerate(path.removeprefix("/").split("/")):
        if segment.startswith("{") and segment.endswith("+}"):
            greedy = segment[1:-2]
        elif segment.startswith("{") and segment.endswith("}"):
            segments.append(None)
            variables.append((place, segment[1:-1]))
        else:
            segments.append(segment)
    return tuple(segments), tuple(variables), greedy
