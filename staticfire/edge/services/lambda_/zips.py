"""Zips as they were deployed, by the hexadecimal SHA-256 of their bytes: a small one in the store, a larger one a file.

    small   -> written with the document that describes it: one wait for the disk
    larger  -> state_dir/functions/zips/SHA.zip, on the disk before the document that describes it is written

SQLite writes a blob twice, into its log and into its file: beyond SMALL that takes longer than more waits. A zip stays
a week after it was deployed last, and as long as something describes it: there is no other copy.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Collection, Mapping
from pathlib import Path

from staticfire.edge.store import Store

SMALL = 256 * 1024
UNFINISHED = "partial-"
KEPT_SECONDS = 7 * 24 * 60 * 60

_NOTHING: Mapping[str, bytes] = {}


class Zips:
    """See the module's text."""

    def __init__(self, directory: Path, store: Store) -> None:
        self._directory = directory
        self._store = store

    def find(self, digest: str) -> bytes | Path | None:
        """A small one itself, a larger one's file; None where it is not here."""
        small = self._store.blob(_name(digest))
        if small is not None:
            return small
        path = self._path(digest)
        try:
            os.utime(path)
        except FileNotFoundError:
            return None
        return path

    async def take(self, digest: str, data: bytes) -> Mapping[str, bytes]:
        """Keep a larger one. A small one comes back: as what has to be written with whatever describes it."""
        if len(data) <= SMALL:
            return {_name(digest): data}
        path = self._path(digest)
        if path.exists():
            os.utime(path)
        else:
            await asyncio.to_thread(_write, path, data)
        return _NOTHING

    async def keep(self, digest: str, data: bytes) -> None:
        """Keep one by itself."""
        blobs = await self.take(digest, data)
        if blobs:
            await self._store.write(blobs=blobs)

    async def forget(self, digest: str) -> None:
        self._path(digest).unlink(missing_ok=True)
        await self._store.delete_blobs([_name(digest)])

    def tidy(self, described: Collection[str]) -> None:
        """Drop what was not deployed for a week; `described` stays."""
        oldest = time.time() - KEPT_SECONDS
        names = {_name(digest) for digest in described}
        self._store.drop_blobs([name for name in self._store.blobs_before(oldest) if name not in names])
        for path in self._directory.glob("*"):
            if path.name in names:
                continue
            if path.name.startswith(UNFINISHED) or path.stat().st_mtime < oldest:
                path.unlink()

    def _path(self, digest: str) -> Path:
        return self._directory / _name(digest)


def _name(digest: str) -> str:
    return f"{digest}.zip"


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=UNFINISHED, delete=False) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(file.name, path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
