"""A zip with a few files changed, spliced by hand: `zipfile` reads and writes each of its entries anew for that.

What stays is carried over as it lies there; only its place in the directory is corrected. A zip that `packages.pack`
wrote comes out as if it had packed the changed files itself.
"""

from __future__ import annotations

import posixpath
import struct
from collections.abc import Collection, Mapping
from dataclasses import dataclass

END = struct.Struct("<4s4H2LH")
CENTRAL = struct.Struct("<4s6H3L5H2L")
PLACE = 42  # where an entry of the directory says where its file begins
UTF_8 = 0x800
LARGE = 0xFFFFFFFF
LINK = 0o120000


class CannotSplice(Exception):
    """The zip is not made so that it could be changed this way, or it does not hold what is to be removed."""


@dataclass(frozen=True)
class Spliced:
    """The new zip, its size unpacked, and whether its tree can be made of the tree before by replacing those files."""

    data: bytes
    unpacked: int
    is_plain: bool


@dataclass(frozen=True)
class _Entry:
    central: bytes
    local: memoryview
    size: int
    mode: int


def spliced(base: bytes, changes: bytes, removed: Collection[str]) -> Spliced:
    """The zip `base` without `removed`, and with what the zip `changes` holds in place of its own or besides."""
    entries, fresh = _entries(base), _entries(changes)
    if missing := set(removed) - entries.keys():
        raise CannotSplice(f"it does not hold {sorted(missing)[0]!r}")
    is_plain = all(map(_is_plain, entries)) and not any(entry.mode & 0o170000 == LINK for entry in fresh.values())
    in_order = list(entries) == sorted(entries)
    kept = {name: entry for name, entry in entries.items() if name not in removed} | fresh
    ordered = sorted(kept) if in_order else list(kept)
    return Spliced(_written(kept, ordered), sum(entry.size for entry in kept.values()), is_plain)


def _written(entries: Mapping[str, _Entry], ordered: Collection[str]) -> bytes:
    files: list[bytes | memoryview] = []
    directory: list[bytes] = []
    place = 0
    for name in ordered:
        entry = entries[name]
        files.append(entry.local)
        directory.append(entry.central[:PLACE] + struct.pack("<L", place) + entry.central[PLACE + 4 :])
        place += len(entry.local)
    listed = b"".join(directory)
    if place >= LARGE or len(directory) >= 0xFFFF:
        raise CannotSplice("it is too large")
    end = END.pack(b"PK\5\6", 0, 0, len(directory), len(directory), len(listed), place, 0)
    return b"".join([*files, listed, end])


def _entries(data: bytes) -> dict[str, _Entry]:
    try:
        sign, _, _, _, count, size, start, _ = END.unpack_from(data, len(data) - END.size)
    except struct.error:
        raise CannotSplice("it is not a zip") from None
    if sign != b"PK\5\6" or count == 0xFFFF or start + size != len(data) - END.size:
        raise CannotSplice("it has a comment, is not a zip alone, or is too large")
    view = memoryview(data)
    listed: list[tuple[int, str, bytes, int, int]] = []
    at = start
    for _ in range(count):
        fields = CENTRAL.unpack_from(data, at)
        flags, packed, unpacked, attributes, place = fields[3], fields[8], fields[9], fields[15], fields[16]
        end = at + CENTRAL.size + sum(fields[10:13])
        if fields[0] != b"PK\1\2" or LARGE in (packed, unpacked, place) or end > start + size:
            raise CannotSplice("its directory cannot be read")
        name = data[at + CENTRAL.size : at + CENTRAL.size + fields[10]]
        text = name.decode("utf-8" if flags & UTF_8 else "cp437")
        listed.append((place, text, data[at:end], unpacked, attributes >> 16))
        at = end
    starts = sorted(place for place, *_ in listed)
    ends = dict(zip(starts, [*starts[1:], start], strict=bool(starts)))
    entries = {
        name: _Entry(central, view[place : ends[place]], unpacked, mode)
        for place, name, central, unpacked, mode in listed
    }
    if len(entries) != len(listed) or len(ends) != len(listed):
        raise CannotSplice("it holds a file twice")
    return entries


def _is_plain(name: str) -> bool:
    """Whether the file lies in the tree where its name says, and is not byte code that belongs to another file."""
    leads_out = name.startswith(("/", ".."))
    return posixpath.normpath(name) == name.rstrip("/") and not leads_out and "__pycache__" not in name
