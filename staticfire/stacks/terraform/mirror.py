"""A copy of the part of a repository that Terraform works in, brought up to it and never emptied.

The tree (roots.py) is copied; what lies beside it on the way up is a link, so that every relative path resolves as in
the repository. Each file that was copied is noted down: it is copied again when it changed, and goes when it went.
Whatever else lies in the copy was built there, by Terraform or by a program that it ran, and stays.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from staticfire.host.files import read_json, write_json
from staticfire.roots import NEVER_READ, modules_of, tree_of

LINKED_BYTES = 100 * 2**20  # what is larger than this beside the root is a link in the copy, too
STATE = "terraform.tfstate"


class Mirror:
    """`copy` becomes what `base` is: the project, or what is above it that the root refers to."""

    def __init__(self, root: Path, project: Path, copy: Path) -> None:
        root, project = root.resolve(), project.resolve()
        self.tree = tree_of(root)
        self.base = project if self.tree.is_relative_to(project) else self.tree
        self.copy = copy
        self.root = copy / root.relative_to(self.base)
        self.project = copy / project.relative_to(self.base) if project.is_relative_to(self.base) else None
        self._own = [root, *modules_of(root)]
        self._notes = copy / ".staticfire-copied.json"
        before = read_json(self._notes)
        if before is not None and before["base"] == str(self.base):  # what was built in the larger tree stays
            self.tree = Path(os.path.commonpath([self.tree, before["tree"]]))

    def refresh(self) -> None:
        """Bring the copy up to the repository."""
        notes = read_json(self._notes)
        if notes is None or notes["base"] != str(self.base):
            shutil.rmtree(self.copy, ignore_errors=True)  # links in it are not followed
        self.copy.mkdir(parents=True, exist_ok=True)
        before = self._copied()
        self._link_what_is_beside()
        sources = self.sources()
        for name in before.keys() - sources.keys():
            if not self._links_above(self.copy / name):
                _remove(self.copy / name)
        for name, what in sources.items():
            target = self.copy / name
            if before.get(name) != what or not os.path.lexists(target):
                for link in self._links_above(target):  # it was beside the tree, and is in it now
                    link.unlink()
                self._bring(self.base / name, target)
        write_json(self._notes, {"base": str(self.base), "tree": str(self.tree), "copied": sources})

    def digest(self, *suffixes: str) -> str:
        """Of all that is copied, or of the files that end so."""
        parts = [f"{name}\0{what[-1]}" for name, what in self.sources().items() if name.endswith(suffixes or "")]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def sources(self) -> Mapping[str, list[int | str]]:
        """What is copied, by its path from `base`: when and how it was changed, and the digest of its content."""
        before = self._copied()
        return {name: _noted(self.base / name, before.get(name)) for name in sorted(self._names())}

    def _copied(self) -> Mapping[str, list[int | str]]:
        notes = read_json(self._notes)
        return notes["copied"] if notes is not None and notes["base"] == str(self.base) else {}

    def _links_above(self, target: Path) -> list[Path]:
        above = [path for path in target.parents if path != self.copy and path.is_relative_to(self.copy)]
        return [path for path in above if path.is_symlink()]

    def _names(self) -> Iterator[str]:
        for directory, names, files in os.walk(self.tree):
            here = Path(directory)
            names[:] = [name for name in names if name not in NEVER_READ]
            links = [name for name in names if os.path.islink(here / name) or self._is_large(here / name)]
            names[:] = [name for name in names if name not in links]
            for name in (*links, *files):
                if not name.startswith(STATE) and name not in NEVER_READ and not name.endswith(".tfstate.lock.info"):
                    yield (here / name).relative_to(self.base).as_posix()

    def _is_large(self, directory: Path) -> bool:
        """Whether that directory right below the tree is none of Terraform's and too large to be copied."""
        if directory.parent != self.tree or any(own.is_relative_to(directory) for own in self._own):
            return False
        size = 0
        for inner, _, files in os.walk(directory):
            for name in files:
                size += os.lstat(os.path.join(inner, name)).st_size
                if size > LINKED_BYTES:
                    return True
        return False

    def _bring(self, source: Path, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove(target)
        if source.is_symlink():
            to, end = Path(os.readlink(source)), source.resolve()
            inside = end.is_relative_to(self.base) and not to.is_absolute()
            target.symlink_to(to if inside else end)
        elif source.is_dir():
            target.symlink_to(source)
        elif source.is_file():  # and no socket, nor a pipe
            shutil.copy2(source, target)

    def _link_what_is_beside(self) -> None:
        inside = self.tree
        while inside != self.base:
            beside = inside.parent
            place = self.copy / beside.relative_to(self.base)
            place.mkdir(parents=True, exist_ok=True)
            for entry in beside.iterdir():
                link = place / entry.name
                if entry != inside and not entry.name.startswith(".") and not os.path.lexists(link):
                    link.symlink_to(entry)
            inside = beside


def _noted(path: Path, before: list[int | str] | None) -> list[int | str]:
    status = path.lstat()
    when: list[int | str] = [status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns]
    if before is not None and before[:-1] == when:
        return before
    if not path.is_file() or path.is_symlink():
        return [*when, os.path.realpath(path)]
    with open(path, "rb") as file:
        return [*when, hashlib.file_digest(file, "sha256").hexdigest()]


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
