"""The functions of Insights' expressions. A value that a function cannot use gives none, and stops nothing.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-operations-functions.html
"""

from __future__ import annotations

import calendar
import ipaddress
import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from .events import Value, milliseconds_of, moment, number, text

UNITS: Mapping[str, int] = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
MONTHS: Mapping[str, int] = {"mo": 1, "q": 3, "y": 12}
LONGEST_TEXT = 1024 * 1024

Function = Callable[[Sequence[Value]], Value]


def floor_of(milliseconds: int, period: str) -> int:
    """The beginning of the period that a moment is in. Weeks begin on Mondays."""
    count, unit = _period(period)
    if unit in MONTHS:
        moment_ = datetime.fromtimestamp(milliseconds / 1000, UTC)
        months = moment_.year * 12 + moment_.month - 1
        months -= months % (count * MONTHS[unit])
        return calendar.timegm((months // 12, months % 12 + 1, 1, 0, 0, 0)) * 1000
    width = count * UNITS[unit]
    offset = 4 * UNITS["d"] if unit == "w" else 0  # 1970 began on a Thursday
    return milliseconds - (milliseconds - offset) % width


def _ceiling_of(milliseconds: int, period: str) -> int:
    begin = floor_of(milliseconds, period)
    if begin == milliseconds:
        return begin
    count, unit = _period(period)
    if unit not in MONTHS:
        return begin + count * UNITS[unit]
    return floor_of(begin + count * MONTHS[unit] * 31 * UNITS["d"], period)


def _period(period: str) -> tuple[int, str]:
    match = re.fullmatch(r"(\d+)(ms|mo|[smhdwqy])", period)
    if match is None or not int(match[1]):
        raise ValueError(f"{period!r} is not a period")
    return int(match[1]), match[2]


def is_true(value: Value) -> bool:
    return bool(value) and value != "0" if not isinstance(value, int | float) else value != 0


def _numbers(function: Callable[..., float]) -> Function:
    def apply(values: Sequence[Value]) -> Value:
        numbers = [number(value) for value in values]
        if any(one is None for one in numbers):
            return None
        try:
            return function(*numbers)
        except (ValueError, OverflowError):
            return None

    return apply


def _texts(function: Callable[..., Value]) -> Function:
    def apply(values: Sequence[Value]) -> Value:
        return None if values[0] is None else function(*[text(value) for value in values])

    return apply


def _substr(string: str, start: str, length: str | None = None) -> Value:
    first, count = number(start), number(length) if length is not None else None
    if first is None:
        return None
    begin = max(int(first), 0)
    return string[begin : begin + max(int(count), 0)] if count is not None else string[begin:]


def _replaced(string: str, sought: str, replacement: str) -> Value:
    """A short text may not become a huge one."""
    if not sought:
        return string
    if len(string) + string.count(sought) * (len(replacement) - len(sought)) > LONGEST_TEXT:
        return None
    return string.replace(sought, replacement)


def _concat(values: Sequence[Value]) -> Value:
    joined = "".join(text(value) for value in values)
    return joined if len(joined) <= LONGEST_TEXT else None


def _is_ip(version: int | None) -> Callable[[str], Value]:
    def check(string: str) -> Value:
        try:
            address = ipaddress.ip_address(string)
        except ValueError:
            return 0
        return int(version in (None, address.version))

    return check


def _in_subnet(version: int | None) -> Callable[[str, str], Value]:
    def check(string: str, subnet: str) -> Value:
        try:
            address, network = ipaddress.ip_address(string), ipaddress.ip_network(subnet, strict=False)
        except ValueError:
            return 0
        return int(version in (None, address.version) and address in network)

    return check


def _floored(values: Sequence[Value]) -> Value:
    milliseconds = milliseconds_of(values[0])
    return None if milliseconds is None else moment(floor_of(milliseconds, text(values[1])))


def _ceiled(values: Sequence[Value]) -> Value:
    milliseconds = milliseconds_of(values[0])
    return None if milliseconds is None else moment(_ceiling_of(milliseconds, text(values[1])))


def _from_millis(values: Sequence[Value]) -> Value:
    milliseconds = number(values[0])
    return None if milliseconds is None or not 0 <= milliseconds < 1e14 else moment(milliseconds)


def _now(values: Sequence[Value]) -> Value:
    return int(time.time() * 1000)


# By name, in lower case: the fewest and the most arguments, and what it does.
FUNCTIONS: Mapping[str, tuple[int, int, Function]] = {
    "abs": (1, 1, _numbers(abs)),
    "ceil": (1, 1, _numbers(math.ceil)),
    "floor": (1, 1, _numbers(math.floor)),
    "sqrt": (1, 1, _numbers(math.sqrt)),
    "log": (1, 1, _numbers(math.log)),
    "greatest": (1, 50, _numbers(max)),
    "least": (1, 50, _numbers(min)),
    "ispresent": (1, 1, lambda values: int(values[0] is not None)),
    "coalesce": (1, 50, lambda values: next((value for value in values if value is not None), None)),
    "isempty": (1, 1, lambda values: int(values[0] is None or values[0] == "")),
    "isblank": (1, 1, lambda values: int(values[0] is None or not text(values[0]).strip())),
    "concat": (1, 50, _concat),
    "strlen": (1, 1, _texts(len)),
    "toupper": (1, 1, _texts(str.upper)),
    "tolower": (1, 1, _texts(str.lower)),
    "upper": (1, 1, _texts(str.upper)),
    "lower": (1, 1, _texts(str.lower)),
    "trim": (1, 2, _texts(str.strip)),
    "ltrim": (1, 2, _texts(str.lstrip)),
    "rtrim": (1, 2, _texts(str.rstrip)),
    "substr": (2, 3, _texts(_substr)),
    "replace": (3, 3, _texts(_replaced)),
    "strcontains": (2, 2, _texts(lambda string, sought: int(sought in string))),
    "isvalidip": (1, 1, _texts(_is_ip(None))),
    "isvalidipv4": (1, 1, _texts(_is_ip(4))),
    "isvalidipv6": (1, 1, _texts(_is_ip(6))),
    "isipinsubnet": (2, 2, _texts(_in_subnet(None))),
    "isipv4insubnet": (2, 2, _texts(_in_subnet(4))),
    "isipv6insubnet": (2, 2, _texts(_in_subnet(6))),
    "datefloor": (2, 2, _floored),
    "dateceil": (2, 2, _ceiled),
    "frommillis": (1, 1, _from_millis),
    "tomillis": (1, 1, lambda values: milliseconds_of(values[0])),
    "now": (0, 0, _now),
}
