"""A tree of code that shares the files of another one, by hard links: no file is read, and none is written."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

BYTE_CODE = "__pycache__"


def link_tree(before: Path, tree: Path, without: Collection[str]) -> None:
    """Link what `before` has into `tree`, apart from these files (their paths below it) and their byte code.

    OSError where that cannot be: a file system without hard links, or something else lies there already.
    """
    modules = {name.removesuffix(".py") for name in without if name.endswith(".py")}
    _link_directory(str(before), str(tree), "", frozenset(without), frozenset(modules))


def _link_directory(source: str, target: str, prefix: str, without: frozenset[str], modules: frozenset[str]) -> bool:
    """Whether anything in there was linked. A directory all of whose files are left out is not made."""
    linked, empty = False, True
    of_byte_code = prefix.endswith(f"{BYTE_CODE}/")
    made = os.path.isdir(target)
    with os.scandir(source) as entries:
        for entry in entries:
            empty = False
            path = f"{prefix}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                linked |= _link_directory(entry.path, f"{target}/{entry.name}", f"{path}/", without, modules)
                continue
            if of_byte_code:
                module = f"{prefix.removesuffix(f'{BYTE_CODE}/')}{entry.name.partition('.')[0]}"
                if module in modules or not entry.name.endswith(".pyc"):  # others are being written
                    continue
            elif path in without:
                continue
            if not made:
                os.makedirs(target, exist_ok=True)
                made = True
            if entry.is_symlink():
                os.symlink(os.readlink(entry.path), f"{target}/{entry.name}")
            else:
                os.link(entry.path, f"{target}/{entry.name}")
            linked = True
    if empty:
        os.makedirs(target, exist_ok=True)
    return linked
