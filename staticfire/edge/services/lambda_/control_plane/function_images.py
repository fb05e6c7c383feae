"""Functions that are images: `Pending` until the image is unpacked, so that no invocation waits for it.

One that cannot be unpacked fails its deployment, which waits for it: the function is `Failed`, with the reason.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.services.lambda_.function_records import (
    FunctionRecords,
    Record,
    image_came,
    version_id,
    waiting_for_image,
    waits_for_image,
)
from staticfire.edge.services.lambda_.model import FunctionRef

INVALID_IMAGE = "InvalidImageException"


class FunctionImages:
    def __init__(self, records: FunctionRecords, make_ready: Callable[[FunctionRef], Awaitable[None]]) -> None:
        """`make_ready` unpacks the image of a function."""
        self._records = records
        self._make_ready = make_ready
        self._unpacking: set[asyncio.Task[None]] = set()

    @staticmethod
    def awaited(configuration: Record) -> Record:
        """A configuration that is new: one of an image waits for it."""
        return waiting_for_image(configuration) if configuration["PackageType"] == "Image" else configuration

    def unpack(self, scope: Scope, name: str, latest: Record) -> None:
        """Unpack what a function waits for."""
        if not waits_for_image(latest):
            return
        task = asyncio.get_running_loop().create_task(self._unpacked(scope, name, latest["CodeSha256"]))
        self._unpacking.add(task)
        task.add_done_callback(self._unpacking.discard)

    def resume(self) -> None:
        for key, function in self._records.everywhere("function"):
            self.unpack(Scope(key.account, key.region), key.id, function["latest"])

    async def _unpacked(self, scope: Scope, name: str, digest: str) -> None:
        problem = ""
        try:
            await self._make_ready(FunctionRef(scope, name))
        except AwsError as error:
            # Where images cannot start at all it is `up` that refuses, unless it was asked not to.
            problem = error.message if error.code == INVALID_IMAGE else ""
        except OSError as error:
            problem = str(error)
        async with self._records.changing(scope, name):
            puts = {}
            function = self._records.get(scope, "function", name)
            if function is not None and _waits_for(function["latest"], digest):
                changed = {**function, "latest": image_came(function["latest"], problem)}
                puts[self._records.key(scope, "function", name)] = changed
            for version in self._records.list(scope, "version", f"{name}:"):
                if _waits_for(version, digest):
                    key = self._records.key(scope, "version", name, version_id(version["Version"]))
                    puts[key] = image_came(version, problem)
            await self._records.write(puts)


def _waits_for(configuration: Record, digest: str) -> bool:
    return waits_for_image(configuration) and configuration["CodeSha256"] == digest
