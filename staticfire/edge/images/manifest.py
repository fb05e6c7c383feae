"""Manifests and indexes, Docker's schema 2 and OCI's: read, bounded, and what of them must be there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from .blobs import DIGEST
from .errors import BadImage, UnsupportedImage

MANIFESTS = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
)
INDEXES = (
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.index.v1+json",
)
CONFIGS = ("application/vnd.docker.container.image.v1+json", "application/vnd.oci.image.config.v1+json")
# By the media type of a layer: whether it is compressed.
LAYERS: Mapping[str, bool] = {
    "application/vnd.docker.image.rootfs.diff.tar.gzip": True,
    "application/vnd.docker.image.rootfs.diff.tar": False,
    "application/vnd.oci.image.layer.v1.tar+gzip": True,
    "application/vnd.oci.image.layer.v1.tar": False,
}
# As the registry of Docker's distribution.
MAX_MANIFEST = 4 * 1024 * 1024
MAX_CONFIG = 4 * 1024 * 1024
MAX_DESCRIPTORS = 500
# What Docker's engine and the file systems of Linux stack.
MAX_LAYERS = 127


@dataclass(frozen=True, slots=True)
class Descriptor:
    media_type: str
    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """`blobs` and `manifests` are what it is made of; an index has manifests alone."""

    media_type: str
    config: Descriptor | None
    layers: Sequence[Descriptor]
    manifests: Sequence[Descriptor]
    subject: str
    artifact_type: str

    @property
    def is_index(self) -> bool:
        return self.media_type in INDEXES

    @property
    def blobs(self) -> Sequence[Descriptor]:
        return (*((self.config,) if self.config else ()), *self.layers)


def read_manifest(data: bytes, media_type: str = "") -> Manifest:
    """`media_type` is what was said beside it; what it says itself must be the same."""
    if len(data) > MAX_MANIFEST:
        raise BadImage(f"a manifest has at most {MAX_MANIFEST} bytes; this has {len(data)}")
    try:
        document = orjson.loads(data)
    except ValueError as error:
        raise BadImage(f"the manifest is not JSON: {error}") from error
    if not isinstance(document, dict) or document.get("schemaVersion") != 2:
        raise BadImage("the manifest has not schemaVersion 2")
    own = document.get("mediaType") or ""
    media_type = media_type.partition(";")[0].strip()
    kind = own or (media_type if media_type in (*MANIFESTS, *INDEXES) else _guess(document))
    if kind not in (*MANIFESTS, *INDEXES):
        raise UnsupportedImage(f"the media type {kind!r} of a manifest is not served")
    if media_type in (*MANIFESTS, *INDEXES) and media_type != kind:
        raise BadImage(f"the manifest says that it is {kind}, its sender that it is {media_type}")
    subject = document.get("subject")
    subject_digest = _descriptor(subject, "subject").digest if subject is not None else ""
    if kind in INDEXES:
        listed = _descriptors(document, "manifests")
        return Manifest(kind, None, (), listed, subject_digest, str(document.get("artifactType") or ""))
    config = _descriptor(document.get("config"), "config")
    layers = _descriptors(document, "layers")
    artifact = str(document.get("artifactType") or config.media_type)
    return Manifest(kind, config, layers, (), subject_digest, artifact)


def _guess(document: Mapping[str, Any]) -> str:
    return INDEXES[1] if "manifests" in document else MANIFESTS[1]


def _descriptors(document: Mapping[str, Any], name: str) -> Sequence[Descriptor]:
    listed = document.get(name)
    if not isinstance(listed, list):
        raise BadImage(f"the manifest has no list {name!r}")
    if len(listed) > MAX_DESCRIPTORS:
        raise BadImage(f"the manifest has {len(listed)} {name}: at most {MAX_DESCRIPTORS} are taken")
    return tuple(_descriptor(one, name) for one in listed)


def _descriptor(value: Any, name: str) -> Descriptor:
    if not isinstance(value, dict):
        raise BadImage(f"the manifest has no {name}")
    digest, size, media_type = value.get("digest"), value.get("size"), value.get("mediaType")
    if not isinstance(digest, str) or DIGEST.fullmatch(digest) is None:
        raise BadImage(f"a digest among {name} is not a SHA-256: {digest!r}")
    if isinstance(size, bool) or not isinstance(size, int) or size < 0 or not isinstance(media_type, str):
        raise BadImage(f"{digest} of {name} has no size or no media type")
    return Descriptor(media_type, digest, size)


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """What of an image's configuration starts it; `diff_ids` are its layers' digests, unpacked."""

    architecture: str
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    workdir: str
    variables: tuple[tuple[str, str], ...]
    diff_ids: tuple[str, ...]


ARCHITECTURES = {"amd64": "x86_64", "arm64": "arm64"}


def read_config(data: bytes) -> ImageConfig:
    try:
        document = orjson.loads(data)
        own = document.get("config") or {}
        pairs = [text.partition("=") for text in own.get("Env") or ()]
        architecture = str(document.get("architecture") or "")
        config = ImageConfig(
            ARCHITECTURES.get(architecture, architecture),
            tuple(map(str, own.get("Entrypoint") or ())),
            tuple(map(str, own.get("Cmd") or ())),
            str(own.get("WorkingDir") or ""),
            tuple((name, value) for name, _, value in pairs),
            tuple(map(str, (document.get("rootfs") or {}).get("diff_ids") or ())),
        )
    except (ValueError, AttributeError, TypeError) as error:
        raise BadImage(f"the image's configuration cannot be read: {error}") from error
    for diff_id in config.diff_ids:
        if DIGEST.fullmatch(diff_id) is None:
            raise BadImage(f"a diff_id of the image's configuration is not a SHA-256: {diff_id!r}")
    texts = (*config.entrypoint, *config.command, config.workdir, *(part for pair in config.variables for part in pair))
    if any("\0" in text for text in texts):
        raise BadImage("the image's configuration has a text with a null character")
    if any(not name for name, _ in config.variables):
        raise BadImage("the image's configuration has a variable without a name")
    return config
