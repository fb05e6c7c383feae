"""An image that an engine of this machine builds of a Dockerfile: Docker, else Podman.

What it built is taken out of it and pushed by ECR's API. So the engine need not reach this machine's ports, which one
in a virtual machine does not, nor log in to anything.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from staticfire.errors import PrerequisiteError, StaticfireError
from staticfire.host import interrupts
from staticfire.layout import Layout
from staticfire.settings import ImageSettings

from .built import Blob, ImageOnDisk

ENGINES = ("docker", "podman")
ANSWER_SECONDS = 20
LAST_LINES = 40


@dataclass(frozen=True)
class ImageOfEngine:
    image: ImageSettings
    layout: Layout

    @property
    def dockerfile(self) -> Path:
        assert self.image.dockerfile is not None
        return self.image.dockerfile

    @property
    def context(self) -> Path:
        return self.image.context or self.dockerfile.parent

    @property
    def tag(self) -> str:
        """Of the Dockerfile and all that its context holds: also of what a .dockerignore leaves out."""
        self._check_files()
        digest = hashlib.sha256(self.dockerfile.read_bytes())
        for path in sorted(self._files()):
            content = os.readlink(path).encode() if path.is_symlink() else path.read_bytes()
            mode = path.lstat().st_mode & 0o111
            digest.update(repr((path.relative_to(self.context).as_posix(), mode)).encode())
            digest.update(hashlib.sha256(content).digest())
        return digest.hexdigest()[:16]

    def _check_files(self) -> None:
        for key, path, there in (
            ("dockerfile", self.dockerfile, self.dockerfile.is_file()),
            ("context", self.context, self.context.is_dir()),
        ):
            if not there:
                raise StaticfireError(
                    f"The {key} of the image {self.image.name!r} is missing.",
                    checked=[str(path)],
                    remedy=f"Correct `{key}` of images.{self.image.name} in staticfire.toml.",
                )

    def _files(self) -> Iterator[Path]:
        for directory, directories, names in os.walk(self.context):
            unread = (".git", "__pycache__")
            here = Path(directory)
            directories[:] = [name for name in directories if name not in unread and here / name != self.layout.state]
            links = [name for name in directories if (here / name).is_symlink()]
            yield from (path for name in (*names, *links) if (path := here / name).is_symlink() or path.is_file())

    def check(self) -> None:
        engine_that_answers(self.image.name)

    def build(self) -> ImageOnDisk:
        engine = engine_that_answers(self.image.name)
        directory = self.layout.build / "images" / f"{self.image.name.replace('/', '-')}-{self.tag}"
        name = f"staticfire/{self.image.name}:{self.tag}"
        command = [engine, "build", "--file", str(self.dockerfile), "--tag", name, str(self.context)]
        built = interrupts.run(command, cwd=self.context)
        if built.returncode:
            lines = "\n".join((built.stdout + built.stderr).strip().splitlines()[-LAST_LINES:])
            raise StaticfireError(
                f"{Path(engine).name} could not build the image {self.image.name!r}; nothing was applied:\n{lines}",
                checked=[" ".join(command)],
                remedy="Correct it, or check the network. Of `zips` the image is put together without an engine.",
            )
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        saved = directory / "saved.tar"
        kept = interrupts.run([engine, "save", "--output", str(saved), name], cwd=directory)
        if kept.returncode:
            raise StaticfireError(f"{Path(engine).name} did not hand out what it built: {kept.stderr.strip()}")
        try:
            return _taken_out(saved, directory)
        finally:
            saved.unlink()


def _taken_out(saved: Path, directory: Path) -> ImageOnDisk:
    """The layers and the configuration of the one image in what `docker save` wrote."""
    with tarfile.open(saved) as archive:

        def take(member: str, name: str) -> Blob:
            content = archive.extractfile(member)
            if content is None:
                raise StaticfireError(f"What the engine built has no {member}.", checked=[str(saved)])
            with content, (directory / name).open("wb") as file:
                shutil.copyfileobj(content, file)
            return Blob.of(directory / name)

        listed = archive.extractfile("manifest.json")
        if listed is None:
            raise StaticfireError("What the engine built has no manifest.json.", checked=[str(saved)])
        [image] = json.load(listed)
        layers = [take(member, f"layer-{number}") for number, member in enumerate(image["Layers"])]
        return ImageOnDisk(layers, take(image["Config"], "config.json"))


@cache
def engine_that_answers(image: str) -> str:
    """The engine's program. Asked once in the life of a command."""
    checked = []
    for name in ENGINES:
        program = shutil.which(name)
        if program is None:
            checked.append(f"{name}: not on PATH")
            continue
        try:
            answer = subprocess.run(
                [program, "info"], capture_output=True, text=True, timeout=ANSWER_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            checked.append(f"{name}: no answer within {ANSWER_SECONDS} seconds")
            continue
        if answer.returncode == 0:
            return program
        checked.append(f"{name}: {answer.stderr.strip().splitlines()[-1:]}")
    raise PrerequisiteError(
        f"The image {image!r} is of a Dockerfile, which an engine builds, and none answers; nothing was applied.",
        checked=checked,
        remedy="Start Docker or Podman. Or name `zips` of the stack in the place of `dockerfile`: an image of Python "
        "code is put together of them without an engine.",
    )
