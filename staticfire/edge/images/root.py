"""A root file system that is being made: whatever a tar says, nothing is written outside of it.

Directories on the way to an entry may be symbolic links of an earlier one. They are followed as the kernel would with
this directory as its root: `..` ends at it, an absolute link begins at it. Nothing else writes here meanwhile.
"""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

from .errors import BadImage

MOST_LINKS = 40
# Deeper than any real one, and what a recursion can walk and remove.
MOST_DEPTH = 200
MOST_DIRECTORIES = 1_000_000


class RootFileSystem:
    """`modes` are those of directories, which are set at the end: until then all of them can be written to."""

    def __init__(self, directory: Path) -> None:
        self.path = os.path.realpath(directory)
        self.modes: dict[str, int] = {}
        self._resolved: dict[str, str] = {}
        self._made = 0

    def place(self, name: str) -> str:
        """Where an entry of that name lies; the directories that lead there are made."""
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if ".." in parts:
            raise BadImage(f"the entry {name!r} leads out of the image")
        if not parts:
            return self.path
        place = os.path.join(self._parent("/".join(parts[:-1])), parts[-1])
        self._check_depth(place)
        return place

    def _check_depth(self, path: str) -> None:
        if path.count("/") - self.path.count("/") > MOST_DEPTH:
            raise BadImage(f"the entry {path[len(self.path) :][:80]!r}... lies deeper than {MOST_DEPTH} directories")

    def _make_on_the_way(self, path: str) -> None:
        """A directory that no entry names costs as much as one that does."""
        self._check_depth(path)
        self._made += 1
        if self._made > MOST_DIRECTORIES:
            raise BadImage(f"the image has more than {MOST_DIRECTORIES} directories")
        os.mkdir(path, 0o755)

    def _parent(self, name: str) -> str:
        resolved = self._resolved.get(name)
        if resolved is None:
            resolved = self._resolved[name] = self.resolve(name, make=True)
        return resolved

    def resolve(self, name: str, *, make: bool = False) -> str:
        """Where a path leads, all links followed; the directories on the way are made, or may be absent."""
        current, waiting, links = self.path, name.split("/")[::-1], 0
        while waiting:
            part = waiting.pop()
            if part in ("", "."):
                continue
            if part == "..":
                current = current if current == self.path else os.path.dirname(current)
                continue
            path = os.path.join(current, part)
            try:
                mode = os.lstat(path).st_mode
            except FileNotFoundError:
                if make:
                    self._make_on_the_way(path)
                current = path
                continue
            if stat.S_ISLNK(mode):
                links += 1
                if links > MOST_LINKS:
                    raise BadImage(f"the path {name!r} has too many symbolic links")
                target = os.readlink(path)
                if target.startswith("/"):
                    current = self.path
                waiting += target.split("/")[::-1]
                continue
            if not stat.S_ISDIR(mode) and (make or waiting):
                raise BadImage(f"the path {name!r} leads through what is not a directory")
            current = path
        return current

    def remove(self, path: str) -> None:
        """What is there, if anything; links are not followed."""
        try:
            mode = os.lstat(path).st_mode
        except (FileNotFoundError, NotADirectoryError):
            return
        if stat.S_ISDIR(mode):
            shutil.rmtree(path)
            self.forget(path)
        else:
            os.unlink(path)
            if stat.S_ISLNK(mode):
                self._resolved.clear()

    def forget(self, path: str) -> None:
        """What is known of a directory that is gone."""
        self._resolved.clear()
        below = f"{path}/"
        for known in [known for known in self.modes if known == path or known.startswith(below)]:
            del self.modes[known]

    def empty(self, path: str) -> None:
        """An opaque directory hides what earlier layers have in it."""
        if os.path.isdir(path) and not os.path.islink(path):
            for name in os.listdir(path):
                self.remove(os.path.join(path, name))

    def finish(self) -> None:
        """Directories get their modes, the innermost first."""
        for path in sorted(self.modes, reverse=True):
            os.chmod(path, self.modes[path])
