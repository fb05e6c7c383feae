"""What of a stack's code is deployed, and what it is made of: zips of staticfire.toml, archive_file's, and others.

Terraform's state says which file each function and layer was deployed from, directly or by way of an object in S3. Such
a file is a zip of staticfire.toml, by its path; or one of `data "archive_file"`, which names its sources; or another's,
as one that a null_resource built: nothing says what that is made of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Protocol

from staticfire.layout import Layout
from staticfire.settings import Zip
from staticfire.toolchain.wheels import WheelTarget

from .packages import entries_of, targets_of
from .stack import Stack

TASK, OPT = "/var/task", "/opt"
OBJECTS = ("aws_s3_object", "aws_s3_bucket_object")
FUNCTION, LAYER = "aws_lambda_function", "aws_lambda_layer_version"


class Contents(Protocol):
    """What a package is made of."""

    @property
    def label(self) -> str:
        """How messages call it."""

    def places(self) -> Sequence[Path]:
        """Directories and files of the user's that go into it."""

    def entries(self) -> Mapping[str, Path]:
        """Each file by its name in the zip."""

    def seen(self, root: str) -> Mapping[str, Path]:
        """Where a function sees these places, by the path below `root`."""


@dataclass(frozen=True)
class OwnZip:
    """A zip of staticfire.toml."""

    zip: Zip
    layout: Layout
    targets: Sequence[WheelTarget]

    @property
    def label(self) -> str:
        return f"{self.zip.name}.zip"

    def places(self) -> Sequence[Path]:
        return [self.zip.source, *filter(None, [self.zip.requirements])]

    def entries(self) -> Mapping[str, Path]:
        return entries_of(self.zip, self.layout, self.targets)

    def seen(self, root: str) -> Mapping[str, Path]:
        below = [root, *(["python"] if self.zip.layer else []), *filter(None, [self.zip.package])]
        return {"/".join(below): self.zip.source}


@dataclass(frozen=True)
class Archive:
    """What `data "archive_file"` packs: a directory without its `excludes`, or one file."""

    name: str
    source: Path
    excludes: tuple[str, ...] = ()
    leaves_linked_directories_out: bool = False

    @property
    def label(self) -> str:
        return self.name

    def places(self) -> Sequence[Path]:
        return [self.source]

    def entries(self) -> Mapping[str, Path]:
        if self.source.is_file():
            return {self.source.name: self.source}
        return {name: path for name, path in self._below(self.source, "") if not self._is_excluded(name)}

    def seen(self, root: str) -> Mapping[str, Path]:
        return {f"{root}/{self.source.name}" if self.source.is_file() else root: self.source}

    def _below(self, directory: Path, prefix: str) -> Iterator[tuple[str, Path]]:
        for path in sorted(directory.iterdir()):
            name = f"{prefix}{path.name}"
            if path.is_dir():
                if not (path.is_symlink() and self.leaves_linked_directories_out) and not self._is_excluded(name):
                    yield from self._below(path, f"{name}/")
            elif path.is_file():
                yield name, path

    def _is_excluded(self, name: str) -> bool:
        return any(name == pattern or _matches(name, pattern) for pattern in self.excludes)


@dataclass(frozen=True)
class Prebuilt:
    """A zip that lies in the repository: somebody builds it anew there."""

    file: Path

    @property
    def label(self) -> str:
        return self.file.name

    def places(self) -> Sequence[Path]:
        return [self.file]

    def entries(self) -> Mapping[str, Path]:
        return {}

    def seen(self, root: str) -> Mapping[str, Path]:
        return {}


def _matches(name: str, pattern: str) -> bool:
    """As the provider's doublestar: `*` stays within a name, `**` goes through directories."""
    return _parts_match(name.split("/"), pattern.rstrip("/").split("/"))


def _parts_match(names: Sequence[str], patterns: Sequence[str]) -> bool:
    if not patterns:
        return not names
    if patterns[0] == "**":
        return any(_parts_match(names[index:], patterns[1:]) for index in range(len(names) + 1))
    return bool(names) and fnmatchcase(names[0], patterns[0]) and _parts_match(names[1:], patterns[1:])


@dataclass(frozen=True)
class CodePackage:
    """One zip, the functions and layer versions (their ARNs) that were deployed from it, and the runtimes of these.

    `file` is the zip as Terraform deploys it; `contents` is None where nothing says what it is made of.
    """

    file: Path
    contents: Contents | None
    functions: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    runtimes: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        return self.contents.label if self.contents is not None else self.file.name


@dataclass(frozen=True)
class Deployed:
    """A stack's packages, and the layers (ARNs) of each function."""

    packages: tuple[CodePackage, ...] = ()
    layers_of: Mapping[str, Sequence[str]] | None = None

    @classmethod
    def of(cls, stack: Stack) -> Deployed:
        """As the state has it; nothing where the stack is not applied."""
        state = stack.state()
        return cls() if state is None else _Reading(stack, state).deployed()


class _Reading:
    def __init__(self, stack: Stack, state: Mapping[str, Any]) -> None:
        self._stack = stack
        self._state = state
        self._copy = stack.working_copy

    def deployed(self) -> Deployed:
        objects = {
            (attributes["bucket"], attributes["key"]): attributes.get("source")
            for kind in OBJECTS
            for attributes in self._all("managed", kind)
        }
        functions: dict[Path, list[Mapping[str, Any]]] = {}
        layers: dict[Path, list[Mapping[str, Any]]] = {}
        for kind, by_file in ((FUNCTION, functions), (LAYER, layers)):
            for attributes in self._all("managed", kind):
                stored = objects.get((attributes.get("s3_bucket"), attributes.get("s3_key")))
                name = attributes.get("filename") or stored
                if name:
                    by_file.setdefault(self._copy.there(name).resolve(), []).append(attributes)
        contents = dict(self._contents())
        packages = [
            CodePackage(
                file=file,
                contents=contents.get(file) or self._in_the_repository(file),
                functions=tuple(sorted(attributes["arn"] for attributes in functions.get(file, ()))),
                layers=tuple(sorted(attributes["arn"] for attributes in layers.get(file, ()))),
                runtimes=tuple(sorted(_runtimes(functions.get(file, ()), layers.get(file, ())))),
            )
            for file in sorted({*functions, *layers})
        ]
        layers_of = {attributes["arn"]: attributes.get("layers") or () for attributes in self._all("managed", FUNCTION)}
        return Deployed(tuple(packages), layers_of)

    def _in_the_repository(self, file: Path) -> Prebuilt | None:
        original = self._copy.original(str(file))
        return Prebuilt(original) if original.is_file() and original != file else None

    def _contents(self) -> Iterator[tuple[Path, Contents]]:
        settings, stack = self._stack.settings, self._stack.stack_settings
        layout = self._stack.layout
        for package in stack.zips:
            targets = targets_of(package, settings, stack, for_aws=False)
            yield (layout.build / f"{package.name}.zip").resolve(), OwnZip(package, layout, targets)
        for address, attributes in self._addressed("data", "archive_file"):
            source = attributes.get("source_dir") or attributes.get("source_file")
            if source and attributes.get("output_path"):
                archive = Archive(
                    address,
                    self._copy.original(source),
                    tuple(attributes.get("excludes") or ()),
                    bool(attributes.get("exclude_symlink_directories")),
                )
                yield self._copy.there(attributes["output_path"]).resolve(), archive

    def _all(self, mode: str, kind: str) -> Iterator[Mapping[str, Any]]:
        return (attributes for _, attributes in self._addressed(mode, kind))

    def _addressed(self, mode: str, kind: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for resource in self._state.get("resources", ()):
            if resource["mode"] == mode and resource["type"] == kind:
                for instance in resource["instances"]:
                    key = f"[{instance['index_key']}]" if "index_key" in instance else ""
                    yield f"{kind}.{resource['name']}{key}", instance.get("attributes", {})


def _runtimes(functions: Sequence[Mapping[str, Any]], layers: Sequence[Mapping[str, Any]]) -> set[str]:
    of_functions = {function["runtime"] for function in functions if function.get("runtime")}
    return of_functions | {runtime for layer in layers for runtime in layer.get("compatible_runtimes") or ()}
