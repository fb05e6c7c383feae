"""Deployment packages: a zip in the call, an object in S3, or an image; checked as AWS checks them."""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from staticfire.edge.aws.calls import AwsError, Call, Scope
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.services.lambda_.code import MOST_ENTRIES, UNPACKED_LIMIT, CodeStore
from staticfire.edge.services.lambda_.zip_changes import Spliced

from .called import invalid

ZIPPED_LIMIT = 52428800
SMALL_ZIP = 32 * 1024
# What each entry of a zip's directory begins with.
_ENTRY = b"PK\1\2"

# The address at which a caller can fetch what has a CodeSha256.
Locate = Callable[[Call, str], str]
# The digest of the image that a URI names, as a caller sees it; raises what AWS says of one that is not there.
ResolveImage = Callable[[Scope, str], Awaitable[str]]

# What AWS's S3 says, whatever the emulator's says.
_S3 = {
    "NoSuchBucket": "The specified bucket does not exist",
    "NoSuchKey": "The specified key does not exist.",
    "NoSuchVersion": "The specified version does not exist.",
}


@dataclass(frozen=True)
class Package:
    """What was deployed: its hash and size, zipped and not; `blobs` have to be written with what describes it."""

    sha256: str
    size: int
    unpacked: int = 0
    image: str = ""
    blobs: Mapping[str, bytes] = field(default_factory=dict, repr=False)


class Packages:
    """Takes packages into the code store."""

    def __init__(self, emulator: Emulator, code: CodeStore, resolve_image: ResolveImage) -> None:
        self._emulator = emulator
        self._resolve_image = resolve_image
        self._code = code

    async def take(self, scope: Scope, source: Mapping[str, Any]) -> Package:
        """`source` as in a call: ZipFile, or S3Bucket and S3Key, or ImageUri."""
        if source.get("ImageUri"):
            digest = await self._resolve_image(scope, source["ImageUri"])
            return Package(digest.removeprefix("sha256:"), 0, 0, source["ImageUri"])
        if source.get("S3Bucket") and source.get("S3Key"):
            data = await self._object(scope, source["S3Bucket"], source["S3Key"], source.get("S3ObjectVersion"))
        elif source.get("ZipFile") is not None:
            data = source["ZipFile"]
            if len(data) > ZIPPED_LIMIT:
                message = f"Zipped size must be smaller than {ZIPPED_LIMIT} bytes"
                raise AwsError(413, "RequestEntityTooLargeException", message)
            if not data:
                raise invalid("Uploaded file must be a non-empty zip")
        else:
            raise invalid("Please provide a source for function code.")
        unpacked = await _checked(data)
        sha256, blobs = await self._code.take(data)
        return Package(sha256, len(data), unpacked, blobs=blobs)

    async def keep(self, data: bytes) -> Package:
        """Take a zip of whatever size, which is on the disk when this returns."""
        unpacked = await _checked(data)
        return Package(await self._code.keep(data), len(data), unpacked)

    async def keep_spliced(self, sha256: str, made: Spliced) -> Package:
        """Take a zip that was made of another one here."""
        await self._code.keep_as(sha256, made.data)
        return Package(sha256, len(made.data), made.unpacked)

    async def _object(self, scope: Scope, bucket: str, key: str, version: str | None) -> bytes:
        target = f"/{quote(bucket)}/{quote(key)}" + (f"?versionId={quote(version)}" if version else "")
        try:
            return await self._emulator.checked(await self._emulator.raw(scope, "s3", "GET", target))
        except AwsError as error:
            if error.status >= 500:
                raise
            code, said = error.code, _S3.get(error.code, error.message)
            raise invalid(f"Error occurred while GetObject. S3 Error Code: {code}. S3 Error Message: {said}") from error


async def _checked(data: bytes) -> int:
    """How large a zip is unpacked; AWS's error for one that it refuses."""
    # A thread takes longer to wake than a small zip's list to read.
    small = len(data) <= SMALL_ZIP
    unpacked = _unpacked_size(data) if small else await asyncio.to_thread(_unpacked_size, data)
    if unpacked > UNPACKED_LIMIT:
        raise invalid(f"Unzipped size must be smaller than {UNPACKED_LIMIT} bytes")
    return unpacked


def _unpacked_size(data: bytes) -> int:
    # Counted before the directory is read: `zipfile` makes an object of each entry, and believes no number in the zip.
    if (entries := data.count(_ENTRY)) > MOST_ENTRIES:
        raise invalid(
            f"The zip holds {entries} entries. Staticfire takes at most {MOST_ENTRIES}; AWS bounds the bytes alone. "
            "Leave out what the function does not use, or deploy it as a container image."
        )
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return sum(entry.file_size for entry in archive.infolist())
    except zipfile.BadZipFile:
        raise invalid("Could not unzip uploaded file. Please check your file, then try to upload again.") from None
