"""The lines of the user's sources around a frame of a stack trace."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

from staticfire.settings import Settings

AROUND = 6
MOST = 2 * 1024 * 1024
# Where a function's files are on AWS, and where this machine keeps the unpacked ones.
PLACES = ("/var/task/", "/opt/python/")


def lines_around(settings: Settings, file: str, line: int) -> dict[str, Any] | None:
    """The source that a frame's file was packed from; None where there is none in the project."""
    path = _source(settings, file)
    if path is None or path.stat().st_size > MOST:
        return None
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    first = max(1, line - AROUND)
    return {
        "file": str(path.relative_to(settings.project)),
        "path": str(path),
        "line": line,
        "first": first,
        "lines": lines[first - 1 : line + AROUND],
    }


def _source(settings: Settings, file: str) -> Path | None:
    inside = _in_package(file)
    if inside is None or ".." in inside.parts:
        return None
    project = settings.project.resolve()
    for stack in settings.stacks.values():
        for zipped in stack.zips:
            prefix = PurePosixPath(zipped.package or ".")
            if inside.is_relative_to(prefix):
                path = (zipped.source / inside.relative_to(prefix)).resolve()
                if path.is_relative_to(project) and path.is_file():
                    return path
        path = (stack.root / inside).resolve()
        if path.is_relative_to(project) and path.is_file() and path.suffix in (".py", ".js", ".mjs", ".ts"):
            return path
    return None


def _in_package(file: str) -> PurePosixPath | None:
    """A frame's file below its package: of `/var/task/shop/api.py`, and of `.../functions/code/HASH/shop/api.py`."""
    for place in PLACES:
        if file.startswith(place):
            return PurePosixPath(file.removeprefix(place))
    _, code, rest = file.partition("/functions/code/")
    return PurePosixPath(rest.partition("/")[2]) if code and "/" in rest else None
