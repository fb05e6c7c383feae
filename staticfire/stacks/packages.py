"""Reproducible deployment packages: the same input gives the same bytes, on any machine and on any day.

Entries are sorted, carry one fixed time and one of two modes, are stored and not compressed (zlib's output differs
from version to version), and leave out what tools drop beside the sources. Requirements are installed once for all
projects of this user, as wheels for the functions' runtime, and packed from there: for this machine's architecture, or
as AWS needs them. So are the modules of npm that a package-lock.json among the sources names. A package that did not
change is not written again.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path, PurePath

from staticfire.errors import StaticfireError, UsageError
from staticfire.host.files import write_atomically
from staticfire.host.locks import file_lock
from staticfire.layout import Layout
from staticfire.settings import Settings, StackSettings, Zip
from staticfire.toolchain import node, venvs, wheels
from staticfire.toolchain.runtimes import interpreters, nearest
from staticfire.toolchain.wheels import WheelTarget

from .compatibility import compatibility, local_targets

log = logging.getLogger(__name__)

EPOCH = (1980, 1, 1, 0, 0, 0)
NPM_LOCK = "package-lock.json"
BYTE_CODE = "__pycache__"
LEFT_OUT_DIRECTORIES = {BYTE_CODE, "tests", "node_modules"}
LEFT_OUT_SUFFIXES = (".pyc", ".pyo", ".swp")
HASH = b"--hash="
OTHER_LIST = re.compile(rb"^\s*(?:-r|-c|--requirement|--constraint)[ =]\s*([^\s#]+)", re.MULTILINE)


def build(settings: Settings, stack: StackSettings, *, for_aws: bool = False) -> Mapping[str, Path]:
    """Build each package of the stack: to run here, or on AWS; the paths by name."""
    layout = Layout.of(settings)
    return {
        package.name: build_zip(package, layout, targets_of(package, settings, stack, for_aws=for_aws))
        for package in stack.zips
    }


def targets_of(package: Zip, settings: Settings, stack: StackSettings, *, for_aws: bool) -> Sequence[WheelTarget]:
    """What the wheels in this package are for."""
    if not package.requirements:
        return ()
    fits = compatibility(package, stack)
    return fits.on_aws() if for_aws else local_targets(fits.pythons, settings)


def build_zip(package: Zip, layout: Layout, targets: Sequence[WheelTarget] = ()) -> Path:
    data = pack(entries_of(package, layout, targets))
    target = layout.build / f"{package.name}.zip"
    with file_lock(layout.build / f".{package.name}.lock"):
        if not target.exists() or target.read_bytes() != data:
            write_atomically(target, data)
    return target


def entries_of(package: Zip, layout: Layout, targets: Sequence[WheelTarget] = ()) -> dict[str, Path]:
    """What goes into the package: each file by its name in there."""
    if not package.source.is_dir():
        raise StaticfireError(
            f"The sources of the package {package.name!r} are missing.",
            checked=[str(package.source)],
            remedy=f"Correct `source` of zips.{package.name} in staticfire.toml.",
        )
    root = "python/" if package.layer else ""
    own = f"{root}{package.package}/" if package.package else root
    entries = {f"{own}{name}": path for name, path in sources(package)}
    if package.requirements:
        installed = {target: install(package.requirements, layout, target) for target in targets}
        entries |= {f"{root}{name}": path for name, path in _together(package, installed).items()}
    if (package.source / NPM_LOCK).is_file():
        modules = install_npm(package.source, layout)
        entries |= {f"{root}{path.relative_to(modules).as_posix()}": path for path in files_of(modules)}
    return entries


def sources(package: Zip) -> Iterator[tuple[str, Path]]:
    """The files of a package's own source tree, by their path in it. Lists of requirements stay outside."""
    without = tuple(PurePath(text).as_posix() for text in package.without)
    below = tuple(f"{path}/" for path in without)
    for name, path in _files_below(package.source, _is_no_source):
        unwanted = _is_no_source(path.name) or _is_requirements(path)
        if not unwanted and name not in without and not name.startswith(below):
            yield name, path


def _is_no_source(part: str) -> bool:
    return part.startswith(".") or part in LEFT_OUT_DIRECTORIES


def _is_requirements(path: Path) -> bool:
    return path.name.startswith("requirements") and path.suffix in {".txt", ".in"}


def files_of(root: Path) -> Iterator[Path]:
    for _, path in _files_below(root, BYTE_CODE.__eq__):
        yield path


def _files_below(root: Path, is_left_out: Callable[[str], bool], prefix: str = "") -> Iterator[tuple[str, Path]]:
    """Each by its path below the root. Links to directories are not followed; what may not be read is not there."""
    directories: list[str] = []
    try:
        entries = os.scandir(root / prefix)
    except (FileNotFoundError, PermissionError, NotADirectoryError):
        return
    with entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if not is_left_out(entry.name):
                    directories.append(f"{prefix}{entry.name}/")
            elif not entry.name.endswith(LEFT_OUT_SUFFIXES) and entry.is_file():
                yield f"{prefix}{entry.name}", root / prefix / entry.name
    for directory in directories:
        yield from _files_below(root, is_left_out, directory)


def pack(entries: Mapping[str, Path]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(entries):
            path = entries[name]
            info = zipfile.ZipInfo(name, EPOCH)
            info.create_system = 3
            info.external_attr = (0o755 if os.access(path, os.X_OK) else 0o644) << 16
            archive.writestr(info, path.read_bytes())
    return buffer.getvalue()


def _together(package: Zip, installed: Mapping[WheelTarget, Path]) -> Mapping[str, Path]:
    """What was installed for several targets, side by side: a native module's name says for which Python it is."""
    together: dict[str, Path] = {}
    for target, directory in installed.items():
        for path in files_of(directory):
            name = path.relative_to(directory).as_posix()
            other = together.setdefault(name, path)
            if path is not other and ".dist-info/" not in name and path.read_bytes() != other.read_bytes():
                first = next(target for target, place in installed.items() if other.is_relative_to(place))
                raise UsageError(
                    f"The package {package.name!r} is not the same for {first} and for {target}: {name} differs.",
                    checked=["the Terraform of the stack: it does not say which of them this zip is for"],
                    remedy=f"Say it: `runtime` and `architecture` of zips.{package.name} in staticfire.toml.",
                )
    return together


def install(requirements: Path, layout: Layout, target: WheelTarget) -> Path:
    """A directory that holds what the list `requirements` names."""
    content = b"\n".join(_lists(requirements))
    if HASH not in content:
        _note_that_nothing_is_pinned(requirements)
    named = venvs.locked(requirements) if HASH in content else ["--requirement", str(requirements)]
    return installed_once(named, content, str(requirements), layout, target)


@cache
def _note_that_nothing_is_pinned(requirements: Path) -> None:
    """Once, however many zips it is for."""
    log.warning(
        "%s has no hashes: what PyPI had when it was first packed here is packed. `uv pip compile --generate-hashes` "
        "pins it.",
        requirements,
    )


def installed_once(named: Sequence[str], content: bytes, source: str, layout: Layout, target: WheelTarget) -> Path:
    """A directory that holds what is named, as pip and uv take it: made once for this content and this target."""
    made_of = b"|".join([content, repr(target).encode()])
    directory = layout.requirements / hashlib.sha256(made_of).hexdigest()[:16]
    with file_lock(directory.with_name(f".{directory.name}.lock")):
        if directory.is_dir():
            return directory
        unfinished = directory.with_name(f"{directory.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        python = nearest(f"python{target.python}", interpreters())
        wheels.install(named, source, target, python, layout, unfinished)
        for metadata in unfinished.glob("*.dist-info"):
            for name in ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json"):
                (metadata / name).unlink(missing_ok=True)
        shutil.rmtree(unfinished / "bin", ignore_errors=True)
        unfinished.rename(directory)
    return directory


def install_npm(source: Path, layout: Layout) -> Path:
    """A directory whose node_modules hold what the lock names, without what is for development alone."""
    files = [(name, (source / name).read_bytes()) for name in ("package.json", NPM_LOCK)]
    digest = hashlib.sha256(b"|".join(content for _, content in files)).hexdigest()[:16]
    directory = layout.requirements / f"npm-{digest}"
    with file_lock(directory.with_name(f".{directory.name}.lock")):
        if directory.is_dir():
            return directory
        unfinished = directory.with_name(f"{directory.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        for name, content in files:
            (unfinished / name).write_bytes(content)
        node.npm(["ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"], unfinished, layout)
        for name in ("package.json", NPM_LOCK, "node_modules/.package-lock.json"):
            (unfinished / name).unlink(missing_ok=True)
        shutil.rmtree(unfinished / "node_modules/.bin", ignore_errors=True)
        unfinished.rename(directory)
    return directory


def _lists(requirements: Path) -> Iterator[bytes]:
    """The list and those that it refers to."""
    try:
        content = requirements.read_bytes()
    except FileNotFoundError:
        raise StaticfireError(
            f"The requirements {requirements} do not exist.", remedy="Correct `requirements` in staticfire.toml."
        ) from None
    yield content
    for other in OTHER_LIST.findall(content):
        yield from _lists(requirements.parent / other.decode())
