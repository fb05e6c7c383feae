"""Blobs by their digest, and uploads on their way to be one.

    DIRECTORY/sha256/ab/abcd...    a blob; it appears under its name when it is complete and was checked
    DIRECTORY/uploads/OWNER-ID     what of an upload has arrived

An upload goes on after the edge ended: what counts is what lies in its file. Memory holds one piece of each upload.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
import time
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from staticfire.host.files import sync

from .errors import DigestMismatch, UploadRefused

if TYPE_CHECKING:
    from hashlib import _Hash

DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
PIECE = 1 << 20
# Lambda takes images of 10 GB.
MAX_BLOB = 10 * 1024**3
MAX_UPLOADS = 500
STALE_SECONDS = 24 * 60 * 60
# A disk that is full takes more with it than an upload.
SPARE_DISK = 256 * 1024**2


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@dataclass(slots=True, eq=False)
class Upload:
    """`size` bytes have arrived; `hashed` is what is known of them, unless the edge ended meanwhile."""

    id: str
    path: Path
    size: int
    hashed: _Hash | None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class BlobStore:
    def __init__(self, directory: Path) -> None:
        self._blobs = directory / "sha256"
        self._uploads = directory / "uploads"
        self._open: dict[str, Upload] = {}

    def path(self, digest: str) -> Path:
        match = DIGEST.fullmatch(digest)
        if match is None:
            raise DigestMismatch(f"{digest!r} is not a digest: sha256 and 64 hexadecimal digits are")
        return self._blobs / match[1][:2] / match[1]

    def size(self, digest: str) -> int | None:
        """None where there is none."""
        try:
            return self.path(digest).stat().st_size
        except FileNotFoundError:
            return None

    def read(self, digest: str) -> bytes:
        """A small one, whole."""
        return self.path(digest).read_bytes()

    async def pieces(self, digest: str, start: int, length: int) -> AsyncIterator[bytes]:
        file = await asyncio.to_thread(self.path(digest).open, "rb")
        try:
            file.seek(start)
            while length:
                piece = await asyncio.to_thread(file.read, min(PIECE, length))
                if not piece:
                    return
                length -= len(piece)
                yield piece
        finally:
            file.close()

    async def keep(self, data: bytes) -> str:
        """Take a small one; its digest. It is on the disk when this returns."""
        digest = digest_of(data)
        await asyncio.to_thread(self._write, self.path(digest), data)
        return digest

    def _write(self, path: Path, data: bytes) -> None:
        if path.exists():
            return
        self._uploads.mkdir(parents=True, exist_ok=True)
        part = self._uploads / f"whole-{uuid4()}"
        part.write_bytes(data)
        _settle(part, path)

    # Uploads.

    async def begin(self, owner: str) -> Upload:
        self._uploads.mkdir(parents=True, exist_ok=True)
        if sum(1 for _ in os.scandir(self._uploads)) >= MAX_UPLOADS:
            raise UploadRefused(f"{MAX_UPLOADS} uploads have begun and did not end: end or cancel some", 0)
        identifier = str(uuid4())
        path = self._named(owner, identifier)
        path.touch()
        upload = Upload(identifier, path, 0, hashlib.sha256())
        self._open[path.name] = upload
        return upload

    def upload(self, owner: str, identifier: str) -> Upload | None:
        if not re.fullmatch(r"[0-9a-f-]{36}", identifier):
            return None
        path = self._named(owner, identifier)
        upload = self._open.get(path.name)
        if upload is None and path.exists():
            upload = self._open[path.name] = Upload(identifier, path, path.stat().st_size, None)
        return upload

    def _named(self, owner: str, identifier: str) -> Path:
        return self._uploads / f"{hashlib.sha256(owner.encode()).hexdigest()[:16]}-{identifier}"

    async def append(self, upload: Upload, pieces: AsyncIterator[bytes], start: int | None = None) -> None:
        """What came of a body that broke off stays, so that its sender may go on from there."""
        async with upload.lock:
            if start is not None and start != upload.size:
                raise UploadRefused(f"the upload has {upload.size} bytes; this begins at {start}", upload.size)
            file = await asyncio.to_thread(upload.path.open, "ab")
            try:
                waiting = bytearray()
                async for piece in pieces:
                    waiting += piece
                    if len(waiting) >= PIECE:
                        await self._take(upload, file.fileno(), waiting)
                        waiting = bytearray()
                await self._take(upload, file.fileno(), waiting)
            finally:
                file.close()
                upload.size = upload.path.stat().st_size if upload.path.exists() else 0

    async def _take(self, upload: Upload, descriptor: int, data: bytearray) -> None:
        if upload.size + len(data) > MAX_BLOB:
            raise UploadRefused(f"a layer has at most {MAX_BLOB} bytes", upload.size)

        def take() -> None:
            if shutil.disk_usage(upload.path.parent).free < SPARE_DISK + len(data):
                raise UploadRefused("the disk of the state directory is nearly full", upload.size)
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
            if upload.hashed is not None:
                upload.hashed.update(data)

        if data:
            before = upload.size
            try:
                await asyncio.shield(asyncio.to_thread(take))
            except asyncio.CancelledError:
                upload.hashed = None  # what was written is hashed anew
                raise
            upload.size = before + len(data)

    async def finish(self, upload: Upload, digest: str) -> int:
        """The upload becomes a blob if it is what its digest says; its size."""
        path = self.path(digest)
        async with upload.lock:
            actual = await asyncio.to_thread(self._hash, upload)
            if actual != digest:
                raise DigestMismatch(f"the content has the digest {actual}, not {digest}")
            size = upload.path.stat().st_size
            await asyncio.to_thread(_settle, upload.path, path)
            self._open.pop(upload.path.name, None)
        return size

    async def digest(self, upload: Upload) -> str:
        async with upload.lock:
            return await asyncio.to_thread(self._hash, upload)

    @staticmethod
    def _hash(upload: Upload) -> str:
        if upload.hashed is None:
            with upload.path.open("rb") as file:
                upload.hashed = hashlib.file_digest(file, "sha256")
        return f"sha256:{upload.hashed.hexdigest()}"

    def cancel(self, upload: Upload) -> None:
        self._open.pop(upload.path.name, None)
        upload.path.unlink(missing_ok=True)

    # What nobody needs any more.

    def remove(self, digests: Collection[str]) -> None:
        for digest in digests:
            self.path(digest).unlink(missing_ok=True)

    def all(self) -> set[str]:
        return {f"sha256:{path.name}" for path in self._blobs.glob("??/*")}

    def tidy(self) -> None:
        """Uploads that nobody went on with for a day."""
        oldest = time.time() - STALE_SECONDS
        for path in self._uploads.glob("*"):
            upload = self._open.get(path.name)
            if path.stat().st_mtime < oldest and not (upload is not None and upload.lock.locked()):
                self._open.pop(path.name, None)
                path.unlink(missing_ok=True)


def _settle(part: Path, path: Path) -> None:
    """`part` becomes `path`, for good."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sync(part)
    os.replace(part, path)
    sync(path.parent)
