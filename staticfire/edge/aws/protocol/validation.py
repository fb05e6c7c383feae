"""What a model demands of members, and how AWS words what is wrong with them: all that is wrong, in one message.

The wording is as AWS was recorded: `2 validation errors detected: Value 'x' at 'name' failed to satisfy constraint:
Member must ...; Value ...`. Values of an enum stand in the order of their hashes (Java's, modulo 32), as AWS has them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from staticfire.edge.aws.calls import AwsError
from staticfire.edge.aws.models import Operation, Shape

BUCKETS = 32

# Each with how AWS words it.
Demands = Sequence[tuple[Callable[[Any], bool], str]]


@dataclass(frozen=True)
class Wording:
    """Where a service differs from its published model.

    `patterns` and `enums` are by shape; `own` has, by `Operation.Member` (`Operation.path.Member` below it), what is
    demanded instead of the model's. `late` is the member that an operation checks last, whatever its place in the
    model; `error` is the code of what the model refuses.
    """

    patterns: Mapping[str, str] = field(default_factory=dict)
    enums: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    own: Mapping[str, Callable[[Any], str | None]] = field(default_factory=dict)
    body_limits: Mapping[str, int] = field(default_factory=dict)
    # REST APIs' older framework: what stands in the body is named under the operation's input and checked first; nulls
    # in maps are kept, and values of another type are refused by their class in Java.
    older: bool = False
    late: Mapping[str, str] = field(default_factory=dict)
    error: str = "ValidationException"
    # What is demanded of a shape, once it was asked for: by the model that has it and its name.
    demanded: dict[tuple[int, str], Demands] = field(default_factory=dict, compare=False, repr=False)


def check(operation: Operation, params: Mapping[str, Any], wording: Wording) -> None:
    """Raises an error with everything that is wrong."""
    problems = list(_Check(operation, wording).structure(operation.input, params, ""))
    if problems:
        number = f"{len(problems)} validation error{'s' if len(problems) > 1 else ''} detected: "
        raise AwsError(400, wording.error, number + "; ".join(problems))


class _Check:
    def __init__(self, operation: Operation, wording: Wording) -> None:
        self._operation = operation
        self._wording = wording

    def structure(self, shape: Shape, values: Mapping[str, Any], path: str) -> Iterator[str]:
        required = shape.get("required", ())
        for name, member, prefix in self._members_of(shape, path):
            value = values.get(name)
            if value is None and name not in required:
                continue
            at = f"{prefix}{name[:1].lower()}{name[1:]}"
            own = self._wording.own.get(f"{self._operation.name}.{path}{name}")
            if value is None:
                yield _failed("null", at, "Member must not be null")
            elif own is not None:
                if problem := own(value):
                    yield _failed(_quoted(self._operation.shapes[member["shape"]], value), at, problem)
            else:
                yield from self._value(member["shape"], value, at)

    def _members_of(self, shape: Shape, path: str) -> Iterator[tuple[str, Shape, str]]:
        """The members in the order in which they are checked, with what stands before their names."""
        members = shape.get("members", {})
        operation = self._operation.name
        if path or not self._wording.older:
            late = "" if path else self._wording.late.get(operation, "")
            ordered = sorted(members.items(), key=lambda member: member[0] == late) if late else members.items()
            yield from ((name, member, path) for name, member in ordered)
            return
        prefix = f"{operation[:1].lower()}{operation[1:]}Input."
        yield from ((name, member, prefix) for name, member in members.items() if "location" not in member)
        yield from ((name, member, "") for name, member in members.items() if "location" in member)

    def _value(self, name: str, value: Any, at: str) -> Iterator[str]:
        shape = self._operation.shapes[name]
        kind = shape["type"]
        if kind == "structure":
            yield from self.structure(shape, value, f"{at}.")
            return
        for holds, demand in self._demands(name, shape):
            if not holds(value):
                yield _failed(_quoted(shape, value), at, demand)
        if kind == "list":
            yield from self._list(shape, value, at)
        elif kind == "map":
            yield from self._map(shape, value, at)

    def _list(self, shape: Shape, values: list[Any], at: str) -> Iterator[str]:
        name = shape["member"]["shape"]
        if self._operation.shapes[name]["type"] in ("structure", "list", "map"):
            for number, value in enumerate(values, 1):
                yield from self._value(name, value, f"{at}.{number}.member")
            return
        # A list that may be empty, by its model, has no word against a null in it.
        not_null = shape.get("min") != 0 and not self._wording.older
        if problem := self._members(name, values, not_null):
            yield _failed(_quoted(shape, values), at, f"Member must satisfy constraint: {problem}")

    def _map(self, shape: Shape, values: Mapping[str, Any], at: str) -> Iterator[str]:
        if problem := self._members(shape["key"]["shape"], list(values), False):
            yield _failed(_quoted(shape, values), at, f"Map keys must satisfy constraint: {problem}")
        name = shape["value"]["shape"]
        if self._operation.shapes[name]["type"] in ("structure", "list", "map"):
            for key, value in values.items():
                yield from self._value(name, value, f"{at}.{key}.member")
        elif problem := self._members(name, list(values.values()), not self._wording.older):
            if self._operation.shapes[name]["type"] in ("float", "double"):
                values = {key: float(value) for key, value in values.items()}
            yield _failed(_quoted(shape, values), at, f"Map value must satisfy constraint: {problem}")

    def _members(self, name: str, values: list[Any], not_null: bool) -> str:
        """All that is demanded of the members, if one of them fails; else nothing."""
        demands = self._demands(name, self._operation.shapes[name])
        if all(holds(value) for value in values for holds, _ in demands):
            return ""
        texts = [demand for _, demand in demands] + ["Member must not be null"] * not_null
        return f"[{', '.join(texts)}]"

    def _demands(self, name: str, shape: Shape) -> Demands:
        # A model is kept for ever: no other mapping gets its address.
        key = id(self._operation.shapes), name
        demands = self._wording.demanded.get(key)
        if demands is None:
            demands = self._wording.demanded[key] = list(self._demands_of(name, shape))
        return demands

    def _demands_of(self, name: str, shape: Shape) -> Iterator[tuple[Callable[[Any], bool], str]]:
        kind = shape["type"]
        number = kind in ("integer", "long", "float", "double")
        size: Callable[[Any], Any] = (lambda value: value) if number else len
        what = "value" if number else "length"
        if kind not in ("blob", "timestamp", "boolean"):
            if (most := shape.get("max")) is not None:
                yield lambda value: size(value) <= most, f"Member must have {what} less than or equal to {most}"
            if (least := shape.get("min")) is not None:
                yield lambda value: size(value) >= least, f"Member must have {what} greater than or equal to {least}"
        pattern = self._wording.patterns.get(name, shape.get("pattern"))
        if pattern is not None and kind == "string":
            expression = _expression(pattern)
            yield (
                lambda value: expression.fullmatch(value) is not None,
                f"Member must satisfy regular expression pattern: {pattern}",
            )
        if "enum" in shape:
            listed = ", ".join(self._wording.enums.get(name) or sorted(shape["enum"], key=_bucket))
            yield lambda value: value in shape["enum"], f"Member must satisfy enum value set: [{listed}]"


def _failed(value: str, at: str, demand: str) -> str:
    return f"{f'Value {value}'.rstrip()} at '{at}' failed to satisfy constraint: {demand}"


def _quoted(shape: Shape, value: Any) -> str:
    """What is sensitive by the model, variables of a function for one, is not repeated."""
    return "" if shape.get("sensitive") else f"'{_shown(value)}'"


def _shown(value: Any) -> str:
    """As Java prints it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}={_shown(inner)}' for key, inner in value.items())}}}"
    return str(value)


def _bucket(text: str) -> int:
    code = 0
    for unit in text:
        code = 31 * code + ord(unit)
    return code % BUCKETS


# Unicode's classes, and what lies beyond its first plane.
_PYTHON = {
    r"\p{L}": r"\w",
    r"\p{N}": r"\d",
    r"\p{Z}": r"\s",
    r"\uD800\uDC00-\uDBFF\uDFFF": r"\U00010000-\U0010FFFF",
}


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    """A pattern as Java reads it."""
    for java, python in _PYTHON.items():
        pattern = pattern.replace(java, python)
    return re.compile(pattern)
