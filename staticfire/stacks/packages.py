"""Reproducible deployment packages: the same input gives the same bytes, on any machine and on any day.

Entries are sorted, carry one fixed time and one of two modes, are stored and not compressed (zlib's output differs
from version to version), and leave out what tools drop beside the sources. Requirements are installed from hashes,
once for all projects of this user, and packed from there. A package that did not change is not written again.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import sys
import sysconfig
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from staticfire.errors import StaticfireError
from staticfire.host.files import write_atomically
from staticfire.host.locks import file_lock
from staticfire.layout import Layout
from staticfire.settings import Zip
from staticfire.toolchain import venvs

EPOCH = (1980, 1, 1, 0, 0, 0)
LEFT_OUT_DIRECTORIES = {"__pycache__", "tests", "node_modules"}
LEFT_OUT_SUFFIXES = {".pyc", ".pyo", ".swp"}


def build(zips: Sequence[Zip], layout: Layout) -> Mapping[str, Path]:
    """Build each package; the paths by name."""
    return {package.name: build_zip(package, layout) for package in zips}


def build_zip(package: Zip, layout: Layout) -> Path:
    if not package.source.is_dir():
        raise StaticfireError(
            f"The sources of the package {package.name!r} are missing.",
            checked=[str(package.source)],
            remedy=f"Correct `source` of zips.{package.name} in staticfire.toml.",
        )
    root = "python/" if package.layer else ""
    entries = {
        f"{root}{package.package + '/' if package.package else ''}{path.relative_to(package.source).as_posix()}": path
        for path in sources(package)
    }
    if package.requirements:
        installed = install(package.requirements, layout)
        entries |= {f"{root}{path.relative_to(installed).as_posix()}": path for path in _files(installed)}
    data = pack(entries)
    target = layout.build / f"{package.name}.zip"
    with file_lock(layout.build / f".{package.name}.lock"):
        if not target.exists() or target.read_bytes() != data:
            write_atomically(target, data)
    return target


def sources(package: Zip) -> Iterator[Path]:
    """The files of a package's own source tree. Lists of requirements stay outside."""
    for path in _files(package.source):
        relative = path.relative_to(package.source)
        hidden = any(name.startswith(".") for name in relative.parts)
        unwanted = hidden or LEFT_OUT_DIRECTORIES & set(relative.parts) or _is_requirements(relative)
        if not unwanted and not any(map(relative.is_relative_to, package.without)):
            yield path


def _is_requirements(path: Path) -> bool:
    return path.name.startswith("requirements") and path.suffix in {".txt", ".in"}


def _files(root: Path) -> Iterator[Path]:
    for path in root.rglob("*"):
        if path.is_file() and path.suffix not in LEFT_OUT_SUFFIXES and "__pycache__" not in path.parts:
            yield path


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


def install(requirements: Path, layout: Layout) -> Path:
    """A directory that holds what `requirements` names, installed once for its content and this Python."""
    try:
        content = requirements.read_bytes()
    except FileNotFoundError:
        raise StaticfireError(
            f"The requirements {requirements} do not exist.", remedy="Correct `requirements` in staticfire.toml."
        ) from None
    made_of = b"|".join([content, sys.implementation.cache_tag.encode(), sysconfig.get_platform().encode()])
    target = layout.requirements / hashlib.sha256(made_of).hexdigest()[:16]
    with file_lock(target.with_name(f".{target.name}.lock")):
        if target.is_dir():
            return target
        unfinished = target.with_name(f"{target.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        failure = f"The requirements {requirements} cannot be installed"
        venvs.install(venvs.locked(requirements), Path(sys.executable), layout, failure, target=unfinished)
        for metadata in unfinished.glob("*.dist-info"):
            for name in ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json"):
                (metadata / name).unlink(missing_ok=True)
        shutil.rmtree(unfinished / "bin", ignore_errors=True)
        unfinished.rename(target)
    return target
