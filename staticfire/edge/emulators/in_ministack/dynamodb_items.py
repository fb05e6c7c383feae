"""DynamoDB's writes and conditions: what a text says is found out once, and what nobody changes is not copied.

A program's calls differ in their values, hardly in their expressions, and their numbers come again. MiniStack parses,
checks and measures each of them anew, and copies an item four times to update it. Every answer stays: a function of
ours calls upstream's for what is not the plain case.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from functools import lru_cache
from types import ModuleType, SimpleNamespace
from typing import Any

from .dynamodb_expressions import Read, Step, Updates, condition

# What is remembered is this small, and there are so many of it.
EXPRESSION, EXPRESSIONS = 4096, 1024
NUMBER, NUMBERS = 64, 16384

# Functions that ours stand in for.
_WRITTEN_FOR = {
    "_nesting_level": "e880d7cbf8124506",
    "_attribute_value_error": "55ab8d8af96fd9ae",
    "_attribute_value_size": "a57557cf9928573c",
    "_item_size_bytes": "9be41cc11f947cde",
    "_update_request_charge": "6d5864fa21c4ad49",
    "_tokenize": "6abb13395c3ee7b6",
    "_condition_syntax_error": "5213f1ffac34e6cb",
    "_check_redundant_parens": "9d6df76cfe8735ab",
    "_check_reserved_keyword_usage": "5b08c4cc141cc49a",
    "_ddb_canonicalize_number": "cfa3862c4b5124a6",
    "_number_error": "ef4bc256910b5cf4",
    "_validate_attribute_value": "6877d90e04589cbc",
    "_extract_key_val": "faaaf17a7c3923b4",
    "_number_size_bytes": "b88f1324ce678bb2",
    # What dynamodb_expressions does as these do, and what it has them do.
    "_apply_update_expression": "ffd488974842767c",
    "_ExprEval": "f70c83cbdce34bd7",
    "_compare_ddb": "59740ef651638dea",
    "_ddb_comparable": "ad3e9eb5f496c695",
    "_get_at_path": "788f1e8d815b7c3c",
    "_set_at_path": "83b87aef19468600",
    "_eval_set_value": "cb7d09959b293838",
    "_apply_add": "7dc7c7882941a452",
    "_split_by_comma": "5bbb6c2a3634629b",
    "_find_matching_paren": "b6f742cb75dae62f",
}

_CONDITION = (
    "        tokens = _tokenize(expr)\n"
    "        err = _check_redundant_parens(tokens, slot)\n"
    "        if err:\n"
    "            raise ValueError(err)\n"
    "        err = _check_reserved_keyword_usage(tokens) or _condition_syntax_error(expr, slot)\n"
    "        if err:\n"
    "            raise ValueError(err)\n",
    "        tokens, err, bounded, holds = _condition_text(expr, slot)\n"
    "        if err:\n            raise ValueError(err)\n",
)
_EVALUATED = (
    "        return _ExprEval(tokens, item, attr_values, attr_names).evaluate()\n",
    "        if holds is not None:\n"
    "            return holds(item, attr_values, attr_names)\n"
    "        return _ExprEval(tokens, item, attr_values, attr_names).evaluate()\n",
)
_BOUNDS = (
    "        for i, tok in enumerate(tokens):\n",
    "        for i, tok in enumerate(tokens) if bounded else ():\n",
)

# Each value is worked out before the first is set, so that the item is still what it was; values are copied instead.
_SET_SNAPSHOT = ("    pre_snapshot = copy.deepcopy(item)\n", "    pre_snapshot = item\n")
_SET_VALUE = (
    "        value = _eval_set_value(assignment[eq_idx + 1:], pre_snapshot, attr_values, attr_names)\n",
    "        value = copy.deepcopy(_eval_set_value(assignment[eq_idx + 1:], pre_snapshot, attr_values, attr_names))\n",
)
# An item that is kept is replaced and never changed: what was before needs no copy, and whoever updates makes one.
_ITEM_BEFORE = (
    "    old_item = copy.deepcopy(existing) if existing else None\n"
    "    item = copy.deepcopy(existing) if existing else dict(key)\n",
    "    old_item = existing if existing else None\n    item = dict(existing) if existing else dict(key)\n",
)
_PROBE = (
    'elif op_type == "Update" and op.get("UpdateExpression"):\n',
    'elif op_type == "Update" and op.get("UpdateExpression") and (\n'
    '                tbl.get("GlobalSecondaryIndexes") or tbl.get("LocalSecondaryIndexes")):\n',
)
_PROBE_AGAIN = (
    "                probe = copy.deepcopy(existing) if existing else dict(key_src)\n"
    "                try:\n"
    "                    probe, _ = _apply_update_expression(probe, ue,",
    "                probe = existing if existing else dict(key_src)\n"
    "                try:\n"
    "                    probe, changed = _apply_update_expression(probe, ue,",
)
_TRANSACTED = (
    '            old_item = copy.deepcopy(tbl["items"].get(pk_val, {}).get(sk_val))\n'
    "            item = copy.deepcopy(old_item) if old_item else dict(key)\n",
    '            old_item = tbl["items"].get(pk_val, {}).get(sk_val)\n'
    "            item = dict(old_item) if old_item else dict(key)\n",
)
# MiniStack lets a transaction change a key, and keeps the item under the old one: it is refused as UpdateItem does.
# What an update made to see whether it may is what is written: nothing changes items in between, and where one expired
# meanwhile, in a thread of MiniStack's own, it is made again.
_APPLIED = (
    "    val_reasons = {}\n    expr_reasons = {}\n",
    "    val_reasons = {}\n    expr_reasons = {}\n    applied = {}\n",
)
_PROBED = (
    "                else:\n                    imsg = _index_key_type_reason(tbl, probe)\n",
    "                else:\n                    applied[id(op)] = (existing, probe)\n"
    "                    keys = (tbl['pk_name'], tbl['sk_name'])\n"
    "                    part = next((path[0] for path in changed if path[0] in keys), None)\n"
    "                    if part:\n"
    "                        val_reasons[idx] = ('One or more parameter values were invalid: Cannot update '\n"
    "                                            f'attribute {part}. This attribute is part of the key')\n"
    "                        continue\n"
    "                    imsg = _index_key_type_reason(tbl, probe)\n",
)
_WRITTEN = (
    "            if ue:\n                item, _ = _apply_update_expression(item, ue,",
    "            before, probe = applied.get(id(op), (None, None))\n"
    "            if ue and probe is not None and before is old_item:\n"
    "                item = probe\n"
    "            elif ue:\n                item, _ = _apply_update_expression(item, ue,",
)
_VALUE_REFS = ('re.findall(r":[A-Za-z_][A-Za-z0-9_]*", body)', "_value_refs(body)")
_NAME_REFS = ('re.findall(r"#[A-Za-z_][A-Za-z0-9_]*", body)', "_name_refs(body)")


def correct(upstream: ModuleType) -> None:
    from ministack.services import dynamodb

    upstream.unchanged(dynamodb, _WRITTEN_FOR)
    _remember_texts(dynamodb)
    _know_numbers(dynamodb)
    _measure_quickly(dynamodb)
    conditions, updates = _Conditions(dynamodb), _Updates(dynamodb)
    upstream.edit(dynamodb, "_evaluate_condition", _CONDITION, _BOUNDS, _EVALUATED, _condition_text=conditions.text)
    dynamodb._apply_update_expression = updates.apply
    upstream.edit(dynamodb, "_apply_set", _SET_SNAPSHOT, _SET_VALUE)
    upstream.edit(dynamodb, "_update_item", _ITEM_BEFORE)
    upstream.edit(dynamodb, "_transact_write_items", _PROBE, _PROBE_AGAIN, _TRANSACTED, _APPLIED, _PROBED, _WRITTEN)
    upstream.edit(
        dynamodb,
        "_validate_expression_attrs",
        _VALUE_REFS,
        _NAME_REFS,
        _value_refs=_remembered(re.compile(r":[A-Za-z_][A-Za-z0-9_]*").findall, EXPRESSION, EXPRESSIONS),
        _name_refs=_remembered(re.compile(r"#[A-Za-z_][A-Za-z0-9_]*").findall, EXPRESSION, EXPRESSIONS),
    )
    dynamodb.copy = SimpleNamespace(deepcopy=copied)


def _remembered(function: Callable[..., Any], longest: int, most: int) -> Callable[..., Any]:
    """As the function, which answers by its arguments alone, what nobody changes; long texts are not kept."""
    kept = lru_cache(most)(function)

    def remembered(text: Any, *arguments: Any) -> Any:
        if type(text) is str and len(text) <= longest:
            return kept(text, *arguments)
        return function(text, *arguments)

    return remembered


def _remember_texts(dynamodb: Any) -> None:
    tokens = _remembered(dynamodb._tokenize, EXPRESSION, EXPRESSIONS)
    dynamodb._tokenize = lambda expression: list(tokens(expression))
    dynamodb._condition_syntax_error = _remembered(dynamodb._condition_syntax_error, EXPRESSION, EXPRESSIONS)
    for name in ("_ddb_canonicalize_number", "_number_error", "_number_size_bytes"):
        setattr(dynamodb, name, _remembered(getattr(dynamodb, name), NUMBER, NUMBERS))


class _Conditions:
    """What a condition's text says: its tokens, what is wrong with it, whether it has bounds to be compared."""

    def __init__(self, dynamodb: Any) -> None:
        self._upstream = dynamodb
        self.text = _remembered(self._read, EXPRESSION, EXPRESSIONS)

    def _read(self, expression: str, slot: str) -> tuple[tuple[tuple[str, str], ...], str | None, bool, Read | None]:
        tokens = self._upstream._tokenize(expression)
        wrong = (
            self._upstream._check_redundant_parens(tokens, slot)
            or self._upstream._check_reserved_keyword_usage(tokens)
            or self._upstream._condition_syntax_error(expression, slot)
        )
        bounded = any(text.upper() == "BETWEEN" for kind, text in tokens if kind == "IDENT")
        return tuple(tokens), wrong, bounded, None if wrong else condition(self._upstream, tokens)


class _Updates:
    """What an update's text says: what is done to an item, or what is wrong with it."""

    def __init__(self, dynamodb: Any) -> None:
        self._upstream = dynamodb
        self._updates = Updates(dynamodb, copied)
        self._text = _remembered(self._read, EXPRESSION, EXPRESSIONS)

    def apply(self, item: Any, expression: str, values: Any, names: Any, updated: Any = None) -> Any:
        steps, wrong = self._text(expression)
        if wrong:
            raise ValueError(wrong)
        return self._updates.apply(steps, item, values, names, updated)

    def _read(self, expression: str) -> tuple[tuple[Step, ...], str | None]:
        tokens = self._upstream._tokenize(expression)
        clauses: dict[str, tuple[tuple[str, str], ...]] = {}
        names = []
        clause = ""
        its: list[tuple[str, str]] = []
        for kind, text in tokens:
            if kind == "IDENT" and text.upper() in ("SET", "REMOVE", "ADD", "DELETE"):
                if clause:
                    clauses[clause] = tuple(its)
                clause, its = text.upper(), []
            else:
                names.append((kind, text))
                if kind != "EOF":
                    its.append((kind, text))
        if clause:
            clauses[clause] = tuple(its)
        wrong = self._upstream._check_redundant_parens(tokens) or self._upstream._check_reserved_keyword_usage(names)
        return () if wrong else self._updates.steps(clauses), wrong


def _know_numbers(dynamodb: Any) -> None:
    """A number is one key however it is written: MiniStack looks for an item under the text that was sent."""
    extract, canonical = dynamodb._extract_key_val, dynamodb._ddb_canonicalize_number

    def key_value(attribute: Any) -> Any:
        value = extract(attribute)
        if value and type(attribute) is dict and "N" in attribute and "S" not in attribute:
            return canonical(value) or value
        return value

    dynamodb._extract_key_val = key_value


def _measure_quickly(dynamodb: Any) -> None:
    """Sizes, depths and faults of values: strings, numbers and flags here, the rest by upstream's functions."""
    level, fault, size = dynamodb._nesting_level, dynamodb._attribute_value_error, dynamodb._attribute_value_size

    def nesting_level(value: Any, depth: int = 1) -> Any:
        if type(value) is dict and ("M" in value or "L" in value):
            return level(value, depth)
        return depth

    def attribute_value_error(value: Any) -> Any:
        if type(value) is dict and len(value) == 1 and ("S" in value or "BOOL" in value or "B" in value):
            return None
        return fault(value)

    validate, canonical = dynamodb._validate_attribute_value, dynamodb._ddb_canonicalize_number
    deepest = dynamodb._DDB_MAX_NESTING_DEPTH

    def validate_attribute_value(name: str, value: Any, _depth: int = 1) -> Any:
        if type(value) is dict and len(value) == 1 and _depth <= deepest:
            [(kind, content)] = value.items()
            if type(content) is str:
                if kind == "S":
                    return None
                if kind == "N" and (number := canonical(content)) is not None:
                    value["N"] = number
                    return None
        return validate(name, value, _depth)

    number_size = dynamodb._number_size_bytes

    def attribute_value_size(value: Any) -> Any:
        if type(value) is dict and len(value) == 1:
            [(kind, content)] = value.items()
            if type(content) is str:
                if kind == "S":
                    return len(content) if content.isascii() else len(content.encode())
                if kind == "N":
                    return number_size(content)
        return size(value)

    def item_size_bytes(item: Any) -> Any:
        if not isinstance(item, dict):
            return 0
        total = 0
        for name, value in item.items():
            total += (len(name) if name.isascii() else len(name.encode())) + attribute_value_size(value)
        return total

    measure = dynamodb._update_request_charge

    def charge(expression: str, values: Any, names: Any, before: Any) -> Any:
        """A token costs at most 64 bytes and what it stands for, and a token has a character."""
        longest = max(map(len, (expression, *(names or {}).values())))
        for value in (values or {}).values():
            kind, content = next(iter(value.items()), ("", ""))
            if kind not in ("S", "N", "B") or not isinstance(content, str):
                return measure(expression, values, names, before)
            longest = max(longest, len(content))
        most = len(expression) * (64 + 4 * longest)
        return most if most <= dynamodb._DDB_ITEM_MAX_BYTES else measure(expression, values, names, before)

    dynamodb._nesting_level = nesting_level
    dynamodb._validate_attribute_value = validate_attribute_value
    dynamodb._attribute_value_error = attribute_value_error
    dynamodb._attribute_value_size = attribute_value_size
    dynamodb._item_size_bytes = item_size_bytes
    dynamodb._update_request_charge = charge


def copied(value: Any) -> Any:
    """As copy.deepcopy, for the trees of dicts, lists and strings that items are."""
    if type(value) is dict:
        return {name: inner if type(inner) is str else copied(inner) for name, inner in value.items()}
    if type(value) is list:
        return [copied(inner) for inner in value]
    return value if value is None or type(value) in (str, bool) else copy.deepcopy(value)
