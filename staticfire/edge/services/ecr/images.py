"""Images and tags of a repository: put, found, told, removed."""

from __future__ import annotations

import fnmatch
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.images.blobs import DIGEST, BlobStore, digest_of
from staticfire.edge.images.errors import BadImage
from staticfire.edge.images.manifest import Manifest, read_manifest
from staticfire.edge.store import Key

from .names import TAG
from .records import EcrRecord, EcrRecords, within

NOT_SCANNED = "Images are not scanned here: there is no scanner, and no findings are made up."


@dataclass(frozen=True, slots=True)
class PutImage:
    digest: str
    media_type: str
    tag: str
    data: bytes


class Images:
    def __init__(self, records: EcrRecords, blobs: BlobStore) -> None:
        self._records = records
        self.blobs = blobs

    async def put(
        self, scope: Scope, name: str, data: bytes, *, media_type: str = "", tag: str = "", digest: str = ""
    ) -> PutImage:
        """All that it is made of must be in the repository. The same again changes nothing, and is said."""
        if tag and TAG.fullmatch(tag) is None:
            raise _invalid(f"Invalid parameter at 'imageTag' failed to satisfy constraint: '{TAG.pattern}'")
        try:
            manifest = read_manifest(data, media_type)
        except BadImage as error:
            raise _invalid(f"Invalid parameter at 'ImageManifest' failed to satisfy constraint: {error}") from error
        actual = digest_of(data)
        if digest and digest != actual:
            raise AwsError(400, "ImageDigestDoesNotMatchException", f"The image has the digest {actual}, not {digest}")
        async with self._records.changing:
            repository = self._records.repository(scope, name)
            size = self._check_parts(scope, name, manifest)
            tagged = self._records.get(scope, "tag", name, tag) if tag else None
            if tagged is not None and tagged["digest"] == actual:
                raise AwsError(
                    400,
                    "ImageAlreadyExistsException",
                    f"Image with digest '{actual}' and tag '{tag}' already exists in {within(scope, name)}",
                )
            if tagged is not None and is_immutable(repository, tag):
                raise AwsError(
                    400,
                    "ImageTagAlreadyExistsException",
                    f"The image tag '{tag}' already exists in the '{name}' repository and cannot be overwritten "
                    "because the tag is immutable.",
                )
            key = self._records.key(scope, "image", name, actual)
            puts: dict[Key, EcrRecord] = {}
            if self._records.get(scope, "image", name, actual) is None:
                await self.blobs.keep(data)
                puts[key] = _image(repository, actual, manifest, size)
            elif not tag:
                raise AwsError(
                    400,
                    "ImageAlreadyExistsException",
                    f"Image with digest '{actual}' already exists in {within(scope, name)}",
                )
            if tag:
                puts[self._records.key(scope, "tag", name, tag)] = {"digest": actual}
            await self._records.write(puts)
        return PutImage(actual, manifest.media_type, tag, data)

    def _check_parts(self, scope: Scope, name: str, manifest: Manifest) -> int:
        """What it is made of is there, in the size that it says; its size."""
        missing = [one.digest for one in manifest.blobs if self._records.get(scope, "layer", name, one.digest) is None]
        if missing:
            raise AwsError(
                400,
                "LayersNotFoundException",
                f"Layers with digests {_java(missing)} required for pushing image into {_of(scope, name)} don't exist",
            )
        for one in manifest.blobs:
            if self.blobs.size(one.digest) != one.size:
                raise _invalid(f"The layer {one.digest} has {self.blobs.size(one.digest)} bytes, not {one.size}")
        images = {one.digest: self._records.get(scope, "image", name, one.digest) for one in manifest.manifests}
        absent = [digest for digest, image in images.items() if image is None]
        if absent:
            raise AwsError(
                400,
                "ReferencedImagesNotFoundException",
                f"Images with digests {_java(absent)} required for pushing image into {_of(scope, name)} don't exist",
            )
        if manifest.is_index:
            return max((image["imageSizeInBytes"] for image in images.values() if image is not None), default=0)
        return sum(one.size for one in manifest.blobs)

    def find(self, scope: Scope, name: str, *, tag: str = "", digest: str = "") -> EcrRecord | None:
        """The image of a tag, or of a digest, or of both where they agree."""
        if tag:
            tagged = self._records.get(scope, "tag", name, tag)
            if tagged is None or (digest and tagged["digest"] != digest):
                return None
            digest = tagged["digest"]
        return self._records.get(scope, "image", name, digest)

    def read(self, image: EcrRecord) -> bytes:
        return self.blobs.read(image["imageDigest"])

    def tags(self, scope: Scope, name: str) -> dict[str, list[str]]:
        """The tags by digest."""
        by_digest: dict[str, list[str]] = {}
        for tag, record in self._records.list(scope, "tag", f"{name}:"):
            by_digest.setdefault(record["digest"], []).append(tag)
        return by_digest

    def listed(self, scope: Scope, name: str) -> list[EcrRecord]:
        """All images with their tags, as DescribeImages tells them; newest first."""
        tags = self.tags(scope, name)
        images = [record for _, record in self._records.list(scope, "image", f"{name}:")]
        images.sort(key=lambda image: image["imagePushedAt"], reverse=True)
        return [{**image, "imageTags": tags.get(image["imageDigest"])} for image in images]

    async def remove(self, scope: Scope, name: str, ids: Sequence[Mapping[str, Any]]) -> tuple[list[Any], list[Any]]:
        """Those that were removed, and failures, as BatchDeleteImage tells them."""
        removed: list[Any] = []
        failures: list[Any] = []
        async with self._records.changing:
            self._records.repository(scope, name)
            for one in ids:
                code, why = await self._remove(scope, name, one, removed)
                if code:
                    failures.append({"imageId": dict(one), "failureCode": code, "failureReason": why})
        return removed, failures

    async def _remove(self, scope: Scope, name: str, one: Mapping[str, Any], removed: list[Any]) -> tuple[str, str]:
        tag, digest = one.get("imageTag") or "", one.get("imageDigest") or ""
        if not tag and not digest:
            return "MissingDigestAndTag", "Invalid request parameters: both tag and digest cannot be null"
        if digest and DIGEST.fullmatch(digest) is None:
            return (
                "InvalidImageDigest",
                f"Invalid request parameters: image digest should satisfy the regex '{DIGEST.pattern}'",
            )
        image = self.find(scope, name, tag=tag, digest=digest)
        if image is None and tag and digest and self.find(scope, name, tag=tag) is not None:
            return "ImageTagDoesNotMatchDigest", "Requested tag does not match the digest"
        if image is None:
            return "ImageNotFound", "Requested image not found"
        digest = image["imageDigest"]
        tags = self.tags(scope, name).get(digest, [])
        key = self._records.key
        if tag and tags != [tag]:
            await self._records.write(deletes=[key(scope, "tag", name, tag)])
            removed.append({"imageDigest": digest, "imageTag": tag})
            return "", ""
        others = [
            other for _, other in self._records.list(scope, "image", f"{name}:") if other["imageDigest"] != digest
        ]
        if holders := [other["imageDigest"] for other in others if digest in other["_manifests"]]:
            return "ImageReferencedByManifestList", f"Requested image referenced by manifest list: {_java(holders)}"
        needed = {blob for other in others for blob in other["_blobs"]}
        deletes = [key(scope, "image", name, digest), *(key(scope, "tag", name, own) for own in tags)]
        deletes += [key(scope, "layer", name, blob) for blob in set(image["_blobs"]) - needed]
        await self._records.write(deletes=deletes)
        removed += [{"imageDigest": digest, "imageTag": own} for own in tags] or [{"imageDigest": digest}]
        return "", ""


def is_immutable(repository: EcrRecord, tag: str) -> bool:
    """Whether a tag of the repository stays with its image."""
    how = repository["imageTagMutability"]
    filters: Iterable[Mapping[str, str]] = repository.get("imageTagMutabilityExclusionFilters") or ()
    excluded = any(fnmatch.fnmatchcase(tag, one["filter"]) for one in filters)
    return (
        how == "IMMUTABLE"
        or (how == "IMMUTABLE_WITH_EXCLUSION" and not excluded)
        or (how == "MUTABLE_WITH_EXCLUSION" and excluded)
    )


def told(record: EcrRecord) -> EcrRecord:
    """Without what is ours."""
    return {name: value for name, value in record.items() if not name.startswith("_")}


def _image(repository: EcrRecord, digest: str, manifest: Manifest, size: int) -> EcrRecord:
    scanned = repository["imageScanningConfiguration"]["scanOnPush"]
    status = {"imageScanStatus": {"status": "FAILED", "description": NOT_SCANNED}} if scanned else {}
    return {
        "registryId": repository["registryId"],
        "repositoryName": repository["repositoryName"],
        "imageDigest": digest,
        "imageSizeInBytes": size,
        "imagePushedAt": time.time(),
        "imageManifestMediaType": manifest.media_type,
        **({"artifactMediaType": manifest.artifact_type} if manifest.artifact_type else {}),
        **status,
        "_blobs": [one.digest for one in manifest.blobs],
        "_manifests": [one.digest for one in manifest.manifests],
        "_subject": manifest.subject,
    }


def _of(scope: Scope, name: str) -> str:
    return f"repository with name '{name}' in the registry with id '{scope.account}'"


def _java(values: Sequence[str]) -> str:
    return f"'[{', '.join(values)}]'"


def _invalid(message: str) -> AwsError:
    return AwsError(400, "InvalidParameterException", message)
