"""Blobs and uploads: what arrives is what its digest says, goes on after a kill, and is bounded."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from staticfire.edge.images import blobs as module
from staticfire.edge.images.blobs import BlobStore, Upload
from staticfire.edge.images.errors import DigestMismatch, UploadRefused


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


async def pieces(*data: bytes, broken: bool = False) -> AsyncIterator[bytes]:
    for piece in data:
        yield piece
    if broken:
        raise ConnectionResetError


def files(directory: Path) -> list[str]:
    return [path.name for path in directory.rglob("*") if path.is_file()]


async def test_an_upload_goes_on_after_the_edge_was_killed(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    upload = await store.begin("a")
    with pytest.raises(ConnectionResetError):
        await store.append(upload, pieces(b"one", b"x" * (2 << 20), broken=True))
    again = BlobStore(tmp_path)
    resumed = again.upload("a", upload.id)
    assert resumed is not None
    assert again.upload("b", upload.id) is None, "it is another repository's"
    rest = b"three"
    await again.append(resumed, pieces(rest), resumed.size)
    whole = resumed.path.read_bytes()
    assert whole.startswith(b"onex")
    assert await again.finish(resumed, digest(whole)) == len(whole)
    assert b"".join([piece async for piece in again.pieces(digest(whole), 0, len(whole))]) == whole
    assert files(tmp_path / "uploads") == []


async def test_what_is_not_its_digest_never_becomes_a_blob(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    upload = await store.begin("a")
    await store.append(upload, pieces(b"content"))
    for wrong in (digest(b"other"), "sha256:../../../etc/passwd", "md5:00", ""):
        with pytest.raises(DigestMismatch):
            await store.finish(upload, wrong)
    assert files(tmp_path / "sha256") == []


async def test_an_upload_that_never_ends_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BLOB", 4 << 20)
    store = BlobStore(tmp_path)
    upload = await store.begin("a")

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(1 << 16)

    with pytest.raises(UploadRefused, match="at most"):
        await store.append(upload, endless())
    assert upload.size <= 4 << 20


async def test_uploads_are_limited_and_go_when_nobody_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_UPLOADS", 3)
    store = BlobStore(tmp_path)
    uploads: list[Upload] = [await store.begin("a") for _ in range(3)]
    with pytest.raises(UploadRefused, match="end or cancel"):
        await store.begin("a")
    old = time.time() - module.STALE_SECONDS - 1
    os.utime(uploads[0].path, (old, old))
    store.tidy()
    assert store.upload("a", uploads[0].id) is None
    assert store.upload("a", uploads[1].id) is not None
    await store.begin("a")


async def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SPARE_DISK", 1 << 60)
    store = BlobStore(tmp_path)
    with pytest.raises(UploadRefused, match="nearly full"):
        await store.append(await store.begin("a"), pieces(b"x"))


@pytest.mark.parametrize("name", ["../../outside", "x", "0" * 36, "/etc/passwd"])
def test_an_uploads_name_is_no_path(tmp_path: Path, name: str) -> None:
    assert BlobStore(tmp_path).upload("a", name) is None
