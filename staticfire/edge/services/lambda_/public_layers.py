"""Layers of other accounts, which no emulator has: zips that the stack's `up` brought, by ARN and runtime.

state_dir/functions/public-layers/ARN/RUNTIME.zip    RUNTIME is `any` where the content is the same for all
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from staticfire.host.files import write_atomically

from .code import Fetch

ANY_RUNTIME = "any"
ARN = re.compile(r"arn:[a-z-]+:lambda:[a-z0-9-]+:(\d{12}):layer:[a-zA-Z0-9-_]+:\d+")


@dataclass(frozen=True, slots=True)
class BroughtLayer:
    """A layer version's content, by its CodeSha256 (base64, as AWS writes it)."""

    code_sha256: str
    path: Path

    @property
    def fetch(self) -> Fetch:
        async def fetch() -> bytes:
            return await asyncio.to_thread(self.path.read_bytes)

        return fetch


class BroughtLayers:
    """What is kept survives the edge."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._read: dict[Path, str] = {}  # CodeSha256, by file

    async def get(self, arn: str, runtime: str) -> BroughtLayer | None:
        """The layer version as functions of that runtime get it; None where nobody brought it."""
        for name in (runtime, ANY_RUNTIME):
            path = self._path(arn, name)
            if path.exists():
                return BroughtLayer(await self._sha256(path), path)
        return None

    async def keep(self, arn: str, runtime: str, data: bytes) -> bool:
        """Keep a layer version's content; whether it is another than before."""
        path, digest = self._path(arn, runtime), _base64(hashlib.sha256(data))
        if path.exists() and await self._sha256(path) == digest:
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        await asyncio.to_thread(write_atomically, path, data)
        self._read[path] = digest
        return True

    async def kept(self) -> Mapping[str, str]:
        """CodeSha256 of each, by `ARN RUNTIME`."""
        paths = sorted(self._directory.glob("*/*.zip"))
        return {f"{unquote(path.parent.name)} {path.stem}": await self._sha256(path) for path in paths}

    def _path(self, arn: str, runtime: str) -> Path:
        return self._directory / quote(arn, safe="") / f"{quote(runtime, safe='')}.zip"

    async def _sha256(self, path: Path) -> str:
        if path not in self._read:
            self._read[path] = await asyncio.to_thread(lambda: _base64(hashlib.sha256(path.read_bytes())))
        return self._read[path]


def _base64(digest: hashlib._Hash) -> str:
    return base64.b64encode(digest.digest()).decode()
