"""The resources of a plan, read from its file by hand: `terraform show -json` starts the provider once more for them.

That took nearly as much of the CPU as the plan itself. The format is the same in Terraform and OpenTofu (planfile.proto
of their sources): a zip whose `tfplan` is one protobuf message, with the values in msgpack. Five of its fields matter
here, and the wire format skips any others, so that no generated code is needed. What is not of the version and the
shape that is read here is not guessed: the answer is None, and Terraform is asked.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgpack

from .output import Resource

MEMBER = "tfplan"
VERSION = 3
PLAN_VERSION, PLAN_CHANGES = 1, 3
CHANGE_DEPOSED_KEY, CHANGE_CHANGE, CHANGE_ADDRESS = 7, 9, 13
ACTION, VALUES = 1, 2
MSGPACK = 1
LEAVES_NOTHING = (5, 8)  # the actions delete and forget; after the others the last value is what is there
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # https://protobuf.dev/programming-guides/encoding/#structure
INSTANCE_KEY = re.compile(r'\[(?:"(?:\\.|[^"\\])*"|\d+)\]')
UNKNOWN = object()


def resources_in(plan: Path) -> list[Resource] | None:
    """What `planned_resources` gives of the same plan; None where the file is of another format.

    One thing differs: a number that neither an integer of 64 bits nor a float holds is text.
    """
    try:
        with zipfile.ZipFile(plan) as file:
            message = _fields(file.read(MEMBER))
        if message[PLAN_VERSION] != [VERSION]:
            return None
        return list(_resources(message.get(PLAN_CHANGES, ())))
    except (zipfile.BadZipFile, LookupError, ValueError, TypeError, msgpack.UnpackException):
        return None


def _resources(changes: Any) -> Iterator[Resource]:
    for message in changes:
        change = _fields(message)
        address = change[CHANGE_ADDRESS][0].decode()
        kind = _managed_type(address)
        if kind is None or CHANGE_DEPOSED_KEY in change:
            continue
        content = _fields(change[CHANGE_CHANGE][0])
        if content.get(ACTION, [0])[0] not in LEAVES_NOTHING:
            value = _fields(content[VALUES][-1])[MSGPACK][0]
            values = _known(msgpack.unpackb(value, ext_hook=lambda code, data: UNKNOWN, strict_map_key=False))
            yield Resource(address, kind, values)


def _managed_type(address: str) -> str | None:
    """The type of a managed resource; None for data that is read."""
    names = INSTANCE_KEY.sub("", address).split(".")
    while names[0] == "module":
        names = names[2:]
    if names[0] == "data":
        return None
    kind, _name = names
    return kind


def _known(value: Any) -> Any:
    """As JSON shows it: an attribute that is known after apply is left out, such an element of a list is null."""
    value = _typed(value)
    if isinstance(value, Mapping):
        return {name: _known(inner) for name, inner in value.items() if _typed(inner) is not UNKNOWN}
    if isinstance(value, list):
        return [None if _typed(inner) is UNKNOWN else _known(inner) for inner in value]
    return value


def _typed(value: Any) -> Any:
    """Where the schema leaves the type open, the value follows its type."""
    is_open = isinstance(value, list) and len(value) == 2 and isinstance(value[0], bytes)
    return value[1] if is_open else value


def _fields(message: bytes) -> dict[int, list[Any]]:
    """The fields of a protobuf message by their numbers: integers, and bytes."""
    fields: dict[int, list[Any]] = {}
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        wire = tag & 7
        value: int | bytes
        if wire == VARINT:
            value, at = _varint(message, at)
        elif wire == BYTES:
            length, at = _varint(message, at)
            value, at = message[at : at + length], at + length
        elif wire in (FIXED32, FIXED64):
            length = 4 if wire == FIXED32 else 8
            value, at = message[at : at + length], at + length
        else:
            raise ValueError(f"a field of the wire type {wire}")
        fields.setdefault(tag >> 3, []).append(value)
    if at != len(message):
        raise ValueError("a message that ends in the middle of a field")
    return fields


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
