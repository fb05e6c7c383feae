"""The nodes of a template: each shows itself (`render`) or has a value (`value`), step by step within its budget."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from . import values
from .budget import MAX_DEPTH, MAX_ITERATIONS, MAX_TEXT, Budget, OutOfBudget, TemplateFailed
from .values import JavaList, text_of, true, wrapped


class Stop(Exception):
    """`#stop`: nothing further is rendered."""


class Break(Exception):
    """`#break`: the loop ends."""


@dataclass(slots=True)
class Rendering:
    """One rendering: what is set, what is out already."""

    variables: dict[str, Any]
    budget: Budget
    macros: dict[str, Macro] = field(default_factory=dict)
    depth: int = 0
    out: list[str] = field(default_factory=list)
    length: int = 0

    def write(self, text: str) -> None:
        self.length += len(text)
        self.budget.text(len(text))
        if self.length > MAX_TEXT:
            raise OutOfBudget("the mapping template renders more than a payload may have")
        self.out.append(text)

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise OutOfBudget(f"macros and definitions of the mapping template are nested more than {MAX_DEPTH} deep")


class TemplateNode(Protocol):
    def render(self, run: Rendering) -> None: ...


class Expression(Protocol):
    def value(self, run: Rendering) -> Any: ...


@dataclass(slots=True)
class TemplateBlock:
    nodes: Sequence[TemplateNode]

    def render(self, run: Rendering) -> None:
        for node in self.nodes:
            run.budget.spend()
            node.render(run)

    def text(self, run: Rendering) -> str:
        """What it renders, as a text of its own."""
        out, length = run.out, run.length
        run.out, run.length = [], 0
        try:
            self.render(run)
            return "".join(run.out)
        finally:
            run.out, run.length = out, length


@dataclass(slots=True)
class Text:
    text: str

    def render(self, run: Rendering) -> None:
        run.write(self.text)


@dataclass(slots=True)
class Property:
    name: str


@dataclass(slots=True)
class MethodCall:
    name: str
    arguments: Sequence[Expression]


@dataclass(slots=True)
class Index:
    index: Expression


Accessor = Property | MethodCall | Index


@dataclass(slots=True)
class Reference:
    """`$name.property.method(argument)[index]`. What is null shows nothing, as on API Gateway."""

    name: str
    accessors: Sequence[Accessor] = ()

    def render(self, run: Rendering) -> None:
        value = self.value(run)
        if isinstance(value, DefinedBlock):
            value.render(run)
        elif value is not None:
            run.write(text_of(value, run.budget))

    def value(self, run: Rendering) -> Any:
        run.budget.spend()
        value = run.variables.get(self.name)
        for accessor in self.accessors:
            value = _access(value, accessor, run)
        return value

    def assign(self, run: Rendering, value: Any) -> None:
        if not self.accessors:
            run.variables[self.name] = value
            return
        target = run.variables.get(self.name)
        for accessor in self.accessors[:-1]:
            target = _access(target, accessor, run)
        last = self.accessors[-1]
        if isinstance(last, MethodCall):
            raise TemplateFailed(f"#set cannot assign to the method {last.name}")
        key = last.name if isinstance(last, Property) else last.index.value(run)
        if isinstance(target, list):
            place = values.as_int(key)
            if not 0 <= place < len(target):
                raise TemplateFailed(f"a list of {len(target)} has no place {place}")
            target[place] = value
        elif isinstance(target, dict) and not isinstance(key, list | dict):
            target[key] = value
        # Velocity logs what it cannot set, and goes on.


def _access(value: Any, accessor: Accessor, run: Rendering) -> Any:
    if isinstance(accessor, Property):
        return values.member(value, accessor.name, run.budget)
    if isinstance(accessor, Index):
        return values.element(value, accessor.index.value(run))
    return values.call(value, accessor.name, [argument.value(run) for argument in accessor.arguments], run.budget)


@dataclass(slots=True)
class Literal:
    constant: Any

    def value(self, run: Rendering) -> Any:
        return self.constant


@dataclass(slots=True)
class Interpolated:
    """A text in double quotes: a template of its own."""

    block: TemplateBlock

    def value(self, run: Rendering) -> Any:
        run.budget.spend()
        return self.block.text(run)


@dataclass(slots=True)
class ListLiteral:
    items: Sequence[Expression]

    def value(self, run: Rendering) -> Any:
        run.budget.spend(len(self.items) + 1)
        return JavaList([item.value(run) for item in self.items])


@dataclass(slots=True)
class RangeLiteral:
    start: Expression
    end: Expression

    def value(self, run: Rendering) -> Any:
        first, last = values.as_int(self.start.value(run)), values.as_int(self.end.value(run))
        run.budget.spend(abs(last - first) + 1)
        step = 1 if last >= first else -1
        return JavaList(range(first, last + step, step))


@dataclass(slots=True)
class MapLiteral:
    items: Sequence[tuple[Expression, Expression]]

    def value(self, run: Rendering) -> Any:
        run.budget.spend(len(self.items) + 1)
        made: dict[Any, Any] = {}
        for key, item in self.items:
            name = key.value(run)
            made[text_of(name, run.budget) if isinstance(name, list | dict) else name] = item.value(run)
        return made


@dataclass(slots=True)
class Not:
    operand: Expression

    def value(self, run: Rendering) -> Any:
        run.budget.spend()
        return not true(self.operand.value(run))


@dataclass(slots=True)
class Logical:
    """`and`, `or`: the right side only where it matters."""

    left: Expression
    right: Expression
    ends_with: bool

    def value(self, run: Rendering) -> Any:
        run.budget.spend()
        if true(self.left.value(run)) is self.ends_with:
            return self.ends_with
        return true(self.right.value(run))


@dataclass(slots=True)
class Binary:
    operator: str
    left: Expression
    right: Expression

    def value(self, run: Rendering) -> Any:
        run.budget.spend()
        return OPERATORS[self.operator](self.left.value(run), self.right.value(run), run.budget)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _equal(left: Any, right: Any, budget: Budget) -> bool:
    if isinstance(left, list | dict) or isinstance(right, list | dict):
        if type(left) is not type(right) and not (isinstance(left, list) and isinstance(right, list)):
            return False
        return values.as_json(left, budget) == values.as_json(right, budget)
    if _number(left) and _number(right):
        return bool(left == right)
    if isinstance(left, bool) is not isinstance(right, bool):
        return False
    return bool(left == right)


def _compared(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any, Budget], bool]:
    def value(left: Any, right: Any, budget: Budget) -> bool:
        comparable = (_number(left) and _number(right)) or (isinstance(left, str) and isinstance(right, str))
        return comparable and compare(left, right)

    return value


def _plus(left: Any, right: Any, budget: Budget) -> Any:
    if _number(left) and _number(right):
        return _limited(left + right)
    if isinstance(left, str) or isinstance(right, str):
        texts = text_of(left, budget), text_of(right, budget)
        budget.text(len(texts[0]) + len(texts[1]))
        return texts[0] + texts[1]
    return None


def _limited(number: float) -> float:
    return wrapped(number) if isinstance(number, int) else number


def _calculated(calculate: Callable[[Any, Any], Any]) -> Callable[[Any, Any, Budget], Any]:
    def value(left: Any, right: Any, budget: Budget) -> Any:
        if not (_number(left) and _number(right)):
            return None
        try:
            return _limited(calculate(left, right))
        except (ZeroDivisionError, OverflowError, ValueError):
            return None  # Velocity's answer too

    return value


def _divided(left: Any, right: Any) -> Any:
    if isinstance(left, int) and isinstance(right, int):
        quotient = abs(left) // abs(right)
        return quotient if (left < 0) is (right < 0) else -quotient
    return left / right


def _remainder(left: Any, right: Any) -> Any:
    return left - right * _divided(left, right) if isinstance(left, int) and isinstance(right, int) else left % right


OPERATORS: Mapping[str, Callable[[Any, Any, Budget], Any]] = {
    "==": _equal,
    "!=": lambda left, right, budget: not _equal(left, right, budget),
    "<": _compared(lambda left, right: left < right),
    "<=": _compared(lambda left, right: left <= right),
    ">": _compared(lambda left, right: left > right),
    ">=": _compared(lambda left, right: left >= right),
    "+": _plus,
    "-": _calculated(lambda left, right: left - right),
    "*": _calculated(lambda left, right: left * right),
    "/": _calculated(_divided),
    "%": _calculated(_remainder),
}


@dataclass(slots=True)
class Set:
    target: Reference
    expression: Expression

    def render(self, run: Rendering) -> None:
        self.target.assign(run, self.expression.value(run))


@dataclass(slots=True)
class If:
    branches: Sequence[tuple[Expression, TemplateBlock]]
    otherwise: TemplateBlock | None

    def render(self, run: Rendering) -> None:
        for condition, block in self.branches:
            run.budget.spend()
            if true(condition.value(run)):
                block.render(run)
                return
        if self.otherwise is not None:
            self.otherwise.render(run)


@dataclass(slots=True)
class Foreach:
    name: str
    items: Expression
    block: TemplateBlock

    def render(self, run: Rendering) -> None:
        items = self.items.value(run)
        items = list(items.values()) if isinstance(items, dict) else list(items) if isinstance(items, list) else []
        if len(items) > MAX_ITERATIONS:
            raise OutOfBudget(f"#foreach has {len(items)} items, more than {MAX_ITERATIONS}")
        own = (self.name, "foreach", "velocityCount", "velocityHasNext")
        before = {name: run.variables.get(name) for name in own}
        try:
            for index, item in enumerate(items):
                run.budget.spend()
                self._step(run, item, index, len(items))
                self.block.render(run)
        except Break:
            pass
        finally:
            run.variables.update(before)

    def _step(self, run: Rendering, item: Any, index: int, count: int) -> None:
        more = index + 1 < count
        run.variables[self.name] = item
        run.variables["velocityCount"] = index + 1
        run.variables["velocityHasNext"] = more
        run.variables["foreach"] = {
            "index": index,
            "count": index + 1,
            "hasNext": more,
            "first": index == 0,
            "last": not more,
        }


@dataclass(slots=True)
class Macro:
    name: str
    parameters: Sequence[str]
    block: TemplateBlock

    def render(self, run: Rendering) -> None:
        run.macros[self.name] = self


@dataclass(slots=True)
class MacroUse:
    name: str
    arguments: Sequence[Expression]

    def render(self, run: Rendering) -> None:
        macro = run.macros.get(self.name)
        if macro is None:
            raise TemplateFailed(f"the macro #{self.name} is used before it is defined")
        run.deeper()
        passed = [argument.value(run) for argument in self.arguments]
        before = {name: run.variables.get(name) for name in macro.parameters}
        for place, name in enumerate(macro.parameters):
            run.variables[name] = passed[place] if place < len(passed) else None
        try:
            macro.block.render(run)
        finally:
            run.variables.update(before)
            run.depth -= 1


@dataclass(slots=True)
class DefinedBlock:
    """What `#define` keeps: rendered where it is referred to."""

    block: TemplateBlock

    def render(self, run: Rendering) -> None:
        run.deeper()
        try:
            self.block.render(run)
        finally:
            run.depth -= 1


@dataclass(slots=True)
class Define:
    name: str
    block: TemplateBlock

    def render(self, run: Rendering) -> None:
        run.variables[self.name] = DefinedBlock(self.block)


@dataclass(slots=True)
class Leave:
    """`#stop` and `#break`."""

    kind: type[Exception]

    def render(self, run: Rendering) -> None:
        raise self.kind
