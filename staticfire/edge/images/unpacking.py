"""An image's root file system: made once for its digest, shared by all that start from it, never written to again.

    DIRECTORY/DIGEST/          the root file system
    DIRECTORY/partial-...      one that is being made; it gets its name when it is complete

What no edge has used for a week goes when one starts, and is made again from its layers when it is needed.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakValueDictionary

from .blobs import BlobStore
from .errors import BadImage, UnsupportedImage
from .layer import Allowance, apply_layer
from .manifest import CONFIGS, LAYERS, MAX_CONFIG, MAX_LAYERS, ImageConfig, Manifest, read_config, read_manifest
from .root import RootFileSystem

UNFINISHED = "partial-"
KEPT_SECONDS = 7 * 24 * 60 * 60
MOST_AT_THE_TOP = 500
# Where something of the function's own is mounted: these must be there, and be what they are meant to be.
FOLDERS = ("proc", "dev", "tmp", "etc")
FILES = ("etc/hosts", "etc/resolv.conf")


@dataclass(frozen=True, slots=True)
class UnpackedImage:
    """`extensions` are the names of the programs in /opt/extensions."""

    root: Path
    config: ImageConfig
    extensions: tuple[str, ...]


class ImageTrees:
    def __init__(self, directory: Path, blobs: BlobStore) -> None:
        self._directory = directory
        self._blobs = blobs
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._tidy()

    def _tidy(self) -> None:
        oldest = time.time() - KEPT_SECONDS
        for path in self._directory.glob("*"):
            if path.name.startswith(UNFINISHED) or path.stat().st_mtime < oldest:
                remove_tree(path)

    def read(self, digest: str) -> tuple[Manifest, ImageConfig]:
        """The manifest and the configuration of an image that Lambda takes; raises UnsupportedImage for others."""
        try:
            manifest = read_manifest(self._blobs.read(digest))
        except FileNotFoundError:
            raise BadImage(f"the image {digest} is not in the state directory any more: push it again") from None
        if manifest.is_index:
            raise UnsupportedImage("it is an index of several images: Lambda takes the image of one architecture")
        config = manifest.config
        if config is None or config.media_type not in CONFIGS or config.size > MAX_CONFIG:
            raise UnsupportedImage(f"its configuration is of the kind {config.media_type if config else ''!r}")
        if len(manifest.layers) > MAX_LAYERS:
            raise BadImage(f"it has {len(manifest.layers)} layers: at most {MAX_LAYERS} can lie over one another")
        for layer in manifest.layers:
            if layer.media_type not in LAYERS:
                raise UnsupportedImage(
                    f"a layer is of the kind {layer.media_type!r}: tar, and tar with gzip, are taken"
                )
        try:
            read = read_config(self._blobs.read(config.digest))
        except FileNotFoundError:
            raise BadImage(f"the image {digest} has lost its configuration: push it again") from None
        if len(read.diff_ids) != len(manifest.layers):
            raise BadImage(f"it has {len(manifest.layers)} layers and {len(read.diff_ids)} diff_ids")
        return manifest, read

    async def unpacked(self, digest: str) -> UnpackedImage:
        manifest, config = self.read(digest)
        root = self._directory / digest.removeprefix("sha256:")
        lock = self._locks.setdefault(root.name, asyncio.Lock())
        async with lock:
            if not root.exists():
                await asyncio.to_thread(self._make, root, manifest, config)
            os.utime(root)
        return UnpackedImage(root, config, _extensions(root))

    def _make(self, root: Path, manifest: Manifest, config: ImageConfig) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=self._directory))
        try:
            part.chmod(0o755)
            made, allowance = RootFileSystem(part), Allowance(str(part))
            for layer, diff_id in zip(manifest.layers, config.diff_ids, strict=True):
                path, compressed = self._blobs.path(layer.digest), LAYERS[layer.media_type]
                try:
                    apply_layer(path, made, allowance, compressed=compressed, diff_id=diff_id)
                except FileNotFoundError as error:
                    if error.filename != str(path):
                        raise
                    raise BadImage(f"the layer {layer.digest} is not here any more: push the image again") from None
            _prepare(made)
            made.finish()
            part.rename(root)
        except BaseException:
            remove_tree(part)
            raise


def _prepare(root: RootFileSystem) -> None:
    """What is mounted over is there; and what lies at the top is not more than can be mounted at each start."""
    if len(os.listdir(root.path)) > MOST_AT_THE_TOP:
        raise BadImage(f"it has more than {MOST_AT_THE_TOP} entries at the top of its file system")
    for name in FOLDERS:
        path = os.path.join(root.path, name)
        if os.path.islink(path) or not os.path.isdir(path):
            root.remove(path)
            os.mkdir(path, 0o755)
        root.modes[path] = 0o755
    for name in FILES:
        path = os.path.join(root.path, name)
        root.remove(path)
        with open(path, "x"):
            os.chmod(path, 0o644)


def _extensions(root: Path) -> tuple[str, ...]:
    try:
        folder = RootFileSystem(root).resolve("opt/extensions")
        entries = [(name, os.lstat(os.path.join(folder, name)).st_mode) for name in os.listdir(folder)]
    except (OSError, BadImage):
        return ()
    return tuple(sorted(name for name, mode in entries if not stat.S_ISDIR(mode)))


def remove_tree(path: Path) -> None:
    """Remove what an image may have made hard to remove: directories that their owner may not read."""

    def allow(remove: Callable[[str], object], name: str, problem: object) -> None:
        os.chmod(os.path.dirname(name), 0o700)
        if stat.S_ISDIR(os.lstat(name).st_mode):  # a link is not followed
            os.chmod(name, 0o700)
            shutil.rmtree(name, onerror=allow)
        else:
            remove(name)

    if path.is_dir():
        shutil.rmtree(path, onerror=allow)
    else:
        path.unlink()
