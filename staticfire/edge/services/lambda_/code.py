"""Deployed code on disk: a zip is unpacked once for each content and each runtime that it is prepared for.

    state_dir/functions/code/SHA-RUNTIME/      unpacked, and compiled for Python
    state_dir/functions/layers/KEY-RUNTIME/    several layers, one over the other, as below /opt

A tree appears under its name when it is complete (it is made beside it and renamed), so that a kill at any instant
leaves either all of it or nothing. Trees are shared by execution environments and are never written to again. What no
edge has used for a week goes when one starts. What was deployed stays beside them (zips.py): SHA is hexadecimal.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import hashlib
import io
import logging
import os
import shutil
import stat
import tempfile
import time
import zipfile
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO
from weakref import WeakValueDictionary

from staticfire.edge.aws.calls import AwsError
from staticfire.edge.store import Store

from .linked_trees import link_tree
from .runtimes import Runtime
from .zip_changes import CannotSplice, Spliced, spliced
from .zips import KEPT_SECONDS, UNFINISHED, Zips

log = logging.getLogger(__name__)

Fetch = Callable[[], Awaitable[bytes]]

# AWS's limit for a function with its layers, unpacked.
UNPACKED_LIMIT = 250 * 1024 * 1024
# AWS bounds a zip by its bytes alone. Empty files have none, and each takes an inode and memory here: a full zip of
# files of 1 KB passes.
MOST_ENTRIES = 250_000

# So many files are finished while their code runs already.
FEW = 50
# A file that is larger is not compared with the one before it.
COMPARED = 16 * 1024 * 1024
# What Linux takes; and deeper than any real path, but what a recursion can walk and remove.
LONGEST_LINK, MOST_DEPTH = 4096, 200

# New files of a tree that is in use are compiled so much later: not while the first start is under way.
FINISH_AFTER_SECONDS = 2.0
# So many changes are known, for the trees that are made of them; a larger one is unpacked as a whole.
CHANGES_KEPT = 10
CHANGE_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class Change:
    """By what a zip differs from the one with the CodeSha256 `base`: the files of another zip, and what is gone."""

    base: str
    files: bytes
    removed: frozenset[str]


class CodeStore:
    """Zips and what was unpacked from them."""

    def __init__(self, directory: Path, store: Store, described: Collection[str] = ()) -> None:
        """`described`: the CodeSha256 of everything that may be deployed again."""
        self._directory = directory
        self._zips = Zips(directory / "zips", store)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._finishing: set[asyncio.Task[None]] = set()
        self._changes: dict[str, Change] = {}
        self._zips.tidy({hexadecimal(sha256) for sha256 in described})
        self._tidy()

    def _tidy(self) -> None:
        oldest = time.time() - KEPT_SECONDS
        for kind in ("code", "layers"):
            for path in (self._directory / kind).glob("*"):
                if path.name.startswith(UNFINISHED) or path.stat().st_mtime < oldest:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()

    async def take(self, data: bytes) -> tuple[str, Mapping[str, bytes]]:
        """The CodeSha256 of a zip, and the blobs that the store has to be given with what describes it."""
        digest = hashlib.sha256(data)
        async with self._lock(f"{digest.hexdigest()}.zip"):
            blobs = await self._zips.take(digest.hexdigest(), data)
        return base64.b64encode(digest.digest()).decode(), blobs

    async def keep(self, data: bytes) -> str:
        """Take a zip; its CodeSha256. It is on the disk when this returns."""
        sha256 = base64.b64encode(hashlib.sha256(data).digest()).decode()
        await self.keep_as(sha256, data)
        return sha256

    async def keep_as(self, sha256: str, data: bytes) -> None:
        """Take a zip whose CodeSha256 is known."""
        digest = hexadecimal(sha256)
        async with self._lock(f"{digest}.zip"):
            await self._zips.keep(digest, data)

    async def splice(self, change: Change) -> tuple[str, Spliced]:
        """The zip that a change makes of its base, and its CodeSha256. It is kept by `keep`, not by this.

        Trees are made of the base's own from now on. CannotSplice: it has to come as a whole.
        """
        base = self._zips.find(hexadecimal(change.base))
        sha256, made = await asyncio.to_thread(_spliced, base, change)
        if made.is_plain and len(change.files) <= CHANGE_BYTES and sha256 != change.base:
            self._changes.pop(sha256, None)
            self._changes[sha256] = change
            while len(self._changes) > CHANGES_KEPT:
                del self._changes[next(iter(self._changes))]
        return sha256, made

    async def zip(self, digest: str) -> bytes | None:
        """What was deployed, by its hexadecimal digest; None where it is not here."""
        there = self._zips.find(digest)
        return await asyncio.to_thread(there.read_bytes) if isinstance(there, Path) else there

    async def _fetched(self, sha256: str, fetch: Fetch) -> bytes | Path:
        """The zip with this CodeSha256 (base64, as AWS writes it), fetched if it is not here yet."""
        digest = hexadecimal(sha256)
        async with self._lock(f"{digest}.zip"):
            there = self._zips.find(digest)
            if there is None:
                data = await fetch()
                fetched = hashlib.sha256(data).hexdigest()
                if fetched != digest:
                    raise AwsError(
                        500,
                        "InvalidCodeException",
                        f"The code has the SHA-256 {fetched}, its CodeSha256 says {digest}.",
                    )
                await self._zips.keep(digest, data)
                there = data
        return there

    async def tree(self, sha256: str, runtime: Runtime, fetch: Fetch, like: str = "") -> Path:
        """The unpacked code. What it has in common with the code `like`, where that is here, is taken from there."""
        return await self._unpacked("code", [(sha256, fetch)], runtime, [like] if like else [])

    async def forget(self, sha256: str) -> None:
        """A zip and what was unpacked of it alone: nothing describes it any more, and nothing runs it."""
        digest = hexadecimal(sha256)
        trees = [tree for kind in ("code", "layers") for tree in (self._directory / kind).glob(f"{digest}-*")]
        async with self._lock(f"{digest}.zip"):
            await self._zips.forget(digest)
            for tree in trees:
                await asyncio.to_thread(shutil.rmtree, tree, ignore_errors=True)

    async def layers(self, layers: Sequence[tuple[str, Fetch]], runtime: Runtime, like: Sequence[str] = ()) -> Path:
        """Layers, later ones over earlier ones; `like`: the CodeSha256 of those that were there before."""
        return await self._unpacked("layers", layers, runtime, like)

    async def _unpacked(
        self, kind: str, zips: Sequence[tuple[str, Fetch]], runtime: Runtime, like: Sequence[str] = ()
    ) -> Path:
        tree = self._tree(kind, [sha for sha, _ in zips], runtime)
        async with self._lock(f"{kind}/{tree.name}"):
            if not tree.exists() and not await self._changed(kind, zips, runtime, tree):
                deployed = [await self._fetched(sha, fetch) for sha, fetch in zips]
                before = self._tree(kind, like, runtime) if like else None
                made, fresh = await asyncio.to_thread(_unpack, deployed, tree.parent, before)
                if before is None or len(fresh) > FEW:
                    await runtime.finish(made)
                    made.rename(tree)
                else:
                    made.rename(tree)
                    self._finish_later(runtime, tree, [tree / path.relative_to(made) for path in fresh])
            os.utime(tree)
        return tree

    async def _changed(self, kind: str, zips: Sequence[tuple[str, Fetch]], runtime: Runtime, tree: Path) -> bool:
        """Make the tree of the one that it was changed from, where that is here; whether it was."""
        change = self._changes.get(zips[0][0]) if len(zips) == 1 else None
        before = self._tree(kind, [change.base], runtime) if change is not None else None
        if change is None or before is None or not before.is_dir():
            return False
        made, fresh = await asyncio.to_thread(_changed_tree, change, before)
        if made is None:
            return False
        made.rename(tree)
        self._finish_later(runtime, tree, [tree / path.relative_to(made) for path in fresh])
        return True

    def _tree(self, kind: str, zips: Sequence[str], runtime: Runtime) -> Path:
        key = hashlib.sha256("".join(zips).encode()).hexdigest()
        name = hexadecimal(zips[0]) if len(zips) == 1 else key
        return self._directory / kind / f"{name}-{runtime.name}"

    def _finish_later(self, runtime: Runtime, tree: Path, fresh: Sequence[Path]) -> None:
        """Few files are new: code can run before they are finished, which makes later starts faster and no more."""
        if fresh:
            task = asyncio.get_running_loop().create_task(_finished_later(runtime, tree, fresh))
            self._finishing.add(task)
            task.add_done_callback(self._finishing.discard)

    def _lock(self, name: str) -> asyncio.Lock:
        return self._locks.setdefault(name, asyncio.Lock())


async def _finished_later(runtime: Runtime, tree: Path, fresh: Sequence[Path]) -> None:
    await asyncio.sleep(FINISH_AFTER_SECONDS)
    if await asyncio.to_thread(tree.is_dir):  # it may be forgotten by now
        await runtime.finish(tree, fresh)


def _spliced(base: bytes | Path | None, change: Change) -> tuple[str, Spliced]:
    data = base.read_bytes() if isinstance(base, Path) else base
    if data is None:
        raise CannotSplice(f"what it was changed from is not here: {change.base}")
    made = spliced(data, change.files, change.removed)
    if made.unpacked > UNPACKED_LIMIT:
        raise _too_large()
    return base64.b64encode(hashlib.sha256(made.data).digest()).decode(), made


def _changed_tree(change: Change, before: Path) -> tuple[Path | None, list[Path]]:
    """A new tree, and the files in it that are not those of the tree before; None where links cannot make it."""
    tree = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=before.parent))
    tree.chmod(0o755)
    fresh: list[Path] = []
    try:
        # These first, into an empty tree: nothing is written through a link that the tree before has.
        with io.BytesIO(change.files) as files:
            _extract(files, tree, UNPACKED_LIMIT, None, fresh)
        own = {path.relative_to(tree).as_posix() for path in fresh}
        link_tree(before, tree, own | change.removed)
    except OSError as error:
        log.debug("A tree is unpacked, and not linked: %s", error)
        shutil.rmtree(tree, ignore_errors=True)
        return None, []
    except BaseException:
        shutil.rmtree(tree, ignore_errors=True)
        raise
    return tree, fresh


def hexadecimal(sha256: str) -> str:
    """AWS writes SHA-256 in base64, which has slashes."""
    try:
        digest = base64.b64decode(sha256, validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if len(digest) != 32:
        raise AwsError(500, "InvalidCodeException", f"CodeSha256 is not a SHA-256: {sha256!r}")
    return digest.hex()


def _unpack(zips: Sequence[bytes | Path], parent: Path, before: Path | None = None) -> tuple[Path, list[Path]]:
    """A new tree with what these zips hold, and the files in it that are not those of the tree `before`."""
    parent.mkdir(parents=True, exist_ok=True)
    tree = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=parent))
    tree.chmod(0o755)
    fresh: list[Path] = []
    if before is not None and not before.is_dir():
        before = None
    try:
        left = UNPACKED_LIMIT
        for zipped in zips:
            with contextlib.ExitStack() as opened:
                file = io.BytesIO(zipped) if isinstance(zipped, bytes) else opened.enter_context(zipped.open("rb"))
                left -= _extract(file, tree, left, before, fresh)
    except BaseException:
        shutil.rmtree(tree, ignore_errors=True)
        raise
    return tree, fresh


def _extract(file: BinaryIO, tree: Path, limit: int, before: Path | None, fresh: list[Path]) -> int:
    """Unpack with the files' modes; refuse what would leave the tree."""
    root = os.path.realpath(tree)
    links: list[tuple[str, str]] = []
    written = 0
    try:
        with zipfile.ZipFile(file) as archive:
            if len(archive.infolist()) > MOST_ENTRIES:
                raise _invalid(f"it holds more than {MOST_ENTRIES} entries")
            for entry in archive.infolist():
                target = os.path.normpath(os.path.join(root, entry.filename))
                if target != root and not target.startswith(root + os.sep):
                    raise _invalid(f"the entry {entry.filename!r} leads out of the function's directory")
                if target.count(os.sep) - root.count(os.sep) > MOST_DEPTH:
                    raise _invalid(f"the entry {entry.filename[:80]!r}... lies deeper than {MOST_DEPTH} directories")
                mode = entry.external_attr >> 16
                if entry.is_dir():
                    os.makedirs(target, exist_ok=True)
                    continue
                _made(os.path.dirname(target))
                if stat.S_ISLNK(mode):
                    if entry.file_size > LONGEST_LINK:
                        raise _invalid(f"the symbolic link {entry.filename!r} has {entry.file_size} bytes")
                    links.append((os.fsdecode(archive.read(entry)), target))
                    continue
                if os.path.lexists(target):  # it may be a file of another tree: nothing is written into it
                    os.unlink(target)
                mode = (stat.S_IMODE(mode) & 0o777 or 0o644) | 0o444
                if before is not None and _taken_over(archive, entry, before, target[len(root) + 1 :], target, mode):
                    written += entry.file_size
                    if written > limit:
                        raise _too_large()
                    continue
                with archive.open(entry) as source, open(target, "wb") as sink:
                    while piece := source.read(1 << 20):
                        written += len(piece)
                        if written > limit:
                            raise _too_large()
                        sink.write(piece)
                os.chmod(target, mode)
                fresh.append(Path(target))
        # Links come last, so that no entry is ever written through one.
        for destination, target in links:
            if os.path.lexists(target):
                os.unlink(target)
            os.symlink(destination, target)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        raise _invalid(f"it cannot be unpacked: {error}") from error
    return written


def _taken_over(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, before: Path, below: str, target: str, mode: int
) -> bool:
    """Whether the file is the same in the tree `before`: then it is that file, and its byte code too."""
    old = f"{before}/{below}"
    try:
        status = os.lstat(old)
    except OSError:
        return False
    same = stat.S_ISREG(status.st_mode) and status.st_size == entry.file_size <= COMPARED
    if not same or stat.S_IMODE(status.st_mode) != mode:
        return False
    with open(old, "rb") as file:
        if file.read() != archive.read(entry):
            return False
    try:
        os.link(old, target)
    except OSError:
        return False  # a file system without hard links, or as many of this file as it takes: it is unpacked anew
    directory, name = os.path.split(target)
    if name.endswith(".py"):
        compiled = os.path.dirname(old)
        for byte_code in _byte_code(compiled).get(name.removesuffix(".py"), ()):
            # The zip may have its own; and what was listed while it was compiled may be gone again.
            with suppress(OSError):
                os.link(f"{compiled}/__pycache__/{byte_code}", f"{_made(f'{directory}/__pycache__')}/{byte_code}")
    return True


@lru_cache(4096)
def _made(directory: str) -> str:
    """The directory, which is made the first time: trees are new, and each has a name of its own."""
    os.makedirs(directory, exist_ok=True)
    return directory


@lru_cache(4096)
def _byte_code(directory: str) -> Mapping[str, Sequence[str]]:
    """The names of the compiled files of a directory, by their module. Trees do not change once they are finished."""
    by_module: dict[str, list[str]] = {}
    compiled = f"{directory}/__pycache__"
    for name in os.listdir(compiled) if os.path.isdir(compiled) else ():
        if name.endswith(".pyc"):  # others are being written
            by_module.setdefault(name.partition(".")[0], []).append(name)
    return by_module


def _too_large() -> AwsError:
    return _invalid("it is larger than 262144000 bytes unpacked, AWS's limit with all layers")


def _invalid(why: str) -> AwsError:
    return AwsError(502, "InvalidZipFileException", f"Lambda could not unpack the deployed zip: {why}")
