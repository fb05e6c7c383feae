"""Every write that a load run sent, and what it was answered: what the books are checked against afterwards.

Below the directory that STATICFIRE_LOAD_JOURNAL names, each process appends to a file of its own. A write is two
lines: one before it is sent, one once it is answered. A process that is killed in between leaves the first alone, and
the write counts as one without an answer: it may be stored, or not.

    {"write": 17, "at": 1795212783.51, "sent": {"key": "k-17", "user": "u-3", "amount": "12.5"}}
    {"write": 17, "at": 1795212783.52, "status": 201, "answer": {"id": "..."}}

Amounts are strings: a journal never rounds.

A worker on another machine has no such directory. It keeps its lines until it reports, and the master writes them down.
What a worker that was lost had not reported yet is not in the journal, and the run says that it lost a process.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from staticfire.errors import StaticfireError

VARIABLE = "STATICFIRE_LOAD_JOURNAL"
_text = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Write:
    """One write. `status` is None while no answer is known; `answer` is the answer's JSON object, where it is one."""

    sent: Mapping[str, Any]
    at: float
    status: int | None = None
    answer: Mapping[str, Any] | None = None


class Lines:
    """Numbers the writes of a process, and hands on its lines."""

    def __init__(self) -> None:
        self._count = 0

    def sending(self, sent: Mapping[str, Any], at: float) -> int:
        """To be called before the write is sent; the number is for `answered`."""
        self._count += 1
        self._append({"write": self._count, "at": at, "sent": sent})
        return self._count

    def answered(self, write: int, at: float, status: int | None, answer: Mapping[str, Any] | None) -> None:
        self._append({"write": write, "at": at, "status": status, "answer": answer})

    def _append(self, line: Mapping[str, Any]) -> None:
        raise NotImplementedError


class Reported(Lines):
    """Keeps the lines of a worker on another machine until it reports them."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[Mapping[str, Any]] = []

    def take(self) -> list[Mapping[str, Any]]:
        lines, self._lines = self._lines, []
        return lines

    def _append(self, line: Mapping[str, Any]) -> None:
        self._lines.append(line)


class Writer(Lines):
    """Appends to this process's file. Each line is one call of the kernel: a killed process loses none of them."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self._directory = directory
        self._pid = 0
        self._descriptor = -1

    def _append(self, line: Mapping[str, Any]) -> None:
        if self._pid != os.getpid():  # a fork writes to a file of its own
            self._directory.mkdir(parents=True, exist_ok=True)
            self._pid = os.getpid()
            path = self._directory / f"{os.uname().nodename}-{self._pid}.jsonl"
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        os.write(self._descriptor, _text(line).encode() + b"\n")


def writer(environ: Mapping[str, str] = os.environ) -> Writer | None:
    """The writer that this process's variables ask for, if any."""
    directory = environ.get(VARIABLE)
    return Writer(Path(directory)) if directory else None


def write_reported(directory: Path, worker: str, lines: Iterable[Mapping[str, Any]]) -> None:
    """Write down what a worker on another machine reported."""
    directory.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", worker)
    with (directory / f"{name}.jsonl").open("ab") as file:
        file.write(b"".join(_text(line).encode() + b"\n" for line in lines))


class Journal:
    """All writes below a directory, whichever process sent them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def __iter__(self) -> Iterator[Write]:
        for path in sorted(self.directory.glob("*.jsonl")):
            yield from _writes(path)


def _writes(path: Path) -> Iterator[Write]:
    open_writes: dict[int, Write] = {}
    for line in _lines(path):
        number = line["write"]
        if "sent" in line:
            open_writes[number] = Write(line["sent"], line["at"])
        else:
            begun = open_writes.pop(number)
            yield Write(begun.sent, begun.at, line["status"], line["answer"])
    yield from open_writes.values()


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """Each whole line. The last one may lack its end, when the machine died or the disk was full."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.endswith(b"\n"):
                try:
                    yield json.loads(line)
                except ValueError as error:
                    raise StaticfireError(
                        f"The journal {path} is damaged in line {number}: {error}.",
                        remedy="Integrity cannot be judged from it: run the load again.",
                    ) from error
