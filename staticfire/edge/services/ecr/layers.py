"""Layers of a repository: the blobs that can be read there. Another repository's are not, until they are mounted."""

from __future__ import annotations

import time

from staticfire.edge.aws.calls import Scope
from staticfire.edge.images.blobs import BlobStore, Upload

from .records import EcrRecord, EcrRecords


class Layers:
    def __init__(self, records: EcrRecords, blobs: BlobStore) -> None:
        self._records = records
        self.blobs = blobs

    def get(self, scope: Scope, repository: str, digest: str) -> EcrRecord | None:
        return self._records.get(scope, "layer", repository, digest)

    async def finish(self, scope: Scope, repository: str, upload: Upload, digest: str) -> int:
        """An upload becomes a layer of the repository; its size."""
        async with self._records.changing:
            self._records.repository(scope, repository)
            size = await self.blobs.finish(upload, digest)
            await self._add(scope, repository, digest, size)
        return size

    async def mount(self, scope: Scope, source: str, repository: str, digest: str) -> bool:
        """Whether another repository of the same registry has it: then this one has it too."""
        async with self._records.changing:
            record = self._records.get(scope, "layer", source, digest)
            if record is None or self.blobs.size(digest) is None:
                return False
            self._records.repository(scope, repository)
            await self._add(scope, repository, digest, record["size"])
        return True

    async def remove(self, scope: Scope, repository: str, digest: str) -> None:
        async with self._records.changing:
            await self._records.write(deletes=[self._records.key(scope, "layer", repository, digest)])

    async def _add(self, scope: Scope, repository: str, digest: str, size: int) -> None:
        key = self._records.key(scope, "layer", repository, digest)
        await self._records.write({key: {"size": size, "at": time.time()}})

    @staticmethod
    def owner(scope: Scope, repository: str) -> str:
        """Whose an upload is."""
        return f"{scope.account}/{scope.region}/{repository}"
