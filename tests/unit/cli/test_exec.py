"""`staticfire exec`: what is said before the command, its variables and its exit code, and what is left afterwards."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from staticfire.cli import exec as exec_module
from staticfire.cli.main import run
from staticfire.cli.use import Use
from staticfire.edge_client import Health
from staticfire.errors import ApplyError
from staticfire.progress import Progress
from staticfire.settings import Settings
from staticfire.stacks.stack import Stack
from staticfire.targets.base import Running

Project = Callable[[str], Settings]
RUNNING = Running("http://127.0.0.1:4566", "us-east-1", Health("running", "life-1", {}), None)


@dataclass
class Place:
    """A target that says what it is told to do."""

    running: Running | None = None
    log: list[str] = field(default_factory=list)

    def describe(self) -> Running | None:
        return self.running

    def undo(self, progress: Progress) -> None:
        self.log.append("undo")


@pytest.fixture
def settings(project: Project) -> Settings:
    made = project("[stacks.one]\nroot = 'infra'\n[stacks.two]\nroot = 'infra'\ndefault = false\n")
    (made.project / "infra").mkdir()
    return made


@pytest.fixture
def place(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A target in the place of a real one, whose start and end are noted down (tests/integration has real ones)."""
    place = Place()

    def start(settings: Settings, where: Place, names: Sequence[str], display: Progress) -> tuple[Running, list[Stack]]:
        place.log.append(f"up {' '.join(names)}")
        return RUNNING, [Stack(settings, name, RUNNING) for name in names]

    def end(settings: Settings, verbose: bool) -> int:
        place.log.append("down")
        return 0

    monkeypatch.setattr(exec_module, "target", lambda settings: place)
    monkeypatch.setattr(exec_module, "check_tools", lambda settings, names: None)
    monkeypatch.setattr(exec_module, "start_and_apply", start)
    monkeypatch.setattr(exec_module, "end", end)
    monkeypatch.setattr(Stack, "shell_variables", lambda stack: {"TF_VAR_of": stack.name})
    monkeypatch.setattr(Stack, "present", None)
    return place


def execute(settings: Settings, *words: str) -> int:
    return run(["--project", str(settings.project), "exec", *words])


def says(name: str) -> list[str]:
    """A command that tells its variable of that name, on its own output."""
    return [sys.executable, "-c", f"import os; print(os.environ.get({name!r}))"]


def test_what_was_down_is_up_meanwhile_and_down_again(
    settings: Settings, place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    assert execute(settings, "--", *says("AWS_ENDPOINT_URL")) == 0
    assert place.log == ["up one", "down"]
    assert capfd.readouterr().out == "http://127.0.0.1:4566\n"


def test_what_was_up_stays(settings: Settings, place: Place) -> None:
    place.running = RUNNING
    assert execute(settings, "--", "true") == 0
    assert place.log == ["up one"]


def test_the_variables_are_those_of_the_first_stack_that_is_named(
    settings: Settings, place: Place, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "somebody's own")
    assert execute(settings, "two", "one", "--", *says("TF_VAR_of")) == 0
    assert execute(settings, "two", "--", *says("AWS_PROFILE")) == 0
    assert capfd.readouterr().out == "two\nNone\n"


@pytest.mark.parametrize(("script", "code"), [("exit 7", 7), ("kill -TERM $$", 143)])
def test_the_exit_code_is_the_commands(settings: Settings, place: Place, script: str, code: int) -> None:
    assert execute(settings, "--", "sh", "-c", script) == code
    assert place.log[-1] == "down"


def test_flags_and_dashes_of_the_command_are_its_own(
    settings: Settings, place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    assert execute(settings, "--", "echo", "--project", "up", "--", "-v") == 0
    assert capfd.readouterr().out == "--project up -- -v\n"


@pytest.mark.parametrize("words", [(), ("--",), ("one",)])
def test_without_a_command_it_says_how(
    settings: Settings, place: Place, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(settings, *words) == 2
    assert "after two dashes" in capsys.readouterr().err
    assert place.log == []


@pytest.mark.parametrize("words", [("--", "no-such-program"), ("three", "--", "true")])
def test_what_is_wrong_is_said_before_anything_starts(
    settings: Settings, place: Place, words: tuple[str, ...], tmp_path: Path
) -> None:
    assert execute(settings, *words) == 2
    assert "up" not in " ".join(place.log)


def test_a_script_whose_interpreter_is_missing_is_127_and_the_stack_is_down_again(
    settings: Settings, place: Place, tmp_path: Path
) -> None:
    script = tmp_path / "script"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    assert execute(settings, "--", str(script)) == 127
    assert place.log == ["up one", "down"]


def test_an_apply_that_fails_leaves_nothing_up_and_runs_nothing(
    settings: Settings, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ApplyError("no")

    monkeypatch.setattr(exec_module, "start_and_apply", fail)
    assert execute(settings, "--", "touch", str(tmp_path / "ran")) == ApplyError.exit_code
    assert place.log == ["undo"]
    assert not (tmp_path / "ran").exists()


def ends(use: Use) -> bool:
    with use.ended() as alone:
        return alone


def test_the_last_one_that_uses_it_ends_what_the_first_one_started(settings: Settings) -> None:
    settings.state_dir.mkdir()
    first, second = Use(settings), Use(settings)
    first.begin(starts=True)
    second.begin(starts=False)
    assert not ends(first)
    assert ends(second)


def test_what_a_user_brought_up_meanwhile_stays(settings: Settings) -> None:
    settings.state_dir.mkdir()
    use = Use(settings)
    use.begin(starts=True)
    Use.of_a_user(settings)
    assert not ends(use)


def test_one_that_never_began_ends_nothing(settings: Settings) -> None:
    settings.state_dir.mkdir()
    Use(settings).begin(starts=True)
    assert not ends(Use(settings))
