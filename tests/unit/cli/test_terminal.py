"""What others wrote steers no terminal."""

from __future__ import annotations

import argparse
import contextlib
import io
from pathlib import Path
from typing import Any

import pytest

from staticfire.cli import logs, mail
from staticfire.cli.terminal import shown
from staticfire.edge_client import EdgeClient, Health
from staticfire.settings import Settings
from staticfire.targets.base import Running

EVIL = "\x1b]0;title\x07\x1b[2J\r\x9b31m\u202eabc\b"
PLAIN = r"\x1b]0;title\x07\x1b[2J\r\x9b31m\u202eabc\x08"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_control_characters_are_escaped_on_a_terminal_and_left_alone_elsewhere() -> None:
    assert shown(EVIL, Terminal()) == PLAIN
    assert shown(EVIL, io.StringIO()) == EVIL
    assert shown("a\tb\né€ 漢 🚀", Terminal()) == "a\tb\né€ 漢 🚀"


RUNNING = Running("http://127.0.0.1:9", "us-east-1", Health("running", "life", {}), None)


def test_a_mail_cannot_steer_the_terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sent = {"received_at": "now", "sender": EVIL, "to": [EVIL], "subject": EVIL, "text": f"one\r\n{EVIL}", "html": ""}
    monkeypatch.setattr(mail, "require_running", lambda settings: RUNNING)
    monkeypatch.setattr(EdgeClient, "mails", lambda client, **of: [sent])
    with contextlib.redirect_stdout(Terminal()) as terminal:
        mail._mail(Settings(project=tmp_path, state_dir=tmp_path), argparse.Namespace(to="", json=False))
    assert terminal.getvalue() == f"Date: now\nFrom: {PLAIN}\nTo: {PLAIN}\nSubject: {PLAIN}\n\none\n{PLAIN}\n\n"


def test_a_function_cannot_steer_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    event: dict[str, Any] = {"eventId": "1", "timestamp": 0, "function": "f", "message": EVIL}
    monkeypatch.setattr(logs, "_client", lambda running: None)
    monkeypatch.setattr(logs, "_events", lambda *of: [event])
    monkeypatch.setattr(logs, "_of_apis", lambda *of: [])
    monkeypatch.setenv("NO_COLOR", "1")
    with contextlib.redirect_stdout(Terminal()) as terminal:
        logs.print_logs(RUNNING, (), 0, follow=False)
    # A carriage return in a line of Lambda's is a line feed of the text.
    assert terminal.getvalue().endswith(f" f {PLAIN}\n".replace(r"\r", "\n    "))
