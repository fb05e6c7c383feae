"""An image on the disk, and how it comes into the local ECR: by AWS's API for layers, as any client may do it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from botocore.exceptions import ClientError

from staticfire.progress import Step

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar"
GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Blob:
    """A file by its digest; `compressed` is whether gzip packed it."""

    path: Path
    digest: str
    size: int
    compressed: bool

    @classmethod
    def of(cls, path: Path) -> Blob:
        with path.open("rb") as file:
            compressed = file.read(2) == GZIP
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return cls(path, f"sha256:{digest}", path.stat().st_size, compressed)


@dataclass(frozen=True)
class ImageOnDisk:
    layers: Sequence[Blob]
    config: Blob

    @property
    def manifest(self) -> str:
        layers = [
            {"mediaType": f"{LAYER}.gzip" if layer.compressed else LAYER, "size": layer.size, "digest": layer.digest}
            for layer in self.layers
        ]
        config = {"mediaType": CONFIG, "size": self.config.size, "digest": self.config.digest}
        return json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers})


def configuration(diff_ids: Sequence[str], architecture: str, config: Mapping[str, Any]) -> bytes:
    """What an image says of itself; `config` has Entrypoint, Cmd, Env, WorkingDir."""
    document = {
        "architecture": {"x86_64": "amd64"}.get(architecture, architecture),
        "os": "linux",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": list(diff_ids)},
    }
    return json.dumps(document, sort_keys=True).encode()


def is_there(ecr: Any, repository: str, tag: str) -> bool:
    try:
        ecr.describe_images(repositoryName=repository, imageIds=[{"imageTag": tag}])
    except ClientError as error:
        if error.response["Error"]["Code"] in ("ImageNotFoundException", "RepositoryNotFoundException"):
            return False
        raise
    return True


def push(image: ImageOnDisk, ecr: Any, repository: str, tag: str, step: Step) -> None:
    """What of it the repository has already is not sent again."""
    blobs = {blob.digest: blob for blob in (*image.layers, image.config)}
    answer = ecr.batch_check_layer_availability(repositoryName=repository, layerDigests=list(blobs))
    there = {layer["layerDigest"] for layer in answer["layers"] if layer["layerAvailability"] == "AVAILABLE"}
    for number, blob in enumerate(blobs.values(), 1):
        if blob.digest not in there:
            step.note(f"push {repository}:{tag}, layer {number} of {len(blobs)}, {blob.size / 1e6:.0f} MB")
            with blob.path.open("rb") as file:
                _upload(file, blob.digest, ecr, repository)
    ecr.put_image(repositoryName=repository, imageManifest=image.manifest, imageTag=tag)


def _upload(file: BinaryIO, digest: str, ecr: Any, repository: str) -> None:
    begun = ecr.initiate_layer_upload(repositoryName=repository)
    upload, first = {"repositoryName": repository, "uploadId": begun["uploadId"]}, 0
    while part := file.read(begun["partSize"]):
        last = first + len(part) - 1
        ecr.upload_layer_part(**upload, partFirstByte=first, partLastByte=last, layerPartBlob=part)
        first = last + 1
    ecr.complete_layer_upload(**upload, layerDigests=[digest])
