"""One layer's tar, applied to a root file system: files, links, permissions, whiteouts.

By hand, as the standard library's extraction knows no whiteouts and no links of earlier layers, and stops at no size.
Lambda runs a function as a user who owns nothing of the image: what counts of permissions is what all others may. Here
the user owns everything: so the owner gets what all others have, and a file that is not readable there is not here.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Self

from .errors import BadImage, UnsupportedImage
from .root import RootFileSystem

WHITEOUT, OPAQUE = ".wh.", ".wh..wh..opq"
PIECE = 1 << 18
PACKED_PIECE = 1 << 15  # of which each member of gzip has a copy made, however many members there are
BUFFER = 1 << 16
# Lambda's limit for an image, unpacked.
MOST_BYTES = 10 * 1024**3
MOST_ENTRIES = 1_000_000
SPARE_DISK = 512 * 1024**2
LATEST_TIME = 2**33
MOST_OF_A_HEADER = 1024**2
LOOK_EVERY = 64 * 1024**2


@dataclass(slots=True)
class Allowance:
    """What an image may still take: of the disk, and of entries."""

    directory: str
    bytes: int = MOST_BYTES
    entries: int = MOST_ENTRIES
    # Tars have headers and padding besides: a third more than the files is allowed for them.
    read: int = MOST_BYTES + MOST_BYTES // 3
    _until_look: int = 0

    def take(self, count: int) -> None:
        self.bytes -= count
        self._until_look -= count
        if self.bytes < 0:
            raise BadImage(f"the image is larger than {MOST_BYTES} bytes unpacked, which is Lambda's limit")
        if self._until_look <= 0:
            self._until_look = LOOK_EVERY
            if shutil.disk_usage(self.directory).free < SPARE_DISK + count:
                raise BadImage("the image is larger, unpacked, than what is free on the disk of the state directory")

    def reading(self, count: int) -> None:
        """Of all layers together: what is read and thrown away costs time."""
        self.read -= count
        if self.read < 0:
            raise BadImage(f"the image's layers are larger than {MOST_BYTES} bytes unpacked, which is Lambda's limit")

    def entry(self) -> None:
        self.entries -= 1
        if self.entries < 0:
            raise BadImage(f"the image has more than {MOST_ENTRIES} entries")


class _Tar:
    """A layer's bytes, unpacked, hashed on the way, and counted: padding costs nothing on the disk, but time."""

    def __init__(self, file: BinaryIO, *, compressed: bool, allowance: Allowance) -> None:
        self._pieces = _inflated(file) if compressed else iter(lambda: file.read(PIECE), b"")
        self._allowance = allowance
        self._left = b""
        self._hash = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        parts, missing = [], size
        while missing > 0:
            if not self._left:
                self._left = next(self._pieces, b"")
                if not self._left:
                    break
                self._hash.update(self._left)
                self._allowance.reading(len(self._left))
            part = self._left[:missing]
            self._left = self._left[len(part) :]
            missing -= len(part)
            parts.append(part)
        return b"".join(parts)

    def rest(self) -> str:
        """Read to the end; the digest of all of it."""
        while self.read(PIECE):
            pass
        return f"sha256:{self._hash.hexdigest()}"


def _inflated(file: BinaryIO) -> Iterator[bytes]:
    """What gzip packed, several members as well, never more than one piece at once."""
    head = file.read(PACKED_PIECE)
    if head[:4] == b"\x28\xb5\x2f\xfd":
        raise UnsupportedImage("a layer is packed with zstd, which Lambda does not take: pack it with gzip")
    if head[:2] != b"\x1f\x8b":
        raise BadImage("a layer that is said to be packed with gzip is not")
    inflater = zlib.decompressobj(wbits=31)
    data = head
    while data:
        try:
            piece = inflater.decompress(data, PIECE)
        except zlib.error as error:
            raise BadImage(f"a layer cannot be unpacked: {error}") from error
        if piece:
            yield piece
        data = inflater.unconsumed_tail
        if inflater.eof:
            data = inflater.unused_data or file.read(PACKED_PIECE)
            if not data.strip(b"\0"):
                return
            inflater = zlib.decompressobj(wbits=31)
        elif not data:
            data = file.read(PACKED_PIECE)
    raise BadImage("a layer ends too early")


class _Header(tarfile.TarInfo):
    """Refuses what the standard library would read into memory whole, however long it says that it is."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        header = super().frombuf(buf, encoding, errors)
        if header.type == tarfile.GNUTYPE_SPARSE:
            raise BadImage("a layer has a sparse file, which no builder of images writes")
        if header.type not in tarfile.REGULAR_TYPES and header.size > MOST_OF_A_HEADER:
            raise BadImage(f"a header in a layer has {header.size} bytes: at most {MOST_OF_A_HEADER} are read")
        return header

    def _proc_gnusparse_10(self, *details: object) -> None:
        raise BadImage("a layer has a sparse file, which no builder of images writes")

    _proc_gnusparse_00 = _proc_gnusparse_01 = _proc_gnusparse_10


@dataclass(slots=True)
class _Own:
    """What this layer has put somewhere, which its whiteouts do not hide, wherever in the tar they stand."""

    places: set[str] = field(default_factory=set)
    above: set[str] = field(default_factory=set)
    opaque: set[str] = field(default_factory=set)

    def add(self, place: str) -> None:
        self.places.add(place)
        folder = os.path.dirname(place)
        while folder not in self.above and len(folder) > 1:
            self.above.add(folder)
            folder = os.path.dirname(folder)


def apply_layer(path: Path, root: RootFileSystem, allowance: Allowance, *, compressed: bool, diff_id: str) -> None:
    """Apply a layer; it must be what its diff_id says."""
    with path.open("rb") as file:
        tar = _Tar(file, compressed=compressed, allowance=allowance)
        own = _Own()
        try:
            with tarfile.open(fileobj=tar, mode="r|", bufsize=BUFFER, tarinfo=_Header) as archive:  # type: ignore[call-overload]
                for entry in archive:
                    allowance.entry()
                    try:
                        _apply(entry, archive, root, allowance, own)
                    except OSError as error:  # a name that is too long, too many links, a full disk
                        message = f"the entry {entry.name[:200]!r} cannot be made: {error.strerror or error}"
                        raise BadImage(message) from error
                    archive.members.clear()
        except (tarfile.TarError, EOFError, UnicodeError) as error:
            raise BadImage(f"a layer is not a tar: {error}") from error
        actual = tar.rest()
    if actual != diff_id:
        raise BadImage(f"a layer has the diff_id {actual}; the image's configuration says {diff_id}")


def _apply(
    entry: tarfile.TarInfo, archive: tarfile.TarFile, root: RootFileSystem, allowance: Allowance, own: _Own
) -> None:
    if "\0" in entry.name or "\0" in entry.linkname:
        raise BadImage(f"the name {entry.name!r} has a null character")
    place = root.place(entry.name)
    base = os.path.basename(place)
    if base.startswith(WHITEOUT) and place != root.path:
        _white_out(place, base, root, own)
        return
    if place == root.path:
        if not entry.isdir():
            raise BadImage("the root of the image is not a directory")
        root.modes[place] = _mode(entry, directory=True)
        return
    if entry.isdir():
        if not os.path.isdir(place) or os.path.islink(place):
            root.remove(place)
            os.mkdir(place, 0o755)
        root.modes[place] = _mode(entry, directory=True)
    elif entry.isreg():
        root.remove(place)
        _write(entry, archive, place, allowance)
    elif entry.issym():
        root.remove(place)
        os.symlink(entry.linkname, place)
    elif entry.islnk():
        source = root.place(entry.linkname)
        if source != place:
            root.remove(place)
            try:
                os.link(source, place, follow_symlinks=False)
            except OSError as error:
                message = f"the hard link {entry.name!r} to {entry.linkname!r} cannot be made: {error.strerror}"
                raise BadImage(message) from error
    elif entry.isfifo():
        root.remove(place)
        os.mkfifo(place, 0o644)
    elif entry.ischr() or entry.isblk():
        # Where functions run /dev has what Lambda's has, whatever the image brings.
        if not place.startswith(f"{root.path}/dev/"):
            raise BadImage(f"the entry {entry.name!r} is a device, which no function gets")
        return
    else:
        raise BadImage(f"the entry {entry.name!r} is of the unknown kind {entry.type!r}")
    own.add(place)


def _white_out(place: str, base: str, root: RootFileSystem, own: _Own) -> None:
    folder = os.path.dirname(place)
    if base == OPAQUE:
        if folder not in own.opaque:
            own.opaque.add(folder)
            _hide_below(folder, root, own)
        return
    hidden = base.removeprefix(WHITEOUT)
    if hidden in ("", ".", ".."):
        raise BadImage(f"the whiteout {base!r} hides nothing that can be")
    path = os.path.join(folder, hidden)
    if path in own.above:
        _hide_below(path, root, own)
    elif path not in own.places:
        root.remove(path)


def _hide_below(folder: str, root: RootFileSystem, own: _Own) -> None:
    """All of a directory but what this layer has put there."""
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if path in own.above:
            _hide_below(path, root, own)
        elif path not in own.places:
            root.remove(path)


def _write(entry: tarfile.TarInfo, archive: tarfile.TarFile, place: str, allowance: Allowance) -> None:
    content = archive.extractfile(entry)
    assert content is not None  # of a regular file there always is
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "wb") as file:
        while piece := content.read(PIECE):
            allowance.take(len(piece))
            file.write(piece)
        file.flush()
        # Python's byte code is good for a source of that time, and an image cannot be written to.
        moment = int(min(max(0, entry.mtime), LATEST_TIME))  # also where it is no number
        os.utime(file.fileno(), (moment, moment))
        os.fchmod(file.fileno(), _mode(entry))


def _mode(entry: tarfile.TarInfo, *, directory: bool = False) -> int:
    """What all others may, for everyone. Directories stay writable for their owner: they are mounted read-only."""
    others = entry.mode & 0o7
    return others * 0o111 | (0o200 if directory else 0)
