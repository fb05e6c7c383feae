"""Completions as a shell asks for them: commands, flags, stacks, functions; from files alone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from staticfire.host.files import write_json
from staticfire.layout import Layout
from staticfire.settings import Settings

Project = Callable[[str], Settings]


@pytest.fixture
def settings(project: Project) -> Settings:
    return project("[stacks.shop]\nroot = 'infra'\n[stacks.shelf]\nroot = 'infra'\n")


def offered(directory: Path, line: str) -> set[str]:
    """What is offered at the end of a line; asked as argcomplete's own shell function does."""
    answer = directory.parent / "answer"
    variables = {
        **{name: value for name, value in os.environ.items() if not name.startswith("STATICFIRE_")},
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_SUPPRESS_SPACE": "1",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
        "_ARGCOMPLETE_IFS": "\n",
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
        "COMP_TYPE": "9",
    }
    answer.write_text("")
    subprocess.run(
        [sys.executable, "-m", "staticfire"], cwd=directory, env=variables, capture_output=True, check=True, timeout=60
    )
    return {word.strip() for word in answer.read_text().split("\n") if word}


def test_commands_and_their_flags(settings: Settings) -> None:
    assert offered(settings.project, "staticfire ex") == {"exec"}
    assert offered(settings.project, "staticfire up --det") == {"--detach"}
    assert offered(settings.project, "staticfire up --target con") == {"containers"}


def test_stacks(settings: Settings, tmp_path: Path) -> None:
    assert {"shop", "shelf", "all"} <= offered(settings.project, "staticfire up ")
    assert offered(settings.project, "staticfire exec sho") == {"shop"}
    outside = f"staticfire --project {settings.project} apply she"
    assert offered(tmp_path, outside) == {"shelf"}


def test_of_another_programs_words_nothing_is_ours(settings: Settings) -> None:
    (settings.project / "shot.png").touch()
    assert offered(settings.project, "staticfire exec shop -- open sho") == {"shot.png"}


def test_functions_where_a_stack_runs(settings: Settings) -> None:
    layout = Layout.of(settings)
    made = [{"kind": "function", "name": "shop-api"}, {"kind": "table", "name": "shop-plans"}]
    path = layout.applied("000000000000", "shop")
    path.parent.mkdir(parents=True)
    write_json(path, {"fingerprint": "f", "instance": "i", "outputs": {}, "made": made})
    assert "shop-api" not in offered(settings.project, "staticfire debug ")
    write_json(layout.edge, {})
    assert "shop-api" in offered(settings.project, "staticfire debug ")
    assert offered(settings.project, "staticfire logs --function sh") == {"shop-api"}
    path.write_text("damaged")
    assert offered(settings.project, "staticfire logs --function sh") == set()


def test_a_broken_file_offers_nothing_and_says_nothing(settings: Settings) -> None:
    (settings.project / "staticfire.toml").write_text("[")
    assert offered(settings.project, "staticfire exec sh") == set()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_what_a_shell_reads_is_printed_without_a_project(tmp_path: Path, shell: str) -> None:
    command = [sys.executable, "-m", "staticfire", "completion", shell]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "_ARGCOMPLETE" in done.stdout
    assert "staticfire" in done.stdout


def test_bash_takes_it_and_completes(settings: Settings) -> None:
    script = """
    eval "$("$1" -m staticfire completion bash)"
    complete -p staticfire
    """
    done = subprocess.run(
        ["bash", "-c", script, "bash", sys.executable], capture_output=True, text=True, check=True, cwd=settings.project
    )
    assert "_python_argcomplete" in done.stdout


def test_no_other_command_waits_for_argcomplete() -> None:
    script = "import sys, staticfire.cli.main; sys.exit('argcomplete' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)
