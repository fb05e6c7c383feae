"""Deployed code on disk: a zip is unpacked once for each content and each runtime that it is prepared for.

    state_dir/functions/zips/SHA.zip           what was deployed; SHA is hexadecimal
    state_dir/functions/code/SHA-RUNTIME/      unpacked, and compiled for Python
    state_dir/functions/layers/KEY-RUNTIME/    several layers, one over the other, as below /opt

A tree appears under its name when it is complete (it is made beside it and renamed), so that a kill at any instant
leaves either all of it or nothing. Trees are shared by execution environments and are never written to again. What no
edge has used for a week goes when one starts, apart from the zips of what is described: there is no other copy.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import logging
import os
import shutil
import stat
import tempfile
import time
import zipfile
from collections.abc import Awaitable, Callable, Collection, Sequence
from pathlib import Path
from weakref import WeakValueDictionary

from staticfire.edge.aws.calls import AwsError

from .runtimes import Runtime

log = logging.getLogger(__name__)

Fetch = Callable[[], Awaitable[bytes]]

# AWS's limit for a function with its layers, unpacked.
UNPACKED_LIMIT = 250 * 1024 * 1024

UNFINISHED = "partial-"
KEPT_SECONDS = 7 * 24 * 60 * 60


class CodeStore:
    """Zips and what was unpacked from them."""

    def __init__(self, directory: Path, described: Collection[str] = ()) -> None:
        """`described`: the CodeSha256 of everything that may be deployed again."""
        self._directory = directory
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._tidy({f"{hexadecimal(sha256)}.zip" for sha256 in described})

    def _tidy(self, zips: Collection[str]) -> None:
        oldest = time.time() - KEPT_SECONDS
        for kind in ("zips", "code", "layers"):
            for path in (self._directory / kind).glob("*"):
                if path.name in zips:
                    continue
                if path.name.startswith(UNFINISHED) or path.stat().st_mtime < oldest:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()

    async def keep(self, data: bytes) -> str:
        """Take a zip; its CodeSha256. It is on the disk when this returns."""
        digest = hashlib.sha256(data).digest()
        path = self.zip(digest.hex())
        async with self._lock(path.name):
            if path.exists():
                os.utime(path)
            else:
                await asyncio.to_thread(_write, path, data)
        return base64.b64encode(digest).decode()

    def zip(self, digest: str) -> Path:
        """Where a zip lies, by its hexadecimal digest."""
        return self._directory / "zips" / f"{digest}.zip"

    async def fetch(self, sha256: str, fetch: Fetch) -> Path:
        """The zip with this CodeSha256 (base64, as AWS writes it), fetched if it is not here yet."""
        path = self.zip(hexadecimal(sha256))
        async with self._lock(path.name):
            if not path.exists():
                data = await fetch()
                digest = hashlib.sha256(data).hexdigest()
                if digest != path.stem:
                    raise AwsError(
                        500,
                        "InvalidCodeException",
                        f"The code has the SHA-256 {digest}, its CodeSha256 says {path.stem}.",
                    )
                await asyncio.to_thread(_write, path, data)
            os.utime(path)
        return path

    async def tree(self, sha256: str, runtime: Runtime, fetch: Fetch) -> Path:
        """The unpacked code."""
        return await self._unpacked("code", [(sha256, fetch)], runtime)

    async def layers(self, layers: Sequence[tuple[str, Fetch]], runtime: Runtime) -> Path:
        """Layers, later ones over earlier ones."""
        return await self._unpacked("layers", layers, runtime)

    async def _unpacked(self, kind: str, zips: Sequence[tuple[str, Fetch]], runtime: Runtime) -> Path:
        key = hashlib.sha256("".join(sha for sha, _ in zips).encode()).hexdigest()
        name = hexadecimal(zips[0][0]) if len(zips) == 1 else key
        tree = self._directory / kind / f"{name}-{runtime.name}"
        async with self._lock(f"{kind}/{tree.name}"):
            if not tree.exists():
                paths = [await self.fetch(sha, fetch) for sha, fetch in zips]
                made = await asyncio.to_thread(_unpack, paths, tree.parent)
                await runtime.finish(made)
                made.rename(tree)
            os.utime(tree)
        return tree

    def _lock(self, name: str) -> asyncio.Lock:
        return self._locks.setdefault(name, asyncio.Lock())


def hexadecimal(sha256: str) -> str:
    """AWS writes SHA-256 in base64, which has slashes."""
    try:
        digest = base64.b64decode(sha256, validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if len(digest) != 32:
        raise AwsError(500, "InvalidCodeException", f"CodeSha256 is not a SHA-256: {sha256!r}")
    return digest.hex()


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


def _unpack(zips: Sequence[Path], parent: Path) -> Path:
    parent.mkdir(parents=True, exist_ok=True)
    tree = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=parent))
    tree.chmod(0o755)
    try:
        left = UNPACKED_LIMIT
        for path in zips:
            left -= _extract(path, tree, left)
    except BaseException:
        shutil.rmtree(tree, ignore_errors=True)
        raise
    return tree


def _extract(path: Path, tree: Path, limit: int) -> int:
    """Unpack with the files' modes; refuse what would leave the tree."""
    root = os.path.realpath(tree)
    links: list[tuple[str, str]] = []
    written = 0
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                target = os.path.normpath(os.path.join(root, entry.filename))
                if target != root and not target.startswith(root + os.sep):
                    raise _invalid(f"the entry {entry.filename!r} leads out of the function's directory")
                mode = entry.external_attr >> 16
                if entry.is_dir():
                    os.makedirs(target, exist_ok=True)
                    continue
                os.makedirs(os.path.dirname(target), exist_ok=True)
                if stat.S_ISLNK(mode):
                    links.append((archive.read(entry).decode(), target))
                    continue
                with archive.open(entry) as source, open(target, "wb") as sink:
                    while piece := source.read(1 << 20):
                        written += len(piece)
                        if written > limit:
                            raise _invalid("it is larger than 262144000 bytes unpacked, AWS's limit with all layers")
                        sink.write(piece)
                os.chmod(target, (stat.S_IMODE(mode) & 0o777 or 0o644) | 0o444)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError) as error:
        raise _invalid(f"it cannot be unpacked: {error}") from error
    # Links come last, so that no entry is ever written through one.
    for destination, target in links:
        if os.path.lexists(target):
            os.unlink(target)
        os.symlink(destination, target)
    return written


def _invalid(why: str) -> AwsError:
    return AwsError(502, "InvalidZipFileException", f"Lambda could not unpack the deployed zip: {why}")
