"""Functions of images: under way until the image is unpacked, also across a restart of the edge."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.services.lambda_.control_plane.function_images import FunctionImages
from staticfire.edge.services.lambda_.function_records import FunctionRecords, being_created, version_id
from staticfire.edge.services.lambda_.model import FunctionRef
from staticfire.edge.store import Store

SCOPE = Scope("000000000000", "us-east-1")


class Unpacking:
    """Stands for what runs functions: unpacks when the test lets it."""

    def __init__(self) -> None:
        self.began, self.goes_on, self.problem = asyncio.Event(), asyncio.Event(), ""
        self.code = "InvalidImageException"

    async def unpack(self, ref: FunctionRef) -> None:
        self.began.set()
        await self.goes_on.wait()
        if self.problem:
            raise AwsError(502, self.code, self.problem)


@pytest.fixture
async def records(tmp_path: Path) -> AsyncIterator[FunctionRecords]:
    store = Store(tmp_path / "store.db")
    yield FunctionRecords(store)
    await store.close()


async def made(records: FunctionRecords) -> None:
    """A function of an image, and a version of it, as CreateFunction writes them."""
    latest = FunctionImages.awaited(being_created({"PackageType": "Image", "CodeSha256": "a", "Version": "$LATEST"}))
    version = FunctionImages.awaited(being_created({**latest, "Version": "1"}))
    await records.put(SCOPE, "function", "f", record={"latest": latest})
    await records.put(SCOPE, "version", "f", version_id(1), record=version)


async def settled(records: FunctionRecords) -> list[dict[str, Any]]:
    async with asyncio.timeout(10):
        while True:
            both = [records.configuration(SCOPE, "f", version) or {} for version in ("$LATEST", "1")]
            if all(one["State"] != "Pending" for one in both):
                return both
            await asyncio.sleep(0.01)


async def test_it_is_pending_until_an_edge_has_unpacked_its_image(records: FunctionRecords) -> None:
    await made(records)
    killed = Unpacking()
    FunctionImages(records, killed.unpack).resume()
    await killed.began.wait()
    assert [(records.configuration(SCOPE, "f", one) or {})["State"] for one in ("$LATEST", "1")] == ["Pending"] * 2

    unpacking = Unpacking()
    images = FunctionImages(records, unpacking.unpack)
    images.resume()
    unpacking.goes_on.set()

    assert [(one["State"], one["LastUpdateStatus"]) for one in await settled(records)] == [("Active", "Successful")] * 2


async def test_an_image_that_cannot_be_unpacked_fails_what_waits_for_it(records: FunctionRecords) -> None:
    await made(records)
    unpacking = Unpacking()
    unpacking.problem = "a layer leads out of the image"
    images = FunctionImages(records, unpacking.unpack)
    images.resume()
    unpacking.goes_on.set()

    for one in await settled(records):
        assert (one["State"], one["StateReasonCode"]) == ("Failed", "InvalidImage")
        assert one["StateReason"] == "a layer leads out of the image"


async def test_where_no_image_starts_a_function_is_described_all_the_same(records: FunctionRecords) -> None:
    await made(records)
    unpacking = Unpacking()
    unpacking.code, unpacking.problem = "InvalidRuntimeException", "namespaces are refused"
    images = FunctionImages(records, unpacking.unpack)
    images.resume()
    unpacking.goes_on.set()

    assert [one["State"] for one in await settled(records)] == ["Active"] * 2
