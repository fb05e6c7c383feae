"""ECR, put together: AWS's API, the distribution API, and what is removed when nobody needs it any more."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Collection

from staticfire.edge.aws.calls import AwsError, Call, Scope
from staticfire.edge.aws.protocol import Operations
from staticfire.edge.http1.messages import Request, Response
from staticfire.edge.images.blobs import BlobStore
from staticfire.edge.images.errors import BadImage
from staticfire.edge.images.manifest import read_manifest
from staticfire.edge.store import Store, StoreFailed

from .image_operations import ImageOperations
from .images import Images
from .layer_operations import ImageLayerOperations
from .layers import Layers
from .lifecycle import expired, read_policy
from .locations import LayerLocations
from .policies import PolicyOperations
from .records import EcrRecords
from .registry import Registry
from .repositories import RepositoryOperations
from .tokens import Tokens

log = logging.getLogger(__name__)

SWEEP_SECONDS = 300.0
# A layer that no image names may belong to one that is on its way.
UNUSED_SECONDS = 24 * 60 * 60

# What concerns no repository: the emulator describes it.
OF_THE_REGISTRY = (
    *("DescribeRegistry", "GetRegistryPolicy", "PutRegistryPolicy", "DeleteRegistryPolicy"),
    *("GetAccountSetting", "PutAccountSetting"),
)


class Ecr:
    """`needed`: digests of images that somebody needs although no repository has them any more."""

    def __init__(
        self, store: Store, blobs: BlobStore, secret: str, endpoint: str, needed: Callable[[], Collection[str]]
    ) -> None:
        self._records = EcrRecords(store)
        self._blobs = blobs
        self.images = Images(self._records, blobs)
        self._needed = needed
        layers = Layers(self._records, blobs)
        tokens = Tokens(secret)
        self._registry = Registry(self._records, self.images, layers, tokens, endpoint)
        self._locations = LayerLocations(secret, endpoint, blobs)
        repositories = RepositoryOperations(self._records, tokens, endpoint)
        images = ImageOperations(self._records, self.images)
        of_layers = ImageLayerOperations(self._records, layers, self._locations.address)
        policies = PolicyOperations(self._records, self.images)
        self._operations = Operations(
            "ecr",
            {
                "GetAuthorizationToken": repositories.authorize,
                "CreateRepository": repositories.create,
                "DescribeRepositories": repositories.describe,
                "DeleteRepository": repositories.delete,
                "PutImageTagMutability": repositories.put_mutability,
                "PutImageScanningConfiguration": repositories.put_scanning,
                "ListTagsForResource": repositories.list_tags,
                "TagResource": repositories.tag,
                "UntagResource": repositories.untag,
                "PutImage": images.put,
                "ListImages": images.list_all,
                "DescribeImages": images.describe,
                "BatchGetImage": images.read,
                "BatchDeleteImage": images.delete,
                "StartImageScan": images.start_scan,
                "DescribeImageScanFindings": images.scan_findings,
                "InitiateLayerUpload": of_layers.initiate,
                "UploadLayerPart": of_layers.upload_part,
                "CompleteLayerUpload": of_layers.complete,
                "BatchCheckLayerAvailability": of_layers.check,
                "GetDownloadUrlForLayer": of_layers.locate,
                "PutLifecyclePolicy": policies.put_lifecycle,
                "GetLifecyclePolicy": policies.get_lifecycle,
                "DeleteLifecyclePolicy": policies.delete_lifecycle,
                "StartLifecyclePolicyPreview": policies.start_preview,
                "GetLifecyclePolicyPreview": policies.get_preview,
                "SetRepositoryPolicy": policies.set_policy,
                "GetRepositoryPolicy": policies.get_policy,
                "DeleteRepositoryPolicy": policies.delete_policy,
            },
        )
        self._sweeping: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._sweeping = asyncio.get_running_loop().create_task(self._sweep_for_ever())

    async def close(self) -> None:
        if self._sweeping is not None:
            self._sweeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeping

    # AWS's API.

    async def answer(self, call: Call) -> Response | None:
        try:
            response = await self._operations.answer(call)
        except AwsError as error:
            if error.code == "ValidationException":
                raise AwsError(400, "InvalidParameterException", error.message) from error
            raise
        if response is not None:
            if call.operation in ("BatchDeleteImage", "DeleteRepository"):
                await self.sweep()
            return response
        if call.operation in OF_THE_REGISTRY:
            return None
        raise AwsError(
            501, "NotImplementedException", f"{call.operation} of ECR is not available here: see docs/fidelity.md."
        )

    async def passed(self, call: Call, status: int) -> None:
        """Nothing is kept of what the emulator answers."""

    # The distribution API, and layers by an address of their own.

    async def serve(self, request: Request) -> Response | None:
        """None for what is neither."""
        if (response := self._locations.serve(request)) is not None:
            return response
        return await self._registry.serve(request) if self._registry.match(request) else None

    # What goes.

    async def _sweep_for_ever(self) -> None:
        while True:
            try:
                await self._expire()
                await self.sweep()
                await asyncio.to_thread(self._blobs.tidy)
            except (OSError, StoreFailed, AwsError) as error:
                log.error("images that nobody needs were not removed: %s", error)
            await asyncio.sleep(SWEEP_SECONDS)

    async def _expire(self) -> None:
        """Lifecycle policies take effect."""
        for key, repository in self._records.everywhere("repository"):
            text = repository.get("_lifecycle")
            if not text:
                continue
            scope, name = Scope(key.account, key.region), key.id
            over = [image for image, _ in expired(read_policy(text), self.images.listed(scope, name), time.time())]
            if over:
                await self.images.remove(scope, name, [{"imageDigest": image["imageDigest"]} for image in over])
            async with self._records.changing:
                current = self._records.get(scope, "repository", name)
                if current is not None:
                    await self._records.write({key: {**current, "_lifecycle_evaluated": time.time()}})

    async def sweep(self) -> None:
        """Layers that no image has needed for a day, and blobs that nothing names, go."""
        async with self._records.changing:
            images = list(self._records.everywhere("image"))
            by_repository: dict[tuple[str, str, str], set[str]] = {}
            for key, image in images:
                repository = key.id.rpartition(":sha256:")[0]
                by_repository.setdefault((key.account, key.region, repository), set()).update(image["_blobs"])
            oldest, deletes, kept = time.time() - UNUSED_SECONDS, [], set[str]()
            for key, layer in self._records.everywhere("layer"):
                repository, _, digest = key.id.rpartition(":sha256:")
                needed = by_repository.get((key.account, key.region, repository), set())
                if layer["at"] < oldest and f"sha256:{digest}" not in needed:
                    deletes.append(key)
                else:
                    kept.add(f"sha256:{digest}")
            await self._records.write(deletes=deletes)
            kept |= {image["imageDigest"] for _, image in images}
            for digest in self._needed():
                kept |= self._made_of(digest)
            await asyncio.to_thread(lambda: self._blobs.remove(self._blobs.all() - kept))

    def _made_of(self, digest: str) -> set[str]:
        """An image's manifest, and what that names."""
        if self._blobs.size(digest) is None:
            return set()
        try:
            manifest = read_manifest(self._blobs.read(digest))
        except BadImage as error:
            log.error("the manifest %s cannot be read: %s", digest, error)
            return {digest}
        return {digest, *(one.digest for one in manifest.blobs)}
