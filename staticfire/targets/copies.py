"""Copies of all that the embedded target keeps: taken while it runs or not, put in the place of what is there.

    taken beside, then renamed -> whole
    put: staged beside -> journal written -> each part put in its place -> journal gone

A copy that is not whole is never seen. A `put` that is cut off before its journal has changed nothing; after it,
`finish` goes on where it was, so that the parts are of one copy in either case.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from staticfire.edge.emulators.in_ministack.keeping import Unusable, check_state
from staticfire.edge_client import EdgeClient
from staticfire.errors import StaticfireError, UsageError
from staticfire.host.files import read_json, sync, write_json
from staticfire.layout import Layout
from staticfire.settings import Settings
from staticfire.toolchain.runtimes import emulator_version

from .postgres.data_directory import DataDirectory
from .postgres.server import Postgres

DATA, KEPT, STORE = "postgres/data", "ministack/kept", "edge.sqlite"
LOGS_OF_STORE = (f"{STORE}-wal", f"{STORE}-shm")  # SQLite's own: not those of another store
ATTEMPTS = 5
# What belongs together, below the state directory. Every name is a file or a directory; what is absent is absent later.
EMULATOR = (KEPT, "ministack/state", STORE, *LOGS_OF_STORE, "functions/zips", "images/sha256", "applied", "live")
POSTGRES = (DATA, "postgres/admin-password", "postgres/server.json")
REST = ("mail.jsonl", "terraform", "options")
ALL = (*EMULATOR, *POSTGRES, *REST)
HEADER = "copy.json"
FORMAT = 1
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
EMBEDDED = "embedded"


@dataclass(frozen=True)
class Copies:
    """The copies of one state directory."""

    settings: Settings

    @property
    def layout(self) -> Layout:
        return Layout.of(self.settings)

    @property
    def _journal(self) -> Path:
        return self.layout.state / "loading.json"

    def take(self, place: Path, parts: Sequence[str], **facts: Any) -> None:
        """Copy these parts as they are now; who calls sees to it that they belong together."""
        unfinished = place.with_name(f".{place.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        for part in parts:
            source, target = self._place(part), unfinished / part
            if not os.path.lexists(source) or part in LOGS_OF_STORE:
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            if part == DATA:
                Postgres(self.settings).copy(target)
            elif part == STORE:
                _copy_store(source, target)
            elif part == KEPT:
                self._copy_emulator(source, target)
            else:
                _copy(source, target)
        write_json(unfinished / HEADER, {"format": FORMAT, "parts": list(parts), "time": time.time(), **facts}, 0o600)
        for path in unfinished.rglob("*"):
            if path.is_file() and not path.is_symlink():
                sync(path)
        self.rename(unfinished, place)

    def rename(self, whole: Path, place: Path) -> None:
        """Let a copy take the place of another, or of none."""
        aside = place.with_name(f".{place.name}.old")
        shutil.rmtree(aside, ignore_errors=True)
        if place.exists():
            place.rename(aside)
        whole.rename(place)
        sync(place / HEADER)
        shutil.rmtree(aside, ignore_errors=True)

    def _copy_emulator(self, source: Path, target: Path) -> None:
        """It may be saved once more meanwhile: then what was copied is not whole, and is copied again."""
        for attempt in range(ATTEMPTS):
            _remove(target)
            with contextlib.suppress(FileNotFoundError):
                _copy(source, target)
            try:
                check_state(target, emulator_version(self.layout))
            except (Unusable, OSError) as error:
                if attempt == ATTEMPTS - 1:
                    raise StaticfireError(f"The emulator's state cannot be copied: {error}.") from error
            else:
                return

    def header(self, place: Path) -> dict[str, Any] | None:
        """What a copy says of itself; None where there is not a whole one."""
        return read_json(place / HEADER, format=int, parts=list, time=float)

    def remember(self, edge: EdgeClient) -> None:
        """Before Terraform changes anything: what `roll_back` brings back."""
        edge.save()
        self.take(self.layout.before_apply, EMULATOR)

    def forget(self) -> None:
        """The apply has come to its end."""
        _remove(self.layout.before_apply)

    def roll_back(self) -> str:
        """An apply was cut off by the death of what it was applied to: Terraform's state does not say all it made.

        So everything is as before that apply; what was done, in words. Nothing runs.
        """
        place = self.layout.before_apply
        if self.header(place) is None:
            return ""
        said = "The last apply was cut off: the emulator is as it was before, and what is missing is applied again"
        try:
            self.check(place)
        except StaticfireError as error:
            said = f"The last apply was cut off, and what was there before it is lost: {error}"
        else:
            self.stage(place)
            self.put(place, said)
        self.forget()
        return said

    def check(self, place: Path) -> None:
        """An error when what is here now could not take this copy up."""
        try:
            if (self.header(place) or {}).get("format") != FORMAT:
                raise Unusable(f"{place} was taken by another version of Staticfire")
            check_state(place / KEPT, emulator_version(self.layout))
        except (Unusable, OSError) as error:
            raise StaticfireError(
                f"The copy cannot be loaded: {error}. Nothing was changed.",
                checked=[str(place)],
                remedy="Take it anew: `staticfire up`, then `staticfire snapshot save NAME --force`.",
            ) from error

    def stage(self, place: Path) -> None:
        """Copy it to where renaming is all that is left to do; what runs is not touched."""
        for part in (self.header(place) or {})["parts"]:
            source, staged = place / part, self._staged(part)
            _remove(staged)
            if os.path.lexists(source):
                staged.parent.mkdir(parents=True, exist_ok=True)
                _copy(source, staged)
            if part == DATA and staged.exists():
                Postgres(self.settings).give(staged)
            if part == "postgres/server.json" and staged.exists():
                write_json(staged, {**(read_json(staged) or {}), "data": str(self._place(DATA))})

    def put(self, place: Path, said: str) -> None:
        """Put what is staged in the place of what is there; nothing runs. `said`: what `finish` tells after a crash.

        What was there is put aside, until `sweep`.
        """
        parts = [(self._place(part), self._staged(part)) for part in (self.header(place) or {})["parts"]]
        steps = [[str(there), str(staged) if os.path.lexists(staged) else ""] for there, staged in parts]
        write_json(self._journal, {"steps": steps, "said": said}, 0o600)
        sync(self._journal)
        self._swap(steps)

    def finish(self) -> str:
        """After a crash: end what was begun, and tell it; nothing where nothing was."""
        journal = read_json(self._journal, steps=list, said=str)
        if journal is None:
            for part in ALL:
                _remove(self._staged(part))
            return ""
        self._swap(journal["steps"])
        return str(journal["said"])

    def _swap(self, steps: Sequence[Sequence[str]]) -> None:
        """Each step may have been done before a crash: its staged part is gone then."""
        for there, staged in steps:
            if not staged:
                _put_aside(Path(there))
            elif os.path.lexists(staged):
                _put_aside(Path(there))
                os.renames(staged, there)
        self._journal.unlink()

    def sweep(self) -> None:
        """Delete what was put aside. It is in nobody's way: a start does so beside the rest."""
        for part in ALL:
            _remove(_aside(self._place(part)))

    def _place(self, part: str) -> Path:
        if part != DATA:
            return self.layout.state / part
        postgres = Postgres(self.settings)
        return postgres.data if (postgres.home / "server.json").exists() else DataDirectory.below(postgres.home).path

    def _staged(self, part: str) -> Path:
        there = self._place(part)
        return there.with_name(f".{there.name}.incoming")


def snapshot_named(settings: Settings, name: str) -> Path:
    """The directory of a snapshot that is there; an error that lists those that are."""
    place = snapshot_place(settings, name)
    if not place.is_dir():
        names = ", ".join(path.name for path in snapshots(settings)) or "none"
        raise UsageError(
            f"There is no snapshot {name!r}.",
            checked=[f"{Layout.of(settings).snapshots}: {names}"],
            remedy=f"`staticfire snapshot save {name}` takes one.",
        )
    return place


def snapshot_place(settings: Settings, name: str) -> Path:
    """Where the snapshot of that name lies, or would."""
    require_embedded(settings)
    if not NAME.fullmatch(name):
        raise UsageError(
            f"A snapshot cannot be named {name!r}.",
            remedy="Use letters, digits, dots, dashes and underscores; the first is a letter or a digit.",
        )
    return Layout.of(settings).snapshots / name


def snapshots(settings: Settings) -> list[Path]:
    """Those that are whole."""
    return sorted(path for path in Layout.of(settings).snapshots.glob("*") if not path.name.startswith("."))


def require_embedded(settings: Settings) -> None:
    """An error on every other target."""
    if settings.target != EMBEDDED:
        raise UsageError(
            f"There are no snapshots on the target {settings.target!r}: LocalStack's free edition keeps nothing.",
            remedy=f"Use the target {EMBEDDED!r}: `staticfire up --target {EMBEDDED}`.",
        )


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.name}.outgoing")


def _put_aside(path: Path) -> None:
    """Out of the way at once, however much it is. What a crash left aside before is nobody's any more."""
    if os.path.lexists(path):
        _remove(_aside(path))
        path.rename(_aside(path))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir() and not source.is_symlink():
        shutil.copytree(source, target, symlinks=True, ignore=_marks, copy_function=_copy_or_link)
    else:
        shutil.copy2(source, target, follow_symlinks=False)


def _marks(directory: str, names: list[str]) -> list[str]:
    """Of the emulator's state (keeping.py): not the marks of what changed after it, and nothing unfinished."""
    if Path(directory).parts[-2:] != ("ministack", "kept"):
        return []
    return [name for name in names if name not in ("state", "blobs")]


def _copy_or_link(source: str, target: str) -> None:
    """What is named after its content never changes: a second name of it is a copy."""
    of_an_image = Path(source).parts[-4:-2] == ("images", "sha256")
    if of_an_image or os.path.basename(os.path.dirname(source)) in ("blobs", "zips"):
        try:
            os.link(source, target)
        except OSError:  # another file system
            shutil.copy2(source, target)
    else:
        shutil.copy2(source, target, follow_symlinks=False)


def _copy_store(source: Path, target: Path) -> None:
    """Whole, also while the edge writes to it."""
    with contextlib.closing(sqlite3.connect(source)) as store, contextlib.closing(sqlite3.connect(target)) as copy:
        store.backup(copy)
    target.chmod(0o600)
