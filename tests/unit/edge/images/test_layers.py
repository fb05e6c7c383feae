"""Layers applied to a root file system: what images are made of, and what hostile ones try."""

from __future__ import annotations

import gzip
import io
import os
import stat
import struct
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from staticfire.edge.images import layer as layers
from staticfire.edge.images import root as roots
from staticfire.edge.images.errors import BadImage, UnsupportedImage
from staticfire.edge.images.layer import Allowance, apply_layer
from staticfire.edge.images.root import RootFileSystem
from tests.images import Entry, directory, file, hard_link, link, sha256, tarred


class Applied:
    """A root file system, beside which lies what nobody may touch."""

    def __init__(self, directory: Path) -> None:
        self.root = directory / "root"
        self.root.mkdir()
        self.outside = directory / "outside"
        self.outside.mkdir()
        (self.outside / "file").write_text("untouched")
        self._made = RootFileSystem(self.root)
        self._layer = directory / "layer"

    def layer(self, entries: Sequence[Entry] | bytes, *, allowance: Allowance | None = None) -> None:
        tar = entries if isinstance(entries, bytes) else tarred(entries)
        self._layer.write_bytes(gzip.compress(tar))
        allowance = allowance or Allowance(str(self.root))
        apply_layer(self._layer, self._made, allowance, compressed=True, diff_id=sha256(tar))

    def finish(self) -> None:
        self._made.finish()

    def untouched(self) -> bool:
        return [path.name for path in self.outside.iterdir()] == ["file"] and (
            self.outside / "file"
        ).read_text() == "untouched"


@pytest.fixture
def applied(tmp_path: Path) -> Applied:
    return Applied(tmp_path)


@pytest.mark.parametrize(
    "entries",
    [
        [file("../outside/file", "x")],
        [file("a/../../outside/file", "x")],
        [directory("../outside/new")],
        [hard_link("stolen", "../outside/file")],
        [Entry("device", kind=tarfile.CHRTYPE)],
        [Entry("device", kind=tarfile.BLKTYPE)],
        [file("a", "a"), file("a/b", "b")],
        [link("loop", "loop"), file("loop/b", "b")],
        [Entry("sparse", kind=tarfile.GNUTYPE_SPARSE)],
        [file(".wh...", "")],
        [file("n" * 300, "x")],
        [link("empty", "")],
        [link("long", "x" * 5000)],
        [hard_link("hard", "is/not/there")],
        [directory("hard"), hard_link("of-a-directory", "hard")],
        [file("d/" * 300 + "deep", "x")],
        [*(directory("d/" * depth) for depth in range(1, 260)), file("deep", "")],
        # Each name is short; where it lies is deep.
        [file("a/" * 150 + "x", ""), link("down", "a/" * 150), file("down/" + "b/" * 100 + "y", "")],
    ],
    ids=lambda entries: entries[-1].name[:20],
)
def test_what_is_refused(applied: Applied, entries: list[Entry]) -> None:
    with pytest.raises(BadImage):
        applied.layer(entries)
    assert applied.untouched()


@pytest.mark.parametrize("target", ["{outside}", "../outside", "../../../../../../..{outside}", "/../outside"])
def test_links_lead_nowhere_out_of_the_root(applied: Applied, target: str) -> None:
    """A link is followed as the kernel would, with the image as the root: what is written through it lies inside."""
    out = target.format(outside=applied.outside)
    applied.layer([link("out", out), file("out/file", "written"), file("out/.wh.other", "")])
    applied.layer([file("out/second", "written"), file("out/.wh.file", "")])
    assert applied.untouched()
    assert [path.name for path in applied.root.rglob("second")] == ["second"]
    with pytest.raises(BadImage):
        applied.layer([hard_link("stolen", "out/file")])


def test_an_absolute_name_lies_in_the_root(applied: Applied) -> None:
    applied.layer([file(f"{applied.outside}/file", "inside")])
    assert applied.untouched()
    assert (applied.root / str(applied.outside).lstrip("/") / "file").read_text() == "inside"


def test_a_directory_that_becomes_a_link_is_not_written_through(applied: Applied) -> None:
    applied.layer([directory("place"), file("place/one", "1")])
    applied.layer([link("place", str(applied.outside)), file("place/file", "x")])
    assert applied.untouched()


def test_devices_below_dev_are_left_out(applied: Applied) -> None:
    applied.layer([Entry("dev/null", kind=tarfile.CHRTYPE)])
    assert not (applied.root / "dev/null").exists()


def test_whiteouts_hide_what_is_below_and_not_what_is_beside(applied: Applied) -> None:
    applied.layer([file("a/one", "1"), file("a/deep/two", "2"), file("b", "b")])
    applied.layer(
        [
            file("a/three", "3"),
            file("a/deep/four", "4"),
            file("a/.wh..wh..opq", ""),
            file(".wh.b", ""),
            file("b", "new"),
        ]
    )
    remaining = {str(path.relative_to(applied.root)) for path in applied.root.rglob("*") if path.is_file()}
    assert remaining == {"a/three", "a/deep/four", "b"}


def test_permissions_are_those_of_all_others(applied: Applied) -> None:
    applied.layer(
        [
            Entry("mine", mode=0o4700),
            Entry("ours", mode=0o754),
            directory("closed", 0o700),
            file("closed/inside", "x"),
            Entry("program", mode=0o6755),
        ]
    )
    applied.finish()
    modes = {name: stat.S_IMODE(os.lstat(applied.root / name).st_mode) for name in os.listdir(applied.root)}
    assert modes == {"mine": 0, "ours": 0o444, "closed": 0o200, "program": 0o555}


def test_a_file_has_the_time_that_the_image_says(applied: Applied) -> None:
    """Python's byte code would be of no use otherwise, at every cold start."""
    applied.layer([Entry("a", b"a", mtime=1_700_000_000), Entry("b", mtime=-5), Entry("c", mtime=2**40)])
    times = {name: os.stat(applied.root / name).st_mtime for name in ("a", "b", "c")}
    assert times == {"a": 1_700_000_000, "b": 0, "c": layers.LATEST_TIME}


def test_links_and_hard_links_of_earlier_layers(applied: Applied) -> None:
    applied.layer([file("usr/lib/x", "x"), link("lib", "usr/lib"), link("absolute", "/usr/lib")])
    applied.layer([file("lib/y", "y"), hard_link("z", "absolute/y")])
    assert (applied.root / "usr/lib/y").read_text() == "y"
    assert (applied.root / "z").stat().st_ino == (applied.root / "usr/lib/y").stat().st_ino


def test_a_bomb_is_stopped(applied: Applied) -> None:
    allowance = Allowance(str(applied.root), bytes=1024 * 1024)
    with pytest.raises(BadImage, match="larger than"):
        applied.layer([file("bomb", bytes(8 * 1024 * 1024))], allowance=allowance)
    with pytest.raises(BadImage, match="entries"):
        applied.layer([file(str(n), "") for n in range(20)], allowance=Allowance(str(applied.root), entries=10))
    # What is no file of the tar counts too, of all layers together.
    allowance = Allowance(str(applied.root), read=5 * 1024 * 1024)
    applied.layer(tarred([file("a", "a")]) + bytes(3 * 1024 * 1024), allowance=allowance)
    with pytest.raises(BadImage, match="larger than"):
        applied.layer(tarred([file("b", "b")]) + bytes(3 * 1024 * 1024), allowance=allowance)


def test_a_header_that_says_to_be_huge_is_not_read(applied: Applied) -> None:
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, 8 * 1024**3
    with pytest.raises(BadImage, match="header"):
        applied.layer(info.tobuf(tarfile.GNU_FORMAT) + bytes(4096))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"no gzip", "not"),
        (gzip.compress(tarred([file("a", "a" * 4000)]))[:-20], "ends too early|cannot be unpacked|not a tar"),
        (gzip.compress(b"x" * 10240), "not a tar"),
        (b"\x28\xb5\x2f\xfd" + bytes(100), "zstd"),
    ],
    ids=range(4),  # gzip tells the time: the bytes are no name
)
def test_what_is_no_layer(tmp_path: Path, data: bytes, problem: str) -> None:
    (tmp_path / "layer").write_bytes(data)
    root = RootFileSystem(tmp_path)
    with pytest.raises((BadImage, UnsupportedImage), match=problem):
        apply_layer(tmp_path / "layer", root, Allowance(str(tmp_path)), compressed=True, diff_id=sha256(b""))


def test_a_layer_is_what_its_diff_id_says(applied: Applied, tmp_path: Path) -> None:
    tar = tarred([file("a", "a")])
    (tmp_path / "layer").write_bytes(gzip.compress(tar))
    with pytest.raises(BadImage, match="diff_id"):
        apply_layer(
            tmp_path / "layer",
            RootFileSystem(tmp_path),
            Allowance(str(tmp_path)),
            compressed=True,
            diff_id=sha256(b"x"),
        )


def test_several_gzip_members_are_one_layer(tmp_path: Path) -> None:
    tar = tarred([file("a", "a" * 2000)])
    (tmp_path / "layer").write_bytes(gzip.compress(tar[:700]) + gzip.compress(tar[700:]))
    (tmp_path / "root").mkdir()
    root = RootFileSystem(tmp_path / "root")
    apply_layer(tmp_path / "layer", root, Allowance(str(tmp_path)), compressed=True, diff_id=sha256(tar))
    assert (tmp_path / "root/a").read_text() == "a" * 2000


SPARSE = {
    "0.0": {"GNU.sparse.size": "9", "GNU.sparse.numblocks": "1", "GNU.sparse.offset": "0", "GNU.sparse.numbytes": "9"},
    "0.1": {"GNU.sparse.size": "99999999999", "GNU.sparse.map": "0,9"},
    "1.0": {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "9"},
}


@pytest.mark.parametrize("version", SPARSE)
def test_a_sparse_file_of_pax_is_refused(applied: Applied, version: str) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("sparse")
        info.pax_headers = SPARSE[version]
        content = b"99999999999\n" + bytes(500)
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    with pytest.raises(BadImage, match="sparse"):
        applied.layer(buffer.getvalue())


def test_no_entry_of_any_bytes_leaves_the_root(applied: Applied) -> None:
    """A header whose fields are what they should not be."""
    info = tarfile.TarInfo("a").tobuf(tarfile.USTAR_FORMAT)
    for at in range(0, 156, 13):
        broken = bytearray(info)
        struct.pack_into("4s", broken, at, b"\xff../")
        tar = bytes(broken) + bytes(1024)
        try:
            applied.layer(tar)
        except BadImage:
            continue
    assert applied.untouched()


@pytest.mark.parametrize("moment", ["nan", "inf", "-1e400", "1e30"])
def test_a_time_that_is_none_is_not_taken(applied: Applied, moment: str) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("file")
        info.pax_headers = {"mtime": moment}
        archive.addfile(info, io.BytesIO())
    applied.layer(buffer.getvalue())
    assert (applied.root / "file").stat().st_mtime in (0, layers.LATEST_TIME)


def test_directories_that_no_entry_names_are_counted(applied: Applied, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roots, "MOST_DIRECTORIES", 50)
    with pytest.raises(BadImage, match="more than 50 directories"):
        applied.layer([file(f"{number}/a/b/c/d/e/f", "") for number in range(20)])


def test_a_whiteout_hides_nothing_of_its_own_layer_wherever_it_stands(applied: Applied) -> None:
    applied.layer([file("d/old", "old"), file("d/sub/old", "old")])
    applied.layer([file("d/sub/new", "new"), file(".wh.d", "")])
    assert sorted(path.name for path in applied.root.rglob("*")) == ["d", "new", "sub"]


def test_a_whiteout_behind_a_link_hides_what_is_inside_alone(applied: Applied) -> None:
    applied.layer([link("out", str(applied.outside)), link("up", "../outside"), file("kept", "k")])
    applied.layer([file("out/.wh.file", ""), file("up/.wh..wh..opq", ""), file(".wh.out", "")])
    assert applied.untouched()
    assert (applied.root / "kept").read_text() == "k"
    assert not (applied.root / "out").is_symlink()


def test_a_file_that_replaces_a_hard_link_leaves_the_other(applied: Applied) -> None:
    applied.layer([file("a", "first"), hard_link("b", "a")])
    applied.layer([file("b", "second")])
    assert [(applied.root / name).read_text() for name in "ab"] == ["first", "second"]


def test_neither_the_bits_of_another_user_nor_attributes_are_taken(applied: Applied) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("su")
        info.mode, info.uid = 0o7755, 0
        info.pax_headers = {"SCHILY.xattr.user.own": "x", "SCHILY.xattr.security.capability": "x"}
        archive.addfile(info, io.BytesIO())
    applied.layer(buffer.getvalue())
    assert stat.S_IMODE((applied.root / "su").stat().st_mode) == 0o555
    assert os.listxattr(applied.root / "su") == []


def test_members_of_gzip_that_hold_nothing_do_not_take_long(tmp_path: Path) -> None:
    """Each is 20 bytes; of what follows it nothing large is copied for each."""
    tar = tarred([file("a", "a")])
    (tmp_path / "layer").write_bytes(gzip.compress(b"") * 50_000 + gzip.compress(tar))
    (tmp_path / "root").mkdir()
    root = RootFileSystem(tmp_path / "root")
    apply_layer(tmp_path / "layer", root, Allowance(str(tmp_path)), compressed=True, diff_id=sha256(tar))
    assert (tmp_path / "root/a").read_text() == "a"
