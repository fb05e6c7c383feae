"""Values in templates: what is true, how each is shown, and the methods that each kind has.

Velocity calls Java's methods by reflection. Here a kind of value has the methods of this table and nothing else: no
template reaches into Python. JSON arrays are shown as JSON, JSON objects as Java shows a map, as AWS does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from staticfire.edge.services.apigateway.rest.serving import patterns

from .budget import MAX_DEPTH, Budget, OutOfBudget, TemplateFailed

Method = Callable[[Budget, Any, Sequence[Any]], Any]

# What a search by a pattern takes beside its text's length, in steps.
_PATTERN_STEPS = 200


class JavaList(list[Any]):
    """A list that a template made itself: shown as Java shows one."""


class MapEntry:
    """A key of a map with its value."""

    __slots__ = ("key", "value")

    def __init__(self, key: Any, value: Any) -> None:
        self.key = key
        self.value = value


def true(value: Any) -> bool:
    return bool(value)


def number_text(value: float) -> str:
    """A double as Java shows it."""
    if value != value or value in (float("inf"), float("-inf")):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
    text = repr(value)
    mantissa, e, exponent = text.partition("e")
    if e:
        mantissa = mantissa if "." in mantissa else f"{mantissa}.0"
        return f"{mantissa}E{int(exponent)}"
    return text


def as_json(value: Any, budget: Budget) -> str:
    try:
        text = json.dumps(_plain(value, budget, 0), ensure_ascii=False, separators=(",", ":"))
    except (ValueError, RecursionError) as error:
        raise TemplateFailed(f"a value is not JSON: {error}") from error
    budget.text(len(text))
    return text


def _plain(value: Any, budget: Budget, depth: int) -> Any:
    budget.spend()
    if depth > MAX_DEPTH:
        raise OutOfBudget("a value is nested too deeply")
    if isinstance(value, Mapping):
        return {text_of(key, budget, depth + 1): _plain(item, budget, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, budget, depth + 1) for item in value]
    if isinstance(value, str):
        budget.text(len(value))
        return value
    return value if value is None or isinstance(value, bool | int | float) else text_of(value, budget, depth + 1)


def text_of(value: Any, budget: Budget, depth: int = 0) -> str:
    """A value as it is shown."""
    budget.spend()
    if depth > MAX_DEPTH:
        raise OutOfBudget("a value is nested too deeply")
    if isinstance(value, str):
        return value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return number_text(value)
    if isinstance(value, Mapping):
        parts = [f"{text_of(key, budget, depth + 1)}={text_of(item, budget, depth + 1)}" for key, item in value.items()]
        return _joined(parts, "{", "}", budget)
    if isinstance(value, JavaList):
        return _joined([text_of(item, budget, depth + 1) for item in value], "[", "]", budget)
    if isinstance(value, list):
        return as_json(value, budget)
    if isinstance(value, MapEntry):
        return f"{text_of(value.key, budget, depth + 1)}={text_of(value.value, budget, depth + 1)}"
    return ""


def _joined(parts: Sequence[str], start: str, end: str, budget: Budget) -> str:
    budget.text(sum(map(len, parts)) + 2 * len(parts))
    return f"{start}{', '.join(parts)}{end}"


def as_int(value: Any) -> int:
    """A number or a text of one, as Java's Integer.parseInt takes it."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TemplateFailed(f"{value!r} is not a number")
    try:
        return wrapped(int(value))
    except (ValueError, OverflowError) as error:
        raise TemplateFailed(f"{str(value)[:100]!r} is not a number") from error


def as_float(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise TemplateFailed(f"{str(value)[:100]!r} is not a number") from error


def wrapped(number: int) -> int:
    """Java's long: 64 bits."""
    return (number + 2**63) % 2**64 - 2**63


def _argument(arguments: Sequence[Any], place: int) -> Any:
    if place >= len(arguments):
        raise TemplateFailed("a method is called with too few arguments")
    return arguments[place]


def _text(budget: Budget, arguments: Sequence[Any], place: int) -> str:
    return text_of(_argument(arguments, place), budget)


def _place(text: Sequence[Any], value: Any) -> int:
    place = as_int(value)
    if not 0 <= place <= len(text):
        raise TemplateFailed(f"{place} is not a place in what has a length of {len(text)}")
    return place


def _made(budget: Budget, text: str) -> str:
    budget.text(len(text))
    return text


def _replace(budget: Budget, text: str, old: str, new: str) -> str:
    budget.text(len(text) + text.count(old) * len(new))
    return text.replace(old, new)


def _substitute(budget: Budget, text: str, arguments: Sequence[Any], count: int) -> str:
    budget.spend(_PATTERN_STEPS)
    pattern, replacement = _text(budget, arguments, 0), _text(budget, arguments, 1)
    return patterns.substitute(pattern, replacement, text, count, budget.text)


def _split(budget: Budget, text: str, arguments: Sequence[Any]) -> JavaList:
    budget.spend(_PATTERN_STEPS)
    pieces = patterns.split(_text(budget, arguments, 0), text)
    while pieces and not pieces[-1]:
        pieces.pop()
    budget.spend(len(pieces))
    return JavaList(pieces or [""])


def _matches(budget: Budget, text: str, arguments: Sequence[Any]) -> bool:
    budget.spend(_PATTERN_STEPS)
    return patterns.matches(_text(budget, arguments, 0), text)


def _substring(budget: Budget, text: str, arguments: Sequence[Any]) -> str:
    start = _place(text, _argument(arguments, 0))
    end = _place(text, arguments[1]) if len(arguments) > 1 else len(text)
    return _made(budget, text[start:end])


_STRING: dict[str, Method] = {
    "length": lambda budget, text, args: len(text),
    "isEmpty": lambda budget, text, args: not text,
    "contains": lambda budget, text, args: _text(budget, args, 0) in text,
    "startsWith": lambda budget, text, args: text.startswith(_text(budget, args, 0)),
    "endsWith": lambda budget, text, args: text.endswith(_text(budget, args, 0)),
    "indexOf": lambda budget, text, args: text.find(_text(budget, args, 0), as_int(args[1]) if len(args) > 1 else 0),
    "lastIndexOf": lambda budget, text, args: text.rfind(_text(budget, args, 0)),
    "substring": _substring,
    "replace": lambda budget, text, args: _replace(budget, text, _text(budget, args, 0), _text(budget, args, 1)),
    "replaceAll": lambda budget, text, args: _substitute(budget, text, args, 0),
    "replaceFirst": lambda budget, text, args: _substitute(budget, text, args, 1),
    "matches": _matches,
    "split": _split,
    "trim": lambda budget, text, args: _made(budget, text.strip()),
    "toLowerCase": lambda budget, text, args: _made(budget, text.lower()),
    "toUpperCase": lambda budget, text, args: _made(budget, text.upper()),
    "concat": lambda budget, text, args: _made(budget, text + _text(budget, args, 0)),
    "charAt": lambda budget, text, args: text[_place(text, _argument(args, 0)) :][:1],
    "equals": lambda budget, text, args: text == _argument(args, 0),
    "equalsIgnoreCase": lambda budget, text, args: text.lower() == _text(budget, args, 0).lower(),
}


def _item(items: list[Any], value: Any) -> Any:
    place = as_int(value)
    if not 0 <= place < len(items):
        raise TemplateFailed(f"a list of {len(items)} has no place {place}")
    return items[place]


def _add(budget: Budget, items: list[Any], args: Sequence[Any]) -> bool:
    if len(args) > 1:
        items.insert(_place(items, args[0]), args[1])
    else:
        items.append(_argument(args, 0))
    return True


def _add_all(budget: Budget, items: list[Any], args: Sequence[Any]) -> bool:
    more = _argument(args, 0)
    if not isinstance(more, list):
        raise TemplateFailed("addAll takes a list")
    budget.spend(len(more))
    items.extend(list(more))
    return bool(more)


def _set(budget: Budget, items: list[Any], args: Sequence[Any]) -> Any:
    before = _item(items, _argument(args, 0))
    items[as_int(args[0])] = _argument(args, 1)
    return before


def _remove(budget: Budget, items: list[Any], args: Sequence[Any]) -> Any:
    value = _argument(args, 0)
    if isinstance(value, int) and not isinstance(value, bool):
        before = _item(items, value)
        del items[value]
        return before
    if _holds(budget, items, value):
        items.remove(value)
        return True
    return False


def _holds(budget: Budget, items: Sequence[Any], value: Any) -> bool:
    budget.spend(len(items))
    return not isinstance(value, list | dict) and value in items


_LIST: dict[str, Method] = {
    "size": lambda budget, items, args: len(items),
    "isEmpty": lambda budget, items, args: not items,
    "get": lambda budget, items, args: _item(items, _argument(args, 0)),
    "contains": lambda budget, items, args: _holds(budget, items, _argument(args, 0)),
    "indexOf": lambda budget, items, args: items.index(args[0]) if _holds(budget, items, _argument(args, 0)) else -1,
    "add": _add,
    "addAll": _add_all,
    "set": _set,
    "remove": _remove,
    "clear": lambda budget, items, args: items.clear(),
}


def _key(value: Any) -> Any:
    if isinstance(value, list | dict):
        raise TemplateFailed("a list or a map is no key of a map")
    return value


def _put(budget: Budget, map: dict[Any, Any], args: Sequence[Any]) -> Any:
    before = map.get(_key(_argument(args, 0)))
    map[args[0]] = _argument(args, 1)
    return before


def _put_all(budget: Budget, map: dict[Any, Any], args: Sequence[Any]) -> None:
    more = _argument(args, 0)
    if not isinstance(more, dict):
        raise TemplateFailed("putAll takes a map")
    budget.spend(len(more))
    map.update(more)


def _listed(budget: Budget, items: Sequence[Any]) -> JavaList:
    budget.spend(len(items))
    return JavaList(items)


_MAP: dict[str, Method] = {
    "size": lambda budget, map, args: len(map),
    "isEmpty": lambda budget, map, args: not map,
    "get": lambda budget, map, args: map.get(_key(_argument(args, 0))),
    "getOrDefault": lambda budget, map, args: map.get(_key(_argument(args, 0)), _argument(args, 1)),
    "put": _put,
    "putAll": _put_all,
    "remove": lambda budget, map, args: map.pop(_key(_argument(args, 0)), None),
    "containsKey": lambda budget, map, args: _key(_argument(args, 0)) in map,
    "containsValue": lambda budget, map, args: _holds(budget, list(map.values()), _argument(args, 0)),
    "keySet": lambda budget, map, args: _listed(budget, list(map)),
    "values": lambda budget, map, args: _listed(budget, list(map.values())),
    "entrySet": lambda budget, map, args: _listed(budget, [MapEntry(key, value) for key, value in map.items()]),
}

_NUMBER: dict[str, Method] = {
    "intValue": lambda budget, number, args: as_int(number),
    "longValue": lambda budget, number, args: as_int(number),
    "doubleValue": lambda budget, number, args: as_float(number),
    # Java's static methods, as templates reach them: #set($Integer = 0) $Integer.parseInt("1").
    "parseInt": lambda budget, number, args: as_int(_argument(args, 0)),
    "parseLong": lambda budget, number, args: as_int(_argument(args, 0)),
    "parseDouble": lambda budget, number, args: as_float(_argument(args, 0)),
    "valueOf": lambda budget, number, args: as_int(_argument(args, 0)),
    "equals": lambda budget, number, args: number == _argument(args, 0),
}

_ENTRY: dict[str, Method] = {
    "getKey": lambda budget, entry, args: entry.key,
    "getValue": lambda budget, entry, args: entry.value,
}

_ANY: dict[str, Method] = {"toString": lambda budget, value, args: text_of(value, budget)}


class Callables:
    """An object of API Gateway's own in a template (`$input`, `$util`): its methods and properties by name."""

    methods: Mapping[str, Callable[[Budget, Sequence[Any]], Any]] = {}

    def property(self, name: str, budget: Budget) -> Any:
        """None where there is none of that name."""


def call(value: Any, name: str, arguments: Sequence[Any], budget: Budget) -> Any:
    """A method of a value; None where it has none of that name, as a null reference."""
    budget.spend()
    if isinstance(value, Callables):
        own = value.methods.get(name)
        return None if own is None else own(budget, arguments)
    table: Mapping[str, Method] = {}
    if isinstance(value, str):
        table = _STRING
    elif isinstance(value, dict):
        table = _MAP
    elif isinstance(value, list):
        table = _LIST
    elif isinstance(value, MapEntry):
        table = _ENTRY
    elif isinstance(value, int | float) and not isinstance(value, bool):
        table = _NUMBER
    method = table.get(name) or _ANY.get(name)
    return None if method is None or value is None else method(budget, value, arguments)


def member(value: Any, name: str, budget: Budget) -> Any:
    """A property of a value; None where it has none of that name."""
    budget.spend()
    if isinstance(value, dict):
        return value.get(name)
    if isinstance(value, Callables):
        return value.property(name, budget)
    if isinstance(value, MapEntry):
        return {"key": value.key, "value": value.value}.get(name)
    if name == "empty" and isinstance(value, str | list):
        return not value
    return None


def element(value: Any, index: Any) -> Any:
    """`value[index]`; None where there is none."""
    if isinstance(value, dict):
        return value.get(_key(index))
    if isinstance(value, list) and isinstance(index, int) and not isinstance(index, bool):
        return value[index] if -len(value) <= index < len(value) else None
    return None
