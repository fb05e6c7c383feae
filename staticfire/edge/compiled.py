"""The edge's hot modules as machine code: mypyc's shared objects, imported in place of their sources.

`compiled.txt` lists these modules. `staticfire up` has them compiled (staticfire/edge_build.py) into a directory whose
file `complete` names what is in it. All of it is used or the edge does not start: compiled modules know the layout of
each other's objects, which those of plain Python do not have. Compiled or not, the edge does the same.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

from ..errors import StaticfireError

COMPLETE = "complete"
SUFFIX = EXTENSION_SUFFIXES[0]


def use(directory: Path) -> None:
    """Import from `directory` what is there. Modules that are imported already stay what they are."""
    try:
        names = (directory / COMPLETE).read_text().split()
    except OSError as error:
        raise _unusable(str(error), directory) from error
    if not names:
        raise _unusable(f"{directory / COMPLETE} names no module", directory)
    sys.meta_path.insert(0, _Finder(directory, frozenset(names)))


def in_use() -> bool:
    """Whether this process runs compiled modules."""
    return any(isinstance(finder, _Finder) for finder in sys.meta_path)


class _Finder:
    def __init__(self, directory: Path, names: frozenset[str]) -> None:
        self._directory = directory
        self._names = names

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in self._names:
            return None
        file = str(self._directory.joinpath(*name.split("."))) + SUFFIX
        return spec_from_file_location(name, file, loader=_Loader(name, file, self._directory))


class _Loader(ExtensionFileLoader):
    def __init__(self, name: str, path: str, directory: Path) -> None:
        super().__init__(name, path)
        self._directory = directory

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        try:
            return super().create_module(spec)
        except ImportError as error:
            if error.path != self.path:  # the file is well: it is something else that it could not import
                raise
            raise _unusable(str(error), self._directory) from error


def _unusable(why: str, directory: Path) -> StaticfireError:
    return StaticfireError(
        f"The compiled edge cannot be loaded: {why}.",
        remedy=f"Delete {directory} and run `staticfire up`, which builds it anew. Or set compile_edge = false.",
    )
