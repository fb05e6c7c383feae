"""Lines of logs as they are read and shown."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from staticfire.cli.colour import Paint
from staticfire.cli.log_lines import Line, Requests, read_line
from staticfire.cli.log_view import JsonView, PrettyView, RawView
from staticfire.cli.logs import Chosen

REQUEST = "8f507cfc-0000-4697-b07a-ac58fc914c95"
TRACEBACK = (
    '[ERROR] ValueError: no\rTraceback (most recent call last):\r  File "/var/task/shop/api.py", line 12, in handler'
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Files:
    def __init__(self, file: Path) -> None:
        self._file = file

    def user_file(self, function: str, path: str) -> Path | None:
        return self._file if path == "/var/task/shop/api.py" else None


def line(message: str | dict[str, object], **about: str) -> Line:
    return read_line(1_000, "f", message if isinstance(message, str) else json.dumps(message), **about)


@pytest.mark.parametrize(
    ("message", "level", "failed", "platform"),
    [
        ("plain", "", False, False),
        (f"START RequestId: {REQUEST} Version: 1", "", False, True),
        (f"REPORT RequestId: {REQUEST}\tDuration: 1 ms\tStatus: timeout", "", True, True),
        (f"[WARNING]\t2026-11-30T10:00:00.000Z\t{REQUEST}\tcareful", "WARNING", False, False),
        (f"2026-11-30T10:00:00.000Z\t{REQUEST}\tERROR\tno", "ERROR", True, False),
        (f"2026-11-30T10:00:00.000Z {REQUEST} Task timed out after 3.00 seconds", "", True, False),
        (TRACEBACK, "ERROR", True, False),
        ({"level": "warn", "message": "m"}, "WARNING", False, False),
        ({"level": "ERROR", "message": "m"}, "ERROR", True, False),
        ({"errorType": "ValueError", "errorMessage": "no", "stackTrace": ["a"]}, "", True, False),
        ({"type": "platform.report", "record": {"requestId": REQUEST, "status": "error"}}, "", True, True),
        ('{"cut": ', "", False, False),
    ],
)
def test_what_a_line_says_of_itself(message: str | dict[str, object], level: str, failed: bool, platform: bool) -> None:
    read = line(message)
    assert (read.level, read.failed, read.platform) == (level, failed, platform)


def test_an_access_log_fails_from_500_on() -> None:
    assert line('{"status": "502"}', kind="access").failed
    assert line('1.2.3.4 "GET / HTTP/1.1" 503 12', kind="access").failed
    assert not line('{"status": "404"}', kind="access").failed


def test_lines_between_start_and_report_are_the_requests() -> None:
    requests = Requests()
    messages = [f"START RequestId: {REQUEST} Version: 1", "printed", f"REPORT RequestId: {REQUEST}\tDuration", "later"]
    assert [requests.of(line(message, stream="s")) for message in messages] == [REQUEST, REQUEST, REQUEST, ""]
    chosen = Chosen(requests={REQUEST})
    assert chosen.takes(replace(line("printed"), request=REQUEST))
    assert not chosen.takes(line("printed"))
    assert chosen.takes(line({"message": "x", "api_request_id": REQUEST}))


def test_json_is_unfolded_and_its_traceback_is_lines() -> None:
    message: dict[str, object] = {
        "level": "ERROR",
        "message": "it failed",
        "order": {"id": 7},
        "stackTrace": ['  File "x.py", line 1\n    raise\n'],
    }
    first, *rest = PrettyView(Paint(io.StringIO())).lines(line(message))
    assert first.endswith(' f ERROR   it failed order={"id":7}')
    assert rest == ['      File "x.py", line 1', "        raise"]


def test_the_users_own_file_is_named_or_linked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "src" / "api.py"
    plain = list(PrettyView(Paint(io.StringIO()), Files(file)).lines(line(TRACEBACK)))
    assert plain[-1].strip() == 'File "src/api.py", line 12, in handler'
    linked = list(PrettyView(Paint(Terminal()), Files(file)).lines(line(TRACEBACK)))
    assert f"\x1b]8;;{file.as_uri()}#L12\x1b\\src/api.py\x1b]8;;\x1b\\" in linked[-1]


def test_no_colour_where_nobody_wants_one() -> None:
    assert Paint(Terminal(), {"NO_COLOR": "1", "TERM": "xterm"})("x", "red") == "x"
    assert Paint(io.StringIO(), {"TERM": "xterm"})("x", "red") == "x"
    assert Paint(Terminal(), {"TERM": "xterm"})("x", "red") == "\x1b[31mx\x1b[0m"


def test_raw_and_json() -> None:
    assert list(RawView().lines(line("as it came\n"))) == ["as it came"]
    (text,) = JsonView().lines(line({"level": "INFO", "message": "m", "requestId": REQUEST}))
    document = json.loads(text)
    assert (document["level"], document["request_id"], document["message"]["message"]) == ("INFO", REQUEST, "m")
