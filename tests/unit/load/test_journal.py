"""The journal of writes: what was sent is in it, whatever became of the process that sent it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from staticfire.errors import StaticfireError
from staticfire.load.journal import VARIABLE, Journal, Write, Writer, writer

SENT = {"key": "k-1", "user": "u-1", "usage": "12.50"}


def test_without_the_variable_nothing_is_written() -> None:
    assert writer({}) is None


def test_a_write_and_its_answer_are_one(tmp_path: Path) -> None:
    journal = writer({VARIABLE: str(tmp_path / "journal")})
    assert journal is not None
    journal.answered(journal.sending(SENT, 10.0), 10.5, 201, {"id": "one"})
    assert list(Journal(tmp_path / "journal")) == [Write(SENT, 10.0, 201, {"id": "one"})]


def test_answers_find_their_writes_in_any_order(tmp_path: Path) -> None:
    journal = Writer(tmp_path)
    first, second = journal.sending({"key": "1"}, 1.0), journal.sending({"key": "2"}, 2.0)
    journal.answered(second, 3.0, 201, {"id": "b"})
    journal.answered(first, 4.0, 503, None)
    assert {write.sent["key"]: write.status for write in Journal(tmp_path)} == {"1": 503, "2": 201}


def test_a_write_without_an_answer_has_no_status(tmp_path: Path) -> None:
    Writer(tmp_path).sending(SENT, 10.0)
    assert list(Journal(tmp_path)) == [Write(SENT, 10.0)]


def test_what_a_killed_process_sent_is_in_the_journal(tmp_path: Path) -> None:
    code = (
        "import os, sys, pathlib\n"
        "from staticfire.load.journal import Writer\n"
        "writer = Writer(pathlib.Path(sys.argv[1]))\n"
        "for number in range(100):\n"
        "    writer.answered(writer.sending({'key': number}, 1.0), 1.0, 201, {'id': number})\n"
        "writer.sending({'key': 'under way'}, 1.0)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    process = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert process.returncode == -signal.SIGKILL
    writes = list(Journal(tmp_path))
    assert [write.sent["key"] for write in writes if write.status == 201] == list(range(100))
    assert [write.sent["key"] for write in writes if write.status is None] == ["under way"]


def test_forked_processes_write_files_of_their_own(tmp_path: Path) -> None:
    journal = Writer(tmp_path)
    journal.sending({"key": "parent"}, 1.0)
    child = os.fork()
    if not child:
        journal.sending({"key": "child"}, 1.0)
        os._exit(0)
    os.waitpid(child, 0)
    assert len(list(tmp_path.iterdir())) == 2
    assert {write.sent["key"] for write in Journal(tmp_path)} == {"parent", "child"}


def test_a_last_line_without_an_end_is_left_out(tmp_path: Path) -> None:
    Writer(tmp_path).sending(SENT, 10.0)
    [path] = tmp_path.iterdir()
    with path.open("ab") as file:
        file.write(b'{"write":1,"at":11.0,"sta')
    assert list(Journal(tmp_path)) == [Write(SENT, 10.0)]


def test_a_damaged_line_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "one.jsonl").write_text('{"write":1,"at":1,"sent":{}}\nnothing\n')
    with pytest.raises(StaticfireError, match=r"one\.jsonl is damaged in line 2"):
        list(Journal(tmp_path))
