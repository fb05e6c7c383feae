from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from staticfire.errors import PrerequisiteError, StaticfireError
from staticfire.layout import Layout
from staticfire.settings import Settings
from staticfire.toolchain import runtimes as environments
from staticfire.toolchain.runtimes import nearest, wanted_runtimes
from staticfire.toolchain.venvs import Interpreter, environment, lock_file


def python(minor: int, micro: int = 0) -> Interpreter:
    return Interpreter((3, minor, micro), Path(f"/python3.{minor}"))


@pytest.mark.parametrize(
    ("wanted", "here", "chosen"),
    [
        ("python3.12", [11, 12, 13], "3.12"),
        ("python3.13", [10, 11], "3.11"),
        ("python3.9", [11, 12], "3.11"),
        ("python3.12", [11, 13], "3.13"),
    ],
)
def test_a_runtime_runs_on_its_own_python_else_on_the_nearest(wanted: str, here: list[int], chosen: str) -> None:
    known = {f"3.{minor}": python(minor) for minor in here}
    assert nearest(wanted, known).minor == chosen


def test_a_machine_without_any_fit_python_is_told_so() -> None:
    with pytest.raises(PrerequisiteError, match="No Python"):
        nearest("python3.13", {})


def test_the_python_that_runs_us_is_among_the_interpreters() -> None:
    interpreters = environments.interpreters()
    assert f"3.{sys.version_info[1]}" in interpreters


def test_a_shim_of_a_version_that_is_not_there_is_no_interpreter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shim = tmp_path / "python3.14"
    shim.write_text("#!/bin/sh\necho 'command not found' >&2\nexit 127\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert all(interpreter.path != shim for interpreter in environments.interpreters().values())


def test_the_runtimes_in_use_are_read_from_the_terraform_files(project: Callable[[str], Settings]) -> None:
    settings = project("[stacks.a]\nroot = 'infra/stacks/a'\n")
    for name, text in (("stacks/a/main.tf", 'runtime = "python3.9"'), ("modules/f/main.tf", 'default = "python3.13"')):
        path = settings.project / "infra" / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
    assert wanted_runtimes(settings) == ("python3.9", "python3.13")


def test_runtimes_of_the_settings_come_before_those_of_the_files(project: Callable[[str], Settings]) -> None:
    assert wanted_runtimes(project("[staticfire]\nruntimes = ['python3.12']\n")) == ("python3.12",)


def test_an_environment_is_built_once_and_again_when_its_build_was_killed(tmp_path: Path) -> None:
    layout = Layout(tmp_path, tmp_path)
    lock = tmp_path / "lock.txt"
    lock.write_text("# nothing\n")
    interpreter = environment("empty", lock, Path(sys.executable), layout)
    marker = interpreter.parent.parent / "marker"
    marker.touch()
    assert environment("empty", lock, Path(sys.executable), layout) == interpreter
    assert marker.exists()
    (interpreter.parent.parent / "complete").unlink()
    assert environment("empty", lock, Path(sys.executable), layout) == interpreter
    assert not marker.exists()


def test_another_lock_file_is_another_environment(tmp_path: Path) -> None:
    layout = Layout(tmp_path, tmp_path)
    lock = tmp_path / "lock.txt"
    lock.write_text("# one\n")
    first = environment("empty", lock, Path(sys.executable), layout)
    lock.write_text("# two\n")
    assert environment("empty", lock, Path(sys.executable), layout) != first


def test_a_requirement_without_a_hash_is_refused_with_pips_own_words(tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text("six==1.17.0\n")
    with pytest.raises(StaticfireError, match=r"(?s)cannot fill the environment broken.*hash"):
        environment("broken", lock, Path(sys.executable), Layout(tmp_path, tmp_path))


@pytest.mark.parametrize("name", ["ministack", "runtime", "postgres"])
def test_every_line_of_a_lock_has_hashes_and_none_names_an_index(name: str) -> None:
    text = lock_file(name).read_text()
    pins = [line for line in text.splitlines() if "==" in line]
    assert pins
    assert all(line.endswith("\\") for line in pins)
    assert "://" not in text
