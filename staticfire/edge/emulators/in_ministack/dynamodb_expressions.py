"""DynamoDB's conditions and updates as functions, made of a text once; MiniStack walks its tokens for each item.

Written by hand, since no library evaluates DynamoDB's expressions as MiniStack does, wording of errors included. A part
that is not plain (a path into a document, `contains`, sets) stays with MiniStack's own functions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from operator import eq, ge, gt, le, lt, ne
from typing import Any

Tokens = Sequence[tuple[str, str]]
# Of an item, the request's values and its names.
Read = Callable[[Any, Any, Any], Any]
# Of the item that is changed, what it was before, the request's values and names, and the set of paths that changed.
Step = Callable[[Any, Any, Any, Any, Any], None]

_COMPARED = {
    "=": eq,
    "<>": ne,
    "<": lt,
    "<=": le,
    ">": gt,
    ">=": ge,
}
_COMPARISONS = ("EQ", "NE", "LT", "GT", "LE", "GE")
_NO_ATTRIBUTE = "The provided expression refers to an attribute that does not exist in the item"
_OVERFLOW = "Number overflow. Attempting to store a number with magnitude larger than supported range"


class NotPlainError(Exception):
    """MiniStack is to evaluate this text."""


def condition(dynamodb: Any, tokens: Tokens) -> Read | None:
    """What a condition says of an item; None where MiniStack's evaluator is to be used."""
    reader = _Condition(dynamodb, tokens)
    try:
        read = reader.either()
    except NotPlainError:
        return None
    # What stands behind it MiniStack does not read either; it is left to its evaluator.
    return read if reader.kind() == "EOF" else None


class _Condition:
    """One condition's text; each method reads a part of it, as MiniStack's evaluator does, and both sides of `or`."""

    def __init__(self, dynamodb: Any, tokens: Tokens) -> None:
        self._upstream = dynamodb
        self._tokens = tokens
        self._at = 0

    def kind(self, offset: int = 0) -> str:
        at = self._at + offset
        return self._tokens[at][0] if at < len(self._tokens) else "EOF"

    def _word(self) -> str:
        return self._tokens[self._at][1].upper() if self.kind() == "IDENT" else ""

    def _take(self, kind: str) -> str:
        if self.kind() != kind:
            raise NotPlainError
        self._at += 1
        return self._tokens[self._at - 1][1]

    def either(self) -> Read:
        left = self._both()
        while self._word() == "OR":
            self._at += 1
            left = _or(left, self._both())
        return left

    def _both(self) -> Read:
        left = self._negated()
        while self._word() == "AND":
            self._at += 1
            left = _and(left, self._negated())
        return left

    def _negated(self) -> Read:
        if self._word() == "NOT":
            self._at += 1
            return _not(self._negated())
        return self._primary()

    def _primary(self) -> Read:
        if self.kind() == "LPAREN":
            self._at += 1
            inner = self.either()
            self._take("RPAREN")
            return inner
        if self._word() in ("ATTRIBUTE_EXISTS", "ATTRIBUTE_NOT_EXISTS") and self.kind(1) == "LPAREN":
            there = self._word() == "ATTRIBUTE_EXISTS"
            self._at += 2
            path = self._path()
            self._take("RPAREN")
            return _exists(path) if there else _not(_exists(path))
        left = self._operand()
        if self.kind() in _COMPARISONS:
            operator = self._take(self.kind())
            return self._comparison(left, operator, self._operand())
        if self._word() == "BETWEEN":
            self._at += 1
            low = self._operand()
            if self._word() != "AND":
                raise NotPlainError
            self._at += 1
            high = self._operand()
            return _then(self._comparison(low, "<=", left), self._comparison(left, "<=", high))
        raise NotPlainError

    def _operand(self) -> Read:
        if self.kind() == "VALUE_REF":
            return _value(self._take("VALUE_REF"))
        return self._path()

    def _path(self) -> Read:
        """An attribute of the item; a path into it is not plain."""
        kind = self.kind()
        if kind not in ("NAME_REF", "IDENT") or self.kind(1) in ("DOT", "LBRACKET", "LPAREN"):
            raise NotPlainError
        return _attribute(kind, self._take(kind))

    def _comparison(self, left: Read, operator: str, right: Read) -> Read:
        compare, plain = self._upstream._compare_ddb, _COMPARED[operator]

        def compared(item: Any, values: Any, names: Any) -> Any:
            one, other = left(item, values, names), right(item, values, names)
            if type(one) is dict and type(other) is dict and len(one) == 1 == len(other):
                [(kind, first)], [(its, second)] = one.items(), other.items()
                if kind == its and type(first) is str and type(second) is str:
                    if kind == "S":
                        return plain(first, second)
                    if kind == "N" and len(first) < 40 > len(second) and first.isdecimal() and second.isdecimal():
                        return plain(int(first), int(second))
            return compare(one, operator, other)

        return compared


def _or(left: Read, right: Read) -> Read:
    def read(item: Any, values: Any, names: Any) -> Any:
        first, second = left(item, values, names), right(item, values, names)
        return first or second

    return read


def _and(left: Read, right: Read) -> Read:
    def read(item: Any, values: Any, names: Any) -> Any:
        first, second = left(item, values, names), right(item, values, names)
        return first and second

    return read


def _then(left: Read, right: Read) -> Read:
    """Operands of `between` are all read, and cannot fail; the second comparison is made where the first holds."""
    return lambda item, values, names: left(item, values, names) and right(item, values, names)


def _not(inner: Read) -> Read:
    return lambda item, values, names: not inner(item, values, names)


def _exists(path: Read) -> Read:
    return lambda item, values, names: path(item, values, names) is not None


def _value(reference: str) -> Read:
    return lambda item, values, names: values.get(reference)


def _attribute(kind: str, text: str) -> Read:
    if kind == "NAME_REF":
        return lambda item, values, names: item.get(names.get(text, text))
    return lambda item, values, names: item.get(text)


class Updates:
    """Updates as functions: they change a copy, and answer it with the paths that they set or removed."""

    def __init__(self, dynamodb: Any, copied: Callable[[Any], Any]) -> None:
        self._upstream = dynamodb
        self._copied = copied

    def steps(self, clauses: dict[str, tuple[tuple[str, str], ...]]) -> tuple[Step, ...]:
        """What is done to the item, in MiniStack's sequence of clauses."""
        steps: list[Step] = []
        if "SET" in clauses:
            steps.append(self._set(clauses["SET"]))
        if "REMOVE" in clauses:
            steps.append(self._remove(clauses["REMOVE"]))
        for part in self._parts(clauses.get("ADD", ())):
            steps.append(self._add(part))
        if "DELETE" in clauses:
            steps.append(self._delete(clauses["DELETE"]))
        return tuple(steps)

    def apply(self, steps: tuple[Step, ...], item: Any, values: Any, names: Any, updated: Any) -> tuple[Any, Any]:
        updated = set() if updated is None else updated
        # Texts are never changed in place: a value that is one is the same in both items. But MiniStack takes an
        # attribute of the name "M" for a document and writes into it.
        if "M" in item:
            changed = self._copied(item)
        else:
            changed = {name: value if "S" in value else self._copied(value) for name, value in item.items()}
        for step in steps:
            step(changed, item, values, names, updated)
        return changed, updated

    def _parts(self, tokens: Tokens) -> list[Any]:
        parts: list[Any] = self._upstream._split_by_comma(tokens)
        return parts

    def _set(self, tokens: Tokens) -> Step:
        whole = self._upstream._apply_set

        def by_upstream(changed: Any, item: Any, values: Any, names: Any, updated: Any) -> None:
            whole(changed, tokens, values, names, updated)

        assignments = []
        for part in self._parts(tokens):
            if len(part) < 3 or part[0][0] not in ("NAME_REF", "IDENT") or part[1][0] != "EQ":
                return by_upstream
            assignments.append((part[0][0] == "NAME_REF", part[0][1], self._assigned(part[2:])))
        copied = self._copied

        def apply(changed: Any, item: Any, values: Any, names: Any, updated: Any) -> None:
            pending = []
            for placeholder, text, value_of in assignments:
                name = names.get(text, text) if placeholder else text
                value = value_of(item, values, names)
                if value is not None:
                    pending.append((name, copied(value)))
                    updated.add((name,))
            changed.update(pending)

        return apply

    def _assigned(self, tokens: Tokens) -> Read:
        """The value of an assignment."""
        find, kinds = self._upstream._find_matching_paren, [kind for kind, _ in tokens] or [""]
        if kinds == ["VALUE_REF"]:
            return _value(tokens[0][1])
        if len(tokens) == 1 and kinds[0] in ("NAME_REF", "IDENT"):
            return _there(_attribute(*tokens[0]))
        if kinds[0] == "LPAREN" and find(tokens, 0) == len(tokens) - 1 and len(tokens) > 2:
            return self._assigned(tokens[1:-1])
        depth = 0
        for at, kind in enumerate(kinds):
            depth += (kind == "LPAREN") - (kind == "RPAREN")
            if depth == 0 and kind in ("PLUS", "MINUS") and 0 < at < len(tokens) - 1:
                return self._sum(self._assigned(tokens[:at]), kind == "PLUS", self._assigned(tokens[at + 1 :]))
        if kinds[:2] == ["IDENT", "LPAREN"] and tokens[0][1].lower() == "if_not_exists":
            parts = self._parts(tokens[2:-1])
            plain = find(tokens, 1) == len(tokens) - 1 and len(parts) == 2 and len(parts[0]) == 1
            if plain and parts[0][0][0] in ("NAME_REF", "IDENT"):
                return _or_else(_attribute(*parts[0][0]), self._assigned(parts[1]))
        evaluate = self._upstream._eval_set_value
        return lambda item, values, names: evaluate(tokens, item, values, names)

    def _sum(self, left: Read, plus: bool, right: Read) -> Read:
        upstream = self._upstream

        def value(item: Any, values: Any, names: Any) -> Any:
            one, other = left(item, values, names), right(item, values, names)
            if not (one and other and "N" in one and "N" in other):
                return one
            first, second = Decimal(one["N"]), Decimal(other["N"])
            number = upstream._ddb_canonicalize_number(str(first + second if plus else first - second))
            if number is None:
                raise ValueError(_OVERFLOW)
            return {"N": number}

        return value

    def _add(self, part: Tokens) -> Step:
        add = self._upstream._apply_add
        plain = [kind for kind, _ in part] in (["NAME_REF", "VALUE_REF"], ["IDENT", "VALUE_REF"])
        placeholder = plain and part[0][0] == "NAME_REF"
        text, reference = (part[0][1], part[1][1]) if plain else ("", "")

        def apply(changed: Any, item: Any, values: Any, names: Any, updated: Any) -> None:
            if plain:
                name, added = names.get(text, text) if placeholder else text, values.get(reference)
                there = changed.get(name)
                if type(added) is dict and list(added) == ["N"] and (there is None or list(there) == ["N"]):
                    updated.add((name,))
                    before = Decimal(there["N"]) if there else Decimal(0)
                    changed[name] = {"N": str(before + Decimal(added["N"]))}
                    return
            add(changed, part, values, names, updated)

        return apply

    def _remove(self, tokens: Tokens) -> Step:
        remove = self._upstream._apply_remove
        return lambda changed, item, values, names, updated: remove(changed, tokens, names, updated)

    def _delete(self, tokens: Tokens) -> Step:
        delete = self._upstream._apply_delete
        return lambda changed, item, values, names, updated: delete(changed, tokens, values, names, updated)


def _there(attribute: Read) -> Read:
    def read(item: Any, values: Any, names: Any) -> Any:
        value = attribute(item, values, names)
        if value is None:
            raise ValueError(_NO_ATTRIBUTE)
        return value

    return read


def _or_else(attribute: Read, default: Read) -> Read:
    def read(item: Any, values: Any, names: Any) -> Any:
        value = attribute(item, values, names)
        return default(item, values, names) if value is None else value

    return read
