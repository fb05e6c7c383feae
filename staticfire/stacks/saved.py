"""What of a package was saved since it was put into its functions: only that is read, packed and sent again."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .packages import pack

# What is larger goes as a whole: it is not what somebody saves.
FILES = 50
BYTES = 2 * 1024 * 1024

Signature = tuple[int, ...]
Held = dict[str, tuple[int, int]]


@dataclass(frozen=True)
class SavedFiles:
    """A zip of the files that were saved or are new, and the names of those that are gone; the package after it."""

    files: bytes
    removed: tuple[str, ...]
    after: PutPackage


@dataclass(frozen=True)
class PutPackage:
    """A package as it was put: its CodeSha256, each file as it lay there then, what was in it, and what Terraform's own
    zip holds, each by the file's name in the zip."""

    sha256: str
    signatures: Mapping[str, Signature]
    held: Held
    terraforms: Held

    def saved(self, entries: Mapping[str, Path], certainly: Collection[Path]) -> SavedFiles | None:
        """What differs by now; `certainly` were saved. None: too much does, or it is what Terraform deployed."""
        now = signatures_of(entries)
        names = {name for name in now if now[name] != self.signatures.get(name) or entries[name] in certainly}
        removed = self.signatures.keys() - now.keys()
        if len(names) > FILES or len(removed) > FILES or sum(now[name][0] for name in names) > BYTES:
            return None
        files = pack({name: entries[name] for name in names})
        held = {name: kept for name, kept in self.held.items() if name not in removed} | held_in(files)
        if held == self.terraforms:
            return None
        return SavedFiles(files, tuple(sorted(removed)), PutPackage("", now, held, self.terraforms))


def signatures_of(entries: Mapping[str, Path]) -> dict[str, Signature]:
    """Another one once the file was written, replaced, or made a program."""
    signatures: dict[str, Signature] = {}
    for name, path in entries.items():
        status = os.stat(path)
        signatures[name] = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_mode)
    return signatures


def held_in(zipped: bytes | Path) -> Held:
    """CRC-32 and size of each file in a zip, by its name; nothing where there is none."""
    try:
        with zipfile.ZipFile(io.BytesIO(zipped) if isinstance(zipped, bytes) else zipped) as archive:
            return {entry.filename: (entry.CRC, entry.file_size) for entry in archive.infolist() if not entry.is_dir()}
    except (FileNotFoundError, zipfile.BadZipFile):
        return {}


def where_they_lie(paths: Iterable[Path], places: Mapping[Path, Path]) -> set[Path]:
    """Paths that were resolved, as the package names them: by its places, each by where it really is."""
    lying: set[Path] = set()
    for path in paths:
        lying.add(path)
        lying |= {place / path.relative_to(real) for real, place in places.items() if path.is_relative_to(real)}
    return lying
