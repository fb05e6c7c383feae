"""CBOR (RFC 8949), as far as documents need it: what newer SDKs speak to CloudWatch instead of JSON or XML."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

UNSIGNED, NEGATIVE, BYTES, TEXT, LIST, MAP, TAG, SIMPLE = range(8)
SIMPLE_VALUES = {20: False, 21: True, 22: None, 23: None}
FLOATS = {25: ">e", 26: ">f", 27: ">d"}
INDEFINITE, BREAK = 31, 0xFF
EPOCH_TAG = 1


class Epoch(float):
    """Seconds since 1970, written as a point in time."""


def dumps(value: object) -> bytes:
    match value:
        case None:
            return b"\xf6"
        case bool():
            return b"\xf5" if value else b"\xf4"
        case int():
            return _head(UNSIGNED, value) if value >= 0 else _head(NEGATIVE, -1 - value)
        case Epoch():
            return _head(TAG, EPOCH_TAG) + dumps(float(value))
        case float():
            return struct.pack(">Bd", SIMPLE << 5 | 27, value)
        case str():
            data = value.encode()
            return _head(TEXT, len(data)) + data
        case bytes():
            return _head(BYTES, len(value)) + value
        case Mapping():
            return _head(MAP, len(value)) + b"".join(dumps(part) for pair in value.items() for part in pair)
        case Sequence():
            return _head(LIST, len(value)) + b"".join(map(dumps, value))
    raise TypeError(f"{type(value).__name__} has no form in CBOR here")


def _head(major: int, argument: int) -> bytes:
    if argument < 24:
        return bytes([major << 5 | argument])
    size = next((size for size in (1, 2, 4, 8) if argument < 1 << 8 * size), None)
    if size is None:
        raise ValueError(f"{argument} has more than 64 bits")
    return bytes([major << 5 | (23 + size.bit_length())]) + argument.to_bytes(size, "big")


def loads(data: bytes) -> Any:
    """The one item that `data` is. A ValueError says that it is none."""
    reader = _Reader(data)
    try:
        value = reader.item()
    except (IndexError, struct.error, TypeError, RecursionError) as error:
        raise ValueError("the CBOR ends early or is broken") from error
    if reader.position != len(data):
        raise ValueError("there is more after the CBOR item")
    return value


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.position = 0

    def item(self) -> Any:
        major, info = divmod(self._take(1)[0], 32)
        if major == SIMPLE:
            return self._simple(info)
        if info == INDEFINITE:
            return self._indefinite(major)
        argument = info if info < 24 else int.from_bytes(self._take(_width(info)), "big")
        match major:
            case 0:
                return argument
            case 1:
                return -1 - argument
            case 2:
                return self._take(argument)
            case 3:
                return self._take(argument).decode()
            case 4:
                return [self.item() for _ in range(argument)]
            case 5:
                return {self.item(): self.item() for _ in range(argument)}
        return self.item()  # a tag says how to read what follows; only its value counts here

    def _simple(self, info: int) -> Any:
        if info in FLOATS:
            return struct.unpack(FLOATS[info], self._take(struct.calcsize(FLOATS[info])))[0]
        if info not in SIMPLE_VALUES:
            raise ValueError(f"the simple value {info} is not known")
        return SIMPLE_VALUES[info]

    def _indefinite(self, major: int) -> Any:
        items = []
        while self._data[self.position] != BREAK:
            items.append(self.item())
        self.position += 1
        if major == MAP:
            return dict(zip(items[::2], items[1::2], strict=True))
        if major == TEXT:
            return "".join(items)
        return b"".join(items) if major == BYTES else items

    def _take(self, count: int) -> bytes:
        taken = self._data[self.position : self.position + count]
        if len(taken) < count:
            raise IndexError
        self.position += count
        return taken


def _width(info: int) -> int:
    if info > 27:
        raise ValueError(f"the length {info} is not known")
    return 1 << (info - 24)
