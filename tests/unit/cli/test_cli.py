from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from staticfire import __version__
from staticfire.cli import stacks
from staticfire.cli.main import _parser, run
from staticfire.cli.status import _in_words
from staticfire.host.locks import command_lock
from staticfire.layout import Layout
from staticfire.settings import Settings

Project = Callable[[str], Settings]


@pytest.fixture
def root(project: Project, monkeypatch: pytest.MonkeyPatch) -> str:
    for name in [name for name in os.environ if name.startswith("STATICFIRE_")]:
        monkeypatch.delenv(name)
    return str(project("[stacks.shop]\nroot = 'infra'\n").project)


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        run(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"staticfire {__version__}\n"


def test_python_dash_m_is_the_same_command() -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "staticfire", "--version"], capture_output=True, text=True, check=True
    )
    assert answer.stdout == f"staticfire {__version__}\n"


def test_the_help_lists_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run(["--help"])
    assert "5 running, but a part is not well" in " ".join(capsys.readouterr().out.split())


def test_outside_a_project_the_exit_code_is_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--project", str(tmp_path), "status"]) == 2
    assert "remedy:" in capsys.readouterr().err


def test_status_without_a_stack_is_4(root: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--project", root, "status"]) == 4
    assert "staticfire up" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["apply", "destroy", "reset", "logs", "env"])
def test_commands_that_need_a_running_stack_say_so(root: str, command: str) -> None:
    assert run(["--project", root, command]) == 4


def test_down_without_a_stack_is_no_error(root: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--project", root, "down"]) == 0
    assert "Nothing was running." in capsys.readouterr().err


def test_an_unknown_stack_is_2_and_names_the_nearest(root: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--project", root, "up", "shp"]) == 2
    assert "Did you mean 'shop'?" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["up", "build"])
def test_an_unknown_stack_with_no_near_one_can_be_named_right_too(
    root: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--project", root, command, "nope"]) == 2
    assert "the stacks are: shop" in (said := capsys.readouterr().err)
    assert (
        "remedy: Name one of these or a Terraform root, or describe a new one: [stacks.nope] in staticfire.toml."
        in said
    )


def test_status_prints_words_and_not_pythons_own_form_of_values() -> None:
    assert [_in_words(value) for value in (True, False, ["3.12", "3.13"], [], None, 7, "x")] == [
        *("yes", "no", "3.12 3.13", "none", "none", "7", "x")
    ]


def test_verbose_may_stand_after_up_too() -> None:
    """Terraform's -var begins like it."""
    for arguments in (["-v", "up"], ["up", "-v"], ["-v", "up", "-var", "a=1"]):
        assert _parser().parse_args(arguments).verbose
    assert not _parser().parse_args(["up", "-var", "a=1"]).verbose


def test_an_unknown_target_is_2(root: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--project", root, "up", "--target", "moon"]) == 2
    assert "embedded" in capsys.readouterr().err


def test_a_second_command_is_7(root: str, capsys: pytest.CaptureFixture[str]) -> None:
    state = Path(root) / ".staticfire"
    with command_lock(Layout(state, state), "up"):
        assert run(["--project", root, "down"]) == 7
    assert f"pid {os.getpid()}: staticfire up" in capsys.readouterr().err


def test_a_port_that_a_stranger_holds_is_7_and_nothing_is_started(
    root: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        assert run(["--project", root, "up", "--detach", "--port", str(port)]) == 7
    said = capsys.readouterr().err
    assert f"pid {os.getpid()}" in said
    assert "STATICFIRE_PORT" in said
    assert not (Path(root) / ".staticfire" / "postgres").exists()


@pytest.fixture
def examined(root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A project for the doctor, who counts the bytes of its cache: it is no user's, of a hundred thousand files."""
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "wheel").write_bytes(bytes(3 * 2**20))
    monkeypatch.setenv("STATICFIRE_CACHE_DIR", str(tmp_path / "cache"))
    return root


def test_doctor_answers_for_every_check_and_fails_only_for_what_is_needed(
    examined: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATICFIRE_TERRAFORM", "/nowhere/terraform")
    assert run(["--project", examined, "doctor", "--json"]) == 3
    answers = json.loads(capsys.readouterr().out)
    assert not answers["Terraform"]["ok"]
    assert answers["Terraform"]["remedy"]
    assert answers["Python"]["ok"]
    assert answers["Cache"]["result"].endswith("cache, 3 MiB")


def test_since_refuses_what_is_not_a_length_of_time(root: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        run(["--project", root, "logs", "--since", "yesterday"])
    assert end.value.code == 2
    assert "argument --since: 'yesterday' is not a length of time: write " in capsys.readouterr().err


def _doctor(root: str) -> list[str]:
    return [sys.executable, "-m", "staticfire", "--project", root, "doctor"]


def test_a_reader_that_has_enough_is_no_failure_to_show(examined: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        answer = subprocess.run(_doctor(examined), stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    finally:
        os.close(writing)
    assert (answer.returncode, answer.stderr) == (141, "")


def test_closed_standard_streams_change_nothing(examined: str) -> None:
    answer = subprocess.run(
        ["sh", "-c", '"$@" <&- >&- 2>&-; echo $?', "sh", *_doctor(examined)], stdout=subprocess.PIPE
    )
    expected = subprocess.run(_doctor(examined), capture_output=True, check=False).returncode
    assert answer.stdout == f"{expected}\n".encode()


def test_a_directory_that_cannot_be_written_is_an_error_and_no_traceback(
    root: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STATICFIRE_STATE_DIR", "/dev/null/state")
    assert run(["--project", root, "down"]) == 1
    assert "/dev/null/state" in capsys.readouterr().err


ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("goals", "command"),
    [(["up"], "up --detach"), (["up", "shop"], "up --detach shop"), (["up", "all", "test"], "up --detach all")],
)
def test_make_up_takes_the_names_of_stacks(goals: list[str], command: str) -> None:
    said = subprocess.run(["make", "-n", "-C", ROOT, *goals], capture_output=True, text=True, check=True).stdout
    assert [line.partition("staticfire ")[2].strip() for line in said.splitlines() if "staticfire up" in line] == [
        command
    ]


def test_another_goal_that_make_does_not_know_is_still_an_error() -> None:
    assert subprocess.run(["make", "-n", "-C", ROOT, "tset"], capture_output=True, check=False).returncode == 2


def test_up_without_terraform_starts_nothing(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATICFIRE_TERRAFORM", "no-such-terraform")
    assert run(["--project", root, "up"]) == 3
    assert not (Path(root) / ".staticfire").exists()


def test_packages_are_built_without_anything_running(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    toml = "[stacks.shop]\nroot = 'infra'\n[stacks.shop.zips.shop]\nsource = 'service'\n"
    root = project(toml).project
    (root / "service").mkdir()
    (root / "service" / "shop.py").write_text("handler = print\n")
    assert run(["--project", str(root), "build", "shop"]) == 0
    [built] = capsys.readouterr().out.split()
    assert Path(built).name == "shop.zip"
    assert zipfile.ZipFile(built).namelist()


def test_the_doctor_says_which_runtime_of_the_settings_cannot_run(
    examined: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STATICFIRE_RUNTIMES", "python3.13,java21")
    assert run(["--project", examined, "doctor"]) == 3
    said = capsys.readouterr().out
    assert "FAIL  Runtimes: Functions of the runtime 'java21' cannot run here." in said
    assert "Correct the setting `runtimes`" in said


@pytest.mark.parametrize(
    ("flags", "terminal", "answer", "emptied"),
    [
        ([], True, "n", False),
        ([], True, "", False),
        ([], True, "y", True),
        (["--yes"], True, "n", True),
        ([], False, "n", True),
    ],
)
def test_reset_asks_where_somebody_can_answer(
    root: str, monkeypatch: pytest.MonkeyPatch, flags: list[str], terminal: bool, answer: str, emptied: bool
) -> None:
    class Edge:
        def reset(self) -> None:
            pass

    class Running:
        def edge(self) -> Edge:
            return Edge()

    calls: list[Any] = []

    def reset(chosen: list[Any]) -> list[str]:
        calls.append(chosen)
        return []

    monkeypatch.setattr(stacks, "require_well", lambda settings: Running())
    monkeypatch.setattr(stacks, "chosen_stacks", lambda settings, running: [])
    monkeypatch.setattr(stacks, "reset", reset)
    monkeypatch.setattr("builtins.input", lambda question: answer)
    monkeypatch.setattr("sys.stdin.isatty", lambda: terminal, raising=False)
    assert run(["--project", root, "reset", *flags]) == 0
    assert bool(calls) is emptied
