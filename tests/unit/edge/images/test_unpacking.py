"""Images unpacked from their blobs: once for a digest, whole or not at all."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
from pathlib import Path

import pytest

from staticfire.edge.images.blobs import BlobStore
from staticfire.edge.images.errors import BadImage, UnsupportedImage
from staticfire.edge.images.unpacking import ImageTrees, remove_tree
from tests.images import BuiltImage, assemble, build, directory, file, link, program, tarred


async def kept(tmp_path: Path, image: BuiltImage) -> ImageTrees:
    blobs = BlobStore(tmp_path / "blobs")
    for data in (*image.blobs, image.manifest):
        await blobs.keep(data)
    return ImageTrees(tmp_path / "trees", blobs)


async def test_the_second_function_starts_from_what_is_unpacked(tmp_path: Path) -> None:
    image = build([[file("a", "a"), program("opt/extensions/one", "x")]], Cmd=["/a"])
    trees = await kept(tmp_path, image)
    first, second = await asyncio.gather(trees.unpacked(image.digest), trees.unpacked(image.digest))
    assert first == second
    assert (first.config.command, first.extensions) == (("/a",), ("one",))
    made = os.stat(first.root).st_ino
    assert os.stat((await trees.unpacked(image.digest)).root).st_ino == made
    assert len(list((tmp_path / "trees").iterdir())) == 1


async def test_what_is_mounted_over_is_there_whatever_the_image_has(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    entries = [link("tmp", str(outside)), link("etc", str(outside)), file("proc", "x"), link("dev", "/")]
    trees = await kept(tmp_path, image := build([entries]))
    root = (await trees.unpacked(image.digest)).root
    for name in ("tmp", "etc", "proc", "dev"):
        assert (root / name).is_dir()
        assert not (root / name).is_symlink()
    assert (root / "etc/hosts").read_bytes() == b""
    assert not list(outside.iterdir())


async def test_a_thousand_layers_are_refused(tmp_path: Path) -> None:
    layer = gzip.compress(tarred([file("a", "a")]))
    config = json.dumps({"architecture": "amd64", "rootfs": {"diff_ids": []}}).encode()
    for number, words in ((200, "at most 127"), (1000, "at most 500")):
        trees = await kept(tmp_path, image := assemble([layer] * number, config))
        with pytest.raises(BadImage, match=words):
            await trees.unpacked(image.digest)


async def test_nothing_is_left_of_an_image_that_is_refused(tmp_path: Path) -> None:
    image = build([[file("a", "a")], [file("../b", "b")]])
    trees = await kept(tmp_path, image)
    with pytest.raises(BadImage):
        await trees.unpacked(image.digest)
    assert list((tmp_path / "trees").iterdir()) == []


async def test_what_is_not_there_any_more_is_told(tmp_path: Path) -> None:
    image = build([[file("a", "a")]])
    trees = await kept(tmp_path, image)
    (layer,) = image.layers
    blobs = BlobStore(tmp_path / "blobs")
    from_name = json.loads(image.manifest)["layers"][0]["digest"]
    assert blobs.size(from_name) == len(layer)
    blobs.remove([from_name])
    with pytest.raises(BadImage, match="push the image again"):
        await trees.unpacked(image.digest)
    with pytest.raises(BadImage, match="push it again"):
        await trees.unpacked(f"sha256:{'0' * 64}")


async def test_other_kinds_are_unsupported(tmp_path: Path) -> None:
    image = build([[file("a", "a")]], layer_type="application/vnd.oci.image.layer.v1.tar+zstd")
    trees = await kept(tmp_path, image)
    with pytest.raises(UnsupportedImage):
        trees.read(image.digest)


def test_a_tree_that_is_hard_to_remove_goes(tmp_path: Path) -> None:
    kept_file = tmp_path / "kept"
    kept_file.write_text("kept")
    kept_file.chmod(0o640)
    tree = tmp_path / "tree"
    (tree / "closed/deep").mkdir(parents=True)
    (tree / "closed/deep/file").write_text("x")
    (tree / "closed/link").symlink_to(kept_file)
    for path in (tree / "closed/deep", tree / "closed", tree):
        path.chmod(0)
    tree.chmod(0o200)
    remove_tree(tree)
    assert not tree.exists()
    assert (kept_file.read_text(), kept_file.stat().st_mode & 0o777) == ("kept", 0o640)


async def test_directories_that_nobody_may_enter_are_made(tmp_path: Path) -> None:
    image = build([[directory("closed", 0o700), file("closed/a", "a")], [file("closed/b", "b")]])
    trees = await kept(tmp_path, image)
    root = (await trees.unpacked(image.digest)).root
    assert (root / "closed").stat().st_mode & 0o777 == 0o200
    remove_tree(root)
    assert not root.exists()
