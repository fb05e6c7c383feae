"""Watch the sources of what is deployed: a saved file is in its functions a moment later, without Terraform.

Each change goes to the packages that the file is in: those are built anew and put into their functions and layers, no
others. What cannot be read by its runtime is told, and the old code stays. Terraform's own files want an apply.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from watchfiles import BaseFilter, Change, watch

from staticfire import hcl
from staticfire.errors import NotRunningError, StaticfireError
from staticfire.roots import NEVER_READ, modules_of

from .deployed import CodePackage, Contents, Deployed, Prebuilt
from .live import change, deployed_hashes, put, sha256_of
from .packages import pack
from .saved import PutPackage, SavedFiles, Signature, held_in, signatures_of, where_they_lie
from .stack import Stack, some
from .syntax import problems

STEP_MILLISECONDS = 10  # so long nothing more is saved, and the change is whole
DEBOUNCE_MILLISECONDS = 1000  # what goes on for longer is taken in parts
TICK_MILLISECONDS = 500
ATTEMPTS = 5  # a file may be replaced while it is read
PAUSE_SECONDS = 0.05
VARIABLES = (".tfvars", ".tfvars.json")
# What editors leave beside what they save, and Python beside what it runs.
LEFT_ENDINGS = (".pyc", ".pyo", ".swp", ".swo", ".swx", ".tmp", "~", ".DS_Store")


Read = TypeVar("Read")
_PutInto = tuple[Sequence[str], Sequence[str], Mapping[str, object]]  # functions, layers, what the edge answered


class Saved(BaseFilter):
    """Files below these directories that somebody may have saved."""

    def __init__(self, directories: Iterable[Path]) -> None:
        super().__init__()
        self._directories = [f"{directory}{os.sep}" for directory in directories]

    def __call__(self, change: Change, path: str) -> bool:
        name = os.path.basename(path)
        if name.endswith(LEFT_ENDINGS) or name.startswith((".#", "#")) or name == "4913":  # vim's, emacs'
            return False
        below = next((path.removeprefix(top) for top in self._directories if path.startswith(top)), path)
        return not NEVER_READ.intersection(below.split(os.sep))


class _Refused(Exception):
    """The edge does not take a package."""


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except NotRunningError:
        raise
    except StaticfireError as error:
        raise _Refused(str(error)) from error


@dataclass
class _Watched:
    """A package, and what is known of it: where its files are, what its functions have, which files are broken."""

    stack: Stack
    package: CodePackage
    contents: Contents
    places: list[Path]
    links: set[Path]
    ignored: bool  # git ignores its place: what is in there counts all the same
    deployed: dict[str, str]
    broken: set[Path] = field(default_factory=set)
    put: PutPackage | None = None

    def holds(self, path: Path) -> bool:
        return path in self.links or any(path == place or path.is_relative_to(place) for place in self.places)

    def build(self) -> bytes:
        """The zip as Terraform has it, where its content is the same; else a new one."""
        self.put = None
        if isinstance(self.contents, Prebuilt):
            return self.contents.file.read_bytes()
        entries, data, signatures = self._read(self._built)
        self.links = links_in(entries)
        self.put = PutPackage(sha256_of(data), signatures, held_in(data), held_in(self.package.file))
        return data

    def saved(self, paths: set[Path]) -> SavedFiles | None:
        """What differs from what all its functions and layers have; None: it has to be built."""
        put = self.put
        if put is None or any(sha256 != put.sha256 for sha256 in self.deployed.values()):
            return None
        places = {real: place for real, place in zip(self.places, self.contents.places(), strict=True)}
        certainly = where_they_lie(paths, places)
        entries, saved = self._read(lambda entries: (entries, put.saved(entries, certainly)))
        self.links = links_in(entries)
        return saved

    def _built(self, entries: Mapping[str, Path]) -> tuple[Mapping[str, Path], bytes, Mapping[str, Signature]]:
        signatures = signatures_of(entries)
        return entries, unchanged(self.package.file, entries) or pack(entries), signatures

    def _read(self, read: Callable[[Mapping[str, Path]], Read]) -> Read:
        for attempt in range(ATTEMPTS):
            try:
                return read(self.contents.entries())
            except FileNotFoundError:
                if attempt == ATTEMPTS - 1:
                    raise
                time.sleep(PAUSE_SECONDS)
        raise AssertionError("never reached")


class Watcher:
    """`say` gets a line for each thing that happened; `apply` applies a stack; `asks` is whether a person may be asked.

    With `applies`, changes of the Terraform are applied without a question.
    """

    def __init__(
        self,
        stacks: Sequence[Stack],
        say: Callable[[str], None],
        apply: Callable[[Stack], None],
        *,
        applies: bool = False,
        asked: Callable[[], bool] = lambda: False,
    ) -> None:
        """`asked`: whether the person at the terminal has answered yes since the last call. It is called before
        anything is told, too: who presses Enter between two lines does not answer what is not said yet."""
        self._stacks = stacks
        self._say = say
        self._apply = apply
        self._applies = applies
        self._asked = asked
        self._watched: list[_Watched] = []
        self._unknown: dict[str, list[CodePackage]] = {}
        self._stamps: dict[str, object] = {}
        self._waiting: dict[str, Stack] = {}  # those whose Terraform changed
        self._terraform = self._terraform_now()
        self.began = threading.Event()

    def run(self, stop: threading.Event, tick: Callable[[], None] = lambda: None) -> None:
        """Watch until `stop` is set. `tick` is called now and then; it may raise."""
        self._load()
        self._catch_up()
        while not stop.is_set():
            paths = self._paths()
            for changes in watch(
                *paths,
                watch_filter=Saved(paths),
                debounce=DEBOUNCE_MILLISECONDS,
                step=STEP_MILLISECONDS,
                stop_event=stop,
                rust_timeout=TICK_MILLISECONDS,
                yield_on_timeout=True,
            ):
                if not self.began.is_set():
                    self._catch_up()  # what was saved before the first look
                    before, self._terraform = self._terraform, self._terraform_now()
                    changes = changes | {
                        (Change.modified, str(path))
                        for path, stamp in self._terraform.items()
                        if before.get(path) != stamp
                    }
                    self.began.set()
                tick()
                if self._asked() and self._waiting:
                    self._apply_waiting()
                if changes:
                    self._changed({Path(path) for _, path in changes})
                if self._waiting and self._applies:
                    self._apply_waiting()
                if self._was_applied_elsewhere():
                    self._load()
                if self._paths() != paths:
                    self._terraform = self._terraform_now()
                    self.began.clear()
                    break

    # -- what there is

    def _load(self) -> None:
        """Read what is deployed."""
        self._watched, self._unknown = [], {}
        for stack in self._stacks:
            self._stamps[stack.name] = _stamp(stack)
            packages = Deployed.of(stack).packages
            arns = {arn for package in packages for arn in (*package.functions, *package.layers)}
            hashes = deployed_hashes(stack, arns)
            for package in packages:
                if package.contents is None:
                    self._unknown.setdefault(stack.name, []).append(package)
                    continue
                own = {arn: hashes[arn] for arn in (*package.functions, *package.layers) if arn in hashes}
                places = [place.resolve() for place in package.contents.places()]
                ignored = bool(ignored_by_git(places))
                links = links_in(_entries(package.contents))
                self._watched.append(_Watched(stack, package, package.contents, places, links, ignored, own))

    def _was_applied_elsewhere(self) -> bool:
        return any(self._stamps.get(stack.name) != _stamp(stack) for stack in self._stacks)

    def _catch_up(self) -> None:
        """What was saved while nobody watched."""
        for watched in self._watched:
            self._update(watched, set(), time.monotonic())

    def _paths(self) -> list[Path]:
        """The directories to watch; of two, one within the other, the outer one."""
        directories: set[Path] = set()
        for watched in self._watched:
            directories |= {place if place.is_dir() else place.parent for place in watched.places}
            directories |= {link.parent for link in watched.links}
        for stack in self._stacks:
            directories |= set(modules_of(stack.stack_settings.root))
            directories |= {file.resolve().parent for file in stack.stack_settings.var_files}
            if stack.name in self._unknown:
                directories.add(stack.working_copy.tree)
        present = {_present(directory) for directory in directories}
        return sorted(path for path in present if not any(parent in present for parent in path.parents))

    def _terraform_now(self) -> dict[Path, tuple[int, int]]:
        """When each file of the Terraform was changed: what is saved before the first look is seen by it."""
        stamps = {}
        for stack in self._stacks:
            own = [path for directory in modules_of(stack.stack_settings.root) for path in directory.iterdir()]
            for path in (*filter(hcl_or_variables, own), *stack.stack_settings.var_files):
                with suppress(OSError):  # it goes meanwhile
                    status = path.stat()
                    stamps[path.resolve()] = status.st_mtime_ns, status.st_ino
        return stamps

    # -- what changed

    def _changed(self, paths: set[Path]) -> None:
        began = time.monotonic()
        ignored = ignored_by_git(sorted(paths))
        for watched in self._watched:
            own = {path for path in paths if watched.holds(path) and (watched.ignored or path not in ignored)}
            if own:
                self._update(watched, own, began)
        packed = {path for path in paths if any(watched.holds(path) for watched in self._watched)}
        for stack in self._stacks:
            others = {path for path in paths - ignored if path not in packed or hcl_or_variables(path)}
            self._terraform_changed(stack, others)

    def _update(self, watched: _Watched, paths: set[Path], began: float) -> None:
        label = watched.package.label
        checked = sorted(path for path in paths | watched.broken if path.is_file())
        said = list(problems(checked, watched.package.runtimes))
        if said:
            watched.broken |= paths
            self._say(f"{label}: {'; '.join(said)}. The functions keep the code they have.")
            return
        watched.broken.clear()
        try:
            put_into = self._put_saved(watched, paths) or self._put_whole(watched)
        except NotRunningError:
            raise
        except _Refused as error:
            self._say(f"{label} is refused: {error}. The next save tries it again.")
            return
        except (StaticfireError, OSError) as error:
            self._say(f"{label} cannot be built: {error}. The functions keep the code they have.")
            return
        functions, layers, answer = put_into
        if not functions and not layers:
            return
        names = [arn.rpartition(":")[2] for arn in functions] + [arn.split(":layer:")[1] for arn in layers]
        files = f" ({some([os.path.relpath(path) for path in sorted(paths)])})" if paths else ""
        self._say(f"{some(names)}: updated in {time.monotonic() - began:.2f} s{files}{_further(answer)}")

    def _put_saved(self, watched: _Watched, paths: set[Path]) -> _PutInto | None:
        """Put what was saved into what has all the rest; None: it has to go as a whole."""
        saved = watched.saved(paths) if paths else None
        if saved is None or watched.put is None:
            return None
        functions = [arn for arn in watched.package.functions if arn in watched.deployed]
        layers = [arn for arn in watched.package.layers if arn in watched.deployed]
        base = watched.put.sha256
        with _refusals():
            answer = change(watched.stack, functions, layers, saved.files, base, saved.removed)
        if answer is None:
            return None
        sha256 = str(answer["CodeSha256"])
        watched.put = replace(saved.after, sha256=sha256)
        watched.deployed = dict.fromkeys(watched.deployed, sha256)
        return ([], [], answer) if sha256 == base else (functions, layers, answer)

    def _put_whole(self, watched: _Watched) -> _PutInto:
        data = watched.build()
        sha256 = sha256_of(data)
        other = [arn for arn, deployed in watched.deployed.items() if deployed != sha256]
        functions = [arn for arn in watched.package.functions if arn in other]
        layers = [arn for arn in watched.package.layers if arn in other]
        if not other:
            return [], [], {}
        with _refusals():
            answer = put(watched.stack, functions, layers, data)
        watched.deployed |= dict.fromkeys(other, sha256)
        return functions, layers, answer

    def _terraform_changed(self, stack: Stack, paths: set[Path]) -> None:
        directories = set(modules_of(stack.stack_settings.root))
        var_files = {file.resolve() for file in stack.stack_settings.var_files}
        own = sorted(path for path in paths if path in var_files or _is_terraforms(path, directories))
        if own:
            first = stack.name not in self._waiting
            self._waiting[stack.name] = stack
            way = "" if self._applies else f" `staticfire apply {stack.name}` applies it"
            way += ", or Enter here." if way and self._asks else "." if way else ""
            if first or not self._applies:
                self._say(f"{stack.name}: {some([os.path.relpath(path) for path in own])} changed.{way}")
            return
        unknown = self._unknown.get(stack.name)
        below = sorted(path for path in paths if path.is_relative_to(stack.working_copy.tree))
        if unknown and below:
            labels = some([package.label for package in unknown])
            self._say(
                f"{stack.name}: {some([os.path.relpath(path) for path in below])} changed. Nothing here says what "
                f"{labels} is made of, since Terraform has it built: `staticfire apply {stack.name}` if this is in it."
            )

    @property
    def _asks(self) -> bool:
        return os.isatty(0)

    def _apply_waiting(self) -> None:
        for name, stack in list(self._waiting.items()):
            del self._waiting[name]
            try:
                self._apply(stack)
            except StaticfireError as error:
                self._say(f"{name}: {error}")
        self._load()


def _is_terraforms(path: Path, directories: set[Path]) -> bool:
    """Whether it is a file of one of these modules, or below it and named in its text, as an OpenAPI document is."""
    if path.parent in directories and hcl_or_variables(path):
        return True
    modules = [directory for directory in directories if path.is_relative_to(directory)]
    return any(path.name in file.read_text(errors="replace") for top in modules for file in hcl.files_in(top))


def hcl_or_variables(path: Path) -> bool:
    """Whether a file is Terraform's own."""
    return path.name.endswith((*hcl.SUFFIXES, *VARIABLES))


def _stamp(stack: Stack) -> object:
    """Another one once the stack was applied again, by whomever."""
    try:
        status = stack.layout.applied(stack.account, stack.name).stat()
    except FileNotFoundError:
        return None
    return status.st_mtime_ns, status.st_ino


def _present(directory: Path) -> Path:
    """The directory, or the nearest one above it that is there: where it will be made again."""
    return next(path for path in (directory, *directory.parents) if path.is_dir())


def _entries(contents: Contents) -> Mapping[str, Path]:
    try:
        return contents.entries()
    except (StaticfireError, OSError):
        return {}  # it is said when it is built


def links_in(entries: Mapping[str, Path]) -> set[Path]:
    """Files that lie elsewhere, and are in the package by a symbolic link."""
    return {path.resolve() for path in entries.values() if path.is_symlink()}


def unchanged(file: Path, entries: Mapping[str, Path]) -> bytes | None:
    """The zip at `file`, where it holds just these entries."""
    try:
        with zipfile.ZipFile(file) as archive:
            inside = {entry.filename: entry for entry in archive.infolist() if not entry.is_dir()}
            if inside.keys() != entries.keys():
                return None
            if any(inside[name].file_size != path.stat().st_size for name, path in entries.items()):
                return None
            if any(archive.read(name) != path.read_bytes() for name, path in entries.items()):
                return None
        return file.read_bytes()
    except (FileNotFoundError, zipfile.BadZipFile):
        return None


def ignored_by_git(paths: Sequence[Path]) -> set[Path]:
    """Those of these paths that git ignores; none where there is no git, or no repository of it."""
    by_directory: dict[Path, list[Path]] = {}
    for path in paths:
        by_directory.setdefault(_present(path.parent), []).append(path)
    ignored: set[Path] = set()
    top: dict[Path, Path] = {}
    for directory, own in by_directory.items():
        repository = next((above for above in (directory, *directory.parents) if (above / ".git").exists()), None)
        if repository is not None:
            top.update(dict.fromkeys(own, repository))
    for repository in set(top.values()):
        own = [path for path in paths if top.get(path) == repository]
        ignored |= set(_check_ignore(repository, own))
    return ignored


def _check_ignore(repository: Path, paths: Sequence[Path]) -> Iterator[Path]:
    command = ["git", "-C", str(repository), "check-ignore", "-z", "--stdin"]
    try:
        run = subprocess.run(
            command, input="\0".join(map(str, paths)), capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return
    yield from (Path(name) for name in run.stdout.split("\0") if name)


def _further(answer: Mapping[str, object]) -> str:
    """What besides `$LATEST` the update changed, or did not."""
    functions = answer.get("functions")
    moved: set[str] = set()
    fixed = False
    for function in functions if isinstance(functions, list) else ():
        moved |= {f"{alias} -> version {function['version']}" for alias in function["aliases"]}
        fixed = fixed or bool(function["fixed_versions"])
    parts = [*(f"alias {text}" for text in sorted(moved)), *(["published versions keep their code"] * fixed)]
    return f"; {some(parts)}" if parts else ""
