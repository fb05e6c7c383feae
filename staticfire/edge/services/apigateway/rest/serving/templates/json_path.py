"""JSONPath as API Gateway's templates have it (Jayway's), within a budget: libraries for Python know other dialects,
and none can be interrupted.

A path without wildcards, slices and filters has one value, and no value where something on it is missing. Any other
path has a list of values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from staticfire.edge.services.apigateway.rest.serving import patterns

from .budget import MAX_DEPTH, Budget, OutOfBudget, TemplateFailed

MAX_PATH = 4096
MISSING = object()

_NAME = re.compile(r"[^.\[\]()\s'\"]+")
_QUOTED = re.compile(r"\s*(?:'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\")\s*")
_SLICE = re.compile(r"\s*(-?\d*)\s*:\s*(-?\d*)\s*(?::\s*(-?\d*)\s*)?\]")
_INDEX = re.compile(r"\s*(-?\d{1,15})\s*")
_FUNCTION = re.compile(r"\.(length|size|min|max|sum|avg|keys|first|last)\(\)$")
_COMPARISON = re.compile(r"\s*(==|!=|<=|>=|<|>|=~|in\b|nin\b)\s*")
_CONSTANT = re.compile(r"\s*(?:(true|false|null)\b|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?))")
_REGEX = re.compile(r"\s*/((?:[^/\\]|\\.)*)/([a-z]*)\s*")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)

Keep = Callable[[Any, Any, Budget], bool]


@dataclass(frozen=True, slots=True)
class PathStep:
    """One step down: the names or places it takes; all of them; a slice; what a filter keeps. `deep`: at any depth."""

    keys: tuple[str | int, ...] = ()
    all: bool = False
    slice: slice | None = None
    keep: Keep | None = None
    deep: bool = False

    @property
    def definite(self) -> bool:
        return len(self.keys) == 1 and not self.deep


@dataclass(frozen=True, slots=True)
class JsonPath:
    steps: tuple[PathStep, ...]
    function: str = ""

    def find(self, document: Any, budget: Budget, root: Any = MISSING) -> Any:
        """The value, or the list of values; MISSING where a definite path leads nowhere."""
        root = document if root is MISSING else root
        values: Iterable[Any] = [document]
        for step in self.steps:
            values = _taken(list(values), step, root, budget)
        results = list(values)
        result: Any = results
        if all(step.definite for step in self.steps):
            result = results[0] if results else MISSING
        return _applied(self.function, result) if self.function else result


@lru_cache(1024)
def compiled_path(text: str) -> JsonPath:
    if len(text) > MAX_PATH:
        raise TemplateFailed(f"a JSONPath is {len(text)} characters long, more than {MAX_PATH}")
    text = text.strip()
    function = _FUNCTION.search(text)
    if function:
        text = text[: function.start()]
    if not text.startswith(("$", "@")):
        text = f"$.{text}" if not text.startswith("[") else f"${text}"
    steps, end = _steps(text, 1, 0)
    if end != len(text):
        raise TemplateFailed(f"the JSONPath {text[:200]!r} is not valid at {text[end:][:40]!r}")
    return JsonPath(steps, function[1] if function else "")


def _steps(text: str, at: int, depth: int) -> tuple[tuple[PathStep, ...], int]:
    steps: list[PathStep] = []
    while at < len(text):
        deep = text.startswith("..", at)
        if deep:
            at += 2
        elif text[at] == ".":
            at += 1
        elif text[at] != "[":
            break
        if text.startswith("[", at):
            step, at = _bracket(text, at + 1, deep, depth)
        elif text.startswith("*", at):
            step, at = PathStep(all=True, deep=deep), at + 1
        elif name := _NAME.match(text, at):
            step, at = PathStep((name[0],), deep=deep), name.end()
        else:
            raise _invalid(text, at)
        steps.append(step)
    return tuple(steps), at


def _bracket(text: str, at: int, deep: bool, depth: int) -> tuple[PathStep, int]:
    if text.startswith("*]", at):
        return PathStep(all=True, deep=deep), at + 2
    if text.startswith("?(", at):
        keep, at = _filter(text, at + 2, depth)
        if not text.startswith(")]", at):
            raise _invalid(text, at)
        return PathStep(keep=keep, deep=deep), at + 2
    if cut := _SLICE.match(text, at):
        bounds = (int(part[:15]) if part and part != "-" else None for part in cut.groups())
        start, stop, stride = bounds
        return PathStep(slice=slice(start, stop, stride or None), deep=deep), cut.end()
    keys: list[str | int] = []
    while True:
        if quoted := _QUOTED.match(text, at):
            keys.append(_ESCAPED.sub(r"\1", quoted[1] if quoted[1] is not None else quoted[2]))
            at = quoted.end()
        elif index := _INDEX.match(text, at):
            keys.append(int(index[1]))
            at = index.end()
        else:
            raise _invalid(text, at)
        if text.startswith("]", at):
            return PathStep(tuple(keys), deep=deep), at + 1
        if not text.startswith(",", at):
            raise _invalid(text, at)
        at += 1


def _filter(text: str, at: int, depth: int) -> tuple[Keep, int]:
    """`a || b && c`, of comparisons and paths that are there."""
    if depth > MAX_DEPTH:
        raise TemplateFailed("a JSONPath's filter is nested too deeply")
    left, at = _conjunction(text, at, depth)
    alternatives = [left]
    while (spaced := _skip(text, at)) and text.startswith("||", spaced):
        more, at = _conjunction(text, spaced + 2, depth)
        alternatives.append(more)
    return (lambda value, root, budget: any(keep(value, root, budget) for keep in alternatives)), _skip(text, at)


def _conjunction(text: str, at: int, depth: int) -> tuple[Keep, int]:
    left, at = _comparison(text, at, depth)
    conditions = [left]
    while (spaced := _skip(text, at)) and text.startswith("&&", spaced):
        more, at = _comparison(text, spaced + 2, depth)
        conditions.append(more)
    return (lambda value, root, budget: all(keep(value, root, budget) for keep in conditions)), at


def _comparison(text: str, at: int, depth: int) -> tuple[Keep, int]:
    at = _skip(text, at)
    if text.startswith("!", at):
        keep, at = _comparison(text, at + 1, depth + 1)
        return (lambda value, root, budget: not keep(value, root, budget)), at
    if text.startswith("(", at):
        keep, at = _filter(text, at + 1, depth + 1)
        if not text.startswith(")", at):
            raise _invalid(text, at)
        return keep, at + 1
    left, at = _operand(text, at, depth)
    operator = _COMPARISON.match(text, at)
    if operator is None:
        return (lambda value, root, budget: left(value, root, budget) is not MISSING), at
    right, at = _operand(text, operator.end(), depth)
    compare = _COMPARE[operator[1]]

    def keep_by(value: Any, root: Any, budget: Budget) -> bool:
        budget.spend()
        try:
            return compare(left(value, root, budget), right(value, root, budget))
        except TypeError:
            return False

    return keep_by, at


def _operand(text: str, at: int, depth: int) -> tuple[Callable[[Any, Any, Budget], Any], int]:
    at = _skip(text, at)
    if text.startswith(("@", "$"), at):
        of_root = text[at] == "$"
        steps, at = _steps(text, at + 1, depth + 1)
        path = JsonPath(steps)
        return (lambda value, root, budget: path.find(root if of_root else value, budget, root)), at
    constant: Any
    if quoted := _QUOTED.match(text, at):
        constant, at = _ESCAPED.sub(r"\1", quoted[1] if quoted[1] is not None else quoted[2]), quoted.end()
    elif pattern := _REGEX.match(text, at):
        constant, at = (f"(?i){pattern[1]}" if "i" in pattern[2] else pattern[1]), pattern.end()
    elif literal := _CONSTANT.match(text, at):
        constant = {"true": True, "false": False, "null": None}[literal[1]] if literal[1] else float(literal[2])
        at = literal.end()
    else:
        raise _invalid(text, at)
    return (lambda value, root, budget: constant), at


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda left, right: bool(left == right),
    "!=": lambda left, right: bool(left != right),
    "<": lambda left, right: bool(left < right),
    "<=": lambda left, right: bool(left <= right),
    ">": lambda left, right: bool(left > right),
    ">=": lambda left, right: bool(left >= right),
    "=~": lambda left, right: isinstance(left, str) and patterns.matches(str(right), left),
    "in": lambda left, right: left in right,
    "nin": lambda left, right: left not in right,
}


def _taken(values: list[Any], step: PathStep, root: Any, budget: Budget) -> Iterator[Any]:
    for value in values:
        for place in _below(value, budget, 0) if step.deep else (value,):
            budget.spend()
            yield from _children(place, step, root, budget)


def _below(value: Any, budget: Budget, depth: int) -> Iterator[Any]:
    """A value and all in it."""
    if depth > MAX_DEPTH * 4:
        raise OutOfBudget("a document is nested too deeply")
    budget.spend()
    yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _below(child, budget, depth + 1)


def _children(value: Any, step: PathStep, root: Any, budget: Budget) -> Iterator[Any]:
    if step.keys:
        for key in step.keys:
            if _has(value, key):
                yield value[key]
        return
    children = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    budget.spend(len(children))
    if step.all:
        yield from children
    elif step.slice is not None:
        yield from children[step.slice] if isinstance(value, list) else ()
    elif step.keep is not None:
        for child in children if isinstance(value, list) else [value]:
            if step.keep(child, root, budget):
                yield child


def _has(value: Any, key: str | int) -> bool:
    if isinstance(key, str):
        return isinstance(value, dict) and key in value
    return isinstance(value, list) and -len(value) <= key < len(value)


def _applied(function: str, value: Any) -> Any:
    if function in ("length", "size"):
        return len(value) if isinstance(value, list | dict | str) else MISSING
    if function == "keys":
        return list(value) if isinstance(value, dict) else MISSING
    if not isinstance(value, list) or not value:
        return MISSING
    if function in ("first", "last"):
        return value[0 if function == "first" else -1]
    numbers = [item for item in value if isinstance(item, int | float) and not isinstance(item, bool)]
    if not numbers:
        return MISSING
    sums = {"min": min(numbers), "max": max(numbers), "sum": sum(numbers), "avg": sum(numbers) / len(numbers)}
    return float(sums[function])


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] == " ":
        at += 1
    return at


def _invalid(text: str, at: int) -> TemplateFailed:
    return TemplateFailed(f"the JSONPath {text[:200]!r} is not valid at {text[at:][:40]!r}")
