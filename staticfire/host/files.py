"""Files that are whole or absent: JSON, logs, secrets."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import os
import re
from pathlib import Path
from typing import Any, BinaryIO

from staticfire.errors import StaticfireError

from .locks import file_lock

LONG_LOG = 10 * 1024 * 1024
LOGS_KEPT = 2  # beside the one that is written


def write_atomically(path: Path, data: bytes, mode: int = 0o644) -> None:
    """All of `data` or nothing: a killed process never leaves half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Have a file, and its name, on the disk."""
    for place in (path, path.parent):
        descriptor = os.open(place, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def open_log(path: Path) -> BinaryIO:
    """A program's log, to be appended to."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shorten_log(path)
    return open(path, "ab")


def shorten_log(path: Path) -> None:
    """Put what a long log holds aside, as NAME.1, and what was there as NAME.2; older is dropped.

    Whoever has the log open goes on writing to it: it is copied and emptied, and what is appended begins anew.
    """
    if not path.exists() or path.stat().st_size <= LONG_LOG:
        return
    older = [path.with_name(f"{path.name}.{number}") for number in range(1, LOGS_KEPT + 1)]
    for newer, place in reversed(list(itertools.pairwise(older))):
        if newer.exists():
            newer.replace(place)
    with open(path, "rb") as log, open(older[0], "wb", buffering=0) as copy:
        while piece := log.read(1024 * 1024):
            copy.write(piece)
        os.truncate(path, 0)


def bytes_in(directory: Path) -> int:
    """What a directory takes of the disk; a file with several names counts once."""
    sizes: dict[tuple[int, int], int] = {}
    for place, _, names in os.walk(directory):
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # others are at work there
                file = os.lstat(os.path.join(place, name))
                sizes[file.st_dev, file.st_ino] = file.st_blocks * 512
    return sum(sizes.values())


def write_json(path: Path, value: Any, mode: int = 0o644) -> None:
    write_atomically(path, json.dumps(value, indent=2, sort_keys=True).encode() + b"\n", mode)


def read_json(path: Path, **kinds: type) -> dict[str, Any] | None:
    """The object in `path`, with these members at least, of these types; None when there is no file."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except IsADirectoryError as error:
        raise damaged(path, "it is a directory") from error
    except (ValueError, RecursionError) as error:
        raise damaged(path, str(error)) from error
    if not isinstance(value, dict):
        raise damaged(path, "it is not an object")
    for name, kind in kinds.items():
        if name not in value:
            raise damaged(path, f"it does not say {name}")
        if type(value[name]) is not kind:
            raise damaged(path, f"its {name} is not of the type {kind.__name__}")
    return value


def damaged(path: Path, problem: str) -> StaticfireError:
    return StaticfireError(f"{path} is damaged: {problem}.", remedy=f"Delete {path} and try again.")


def secret(path: Path) -> str:
    """The password kept in `path`, readable by its owner only; made at the first use, and anew when it is damaged."""
    with file_lock(path.with_name(f".{path.name}.lock")):
        if path.is_dir():
            raise damaged(path, "it is a directory")
        kept = path.read_bytes() if path.exists() else b""
        if not re.fullmatch(rb"[\w-]{20,}", kept):
            kept = base64.urlsafe_b64encode(os.urandom(24))
            write_atomically(path, kept, 0o600)
    return kept.decode()


def rotated(path: Path) -> Path:
    """Where a file goes that has become too large to be written on."""
    return path.with_name(f"{path.name}.1")


def remove_rotated(path: Path) -> list[Path]:
    """Remove such a file, and the one before it; those that were there."""
    present = [one for one in (path, rotated(path)) if one.is_file()]
    for one in present:
        one.unlink()
    return present
