"""An image put together of a stack's zips on this machine's Python, without an engine.

What a zip holds lies where Lambda unpacks it: /var/task, or /opt where it is a layer. Its byte code is in the image, as
whoever builds one for Lambda has it: it cannot be written at a start, and to compile takes seconds.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from staticfire.errors import StaticfireError, UsageError
from staticfire.host.files import write_atomically
from staticfire.host.native_modules import this_architecture
from staticfire.layout import Layout
from staticfire.settings import ImageSettings, Settings, StackSettings
from staticfire.toolchain.python_image import ENTRYPOINT, VARIABLES, PythonBase, add

from ..compatibility import compatibility, local_targets
from .built import Blob, ImageOnDisk, configuration


@dataclass(frozen=True)
class ImageOfZips:
    image: ImageSettings
    zips: Mapping[str, Path]
    layers: frozenset[str]  # those of the zips that are
    base: PythonBase
    layout: Layout

    @classmethod
    def of(
        cls, image: ImageSettings, stack: StackSettings, settings: Settings, built: Mapping[str, Path]
    ) -> ImageOfZips:
        packages = [package for package in stack.zips if package.name in image.zips]
        pythons = {python for package in packages for python in compatibility(package, stack).pythons}
        targets = local_targets(pythons, settings)
        if len(targets) != 1:
            raise UsageError(
                f"The image {image.name!r} is of zips for several Pythons: {', '.join(map(str, targets))}.",
                remedy="Say it: `runtime` of each zip in staticfire.toml.",
            )
        layout = Layout.of(settings)
        layers = frozenset(package.name for package in packages if package.layer)
        zips = {name: built[name] for name in image.zips}
        return cls(image, zips, layers, PythonBase.of(targets[0].python, layout), layout)

    @property
    def tag(self) -> str:
        digest = hashlib.sha256(repr((self.base.key, self._config, sorted(self.layers))).encode())
        for name, path in sorted(self.zips.items()):
            digest.update(name.encode() + hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()[:16]

    @property
    def _config(self) -> Mapping[str, Any]:
        command = {"Cmd": [self.image.handler]} if self.image.handler else {}
        variables = [f"{name}={value}" for name, value in VARIABLES.items()]
        return {"Entrypoint": [f"/{ENTRYPOINT}"], "Env": variables, "WorkingDir": "/var/task", **command}

    def check(self) -> None:
        """Nothing but this machine's Python is needed, and that is there."""

    def build(self) -> ImageOnDisk:
        directory = self.layout.build / "images" / f"{self.image.name.replace('/', '-')}-{self.tag}"
        directory.mkdir(parents=True, exist_ok=True)
        base, diff_id = self.base.layer()
        code = Blob.of(self._layer(directory))
        config = directory / "config.json"
        write_atomically(config, configuration([diff_id, code.digest], this_architecture(), self._config))
        return ImageOnDisk([Blob.of(base), code], Blob.of(config))

    def _layer(self, directory: Path) -> Path:
        path = directory / "code.tar"
        if path.exists():
            return path
        with tempfile.TemporaryDirectory(prefix="code-", dir=directory) as temporary:
            root, part = Path(temporary, "root"), Path(temporary, "code.tar")
            for name, package in self.zips.items():
                _unpack(package, root / ("opt" if name in self.layers else "var/task"))
            self._compile(root)
            with tarfile.open(part, "w", format=tarfile.PAX_FORMAT) as archive:
                for file in sorted(_files(root)):
                    add(archive, file.relative_to(root).as_posix(), file)
            part.rename(path)
        return path

    def _compile(self, root: Path) -> None:
        """By the Python that will read it. What cannot be compiled is left: Python says why when it is imported."""
        options = ["-q", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash", "-s", str(root), "-p", "/"]
        command = [str(self.base.python.path), "-m", "compileall", *options, str(root)]
        run = subprocess.run(command, check=False, capture_output=True, text=True)
        if run.returncode not in (0, 1):  # 1: some file cannot be compiled
            raise StaticfireError(
                f"The image's byte code could not be made:\n{run.stderr}", checked=[" ".join(command)]
            )


def _unpack(package: Path, into: Path) -> None:
    """A zip of our own making: regular files, with one of two modes."""
    with zipfile.ZipFile(package) as archive:
        for info in archive.infolist():
            path = Path(archive.extract(info, into))
            path.chmod(0o755 if info.external_attr >> 16 & 0o100 else 0o644)


def _files(root: Path) -> Iterator[Path]:
    for directory, _, names in os.walk(root):
        yield from (Path(directory, name) for name in names)
