"""The states of a build, made by commands that succeed, fail or are killed."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from staticfire.errors import StaticfireError
from staticfire.native import LOG, SCRATCH, Workshop, attempt, made, names


class Recipe:
    """Makes a file by `command`, and counts how often it was asked to."""

    def __init__(self, root: Path, command: str) -> None:
        self.root = root
        self.command = command
        self.compilers = {"CC": "sh"}
        self.tries = 0

    def make(self, workshop: Workshop) -> Iterable[str]:
        self.tries += 1
        (workshop.scratch / "object").touch()
        workshop.run(["sh", "-c", self.command], directory=workshop.root, variables={"PATH": "/usr/bin:/bin"})
        return ["made"]

    def build(self) -> Path:
        return made(self.root, lambda: self.compilers, self.make)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "build-1"


def test_a_build_is_made_once_names_what_it_made_and_leaves_no_scratch(root: Path) -> None:
    recipe = Recipe(root, "echo it > made")
    assert [recipe.build(), recipe.build()] == [root, root]
    assert recipe.tries == 1
    assert names(root) == ["made"]
    assert not (root / SCRATCH).exists()


def test_a_complete_build_needs_no_compiler(root: Path) -> None:
    Recipe(root, "echo it > made").build()

    def find() -> dict[str, str]:
        raise StaticfireError("There is no C compiler.")

    assert made(root, find, lambda _: []) == root


def test_what_a_killed_build_left_is_thrown_away_and_built_again(root: Path) -> None:
    (root / SCRATCH).mkdir(parents=True)
    (root / "half").touch()
    Recipe(root, "test ! -e half && touch made").build()
    assert sorted(path.name for path in root.iterdir()) == [LOG, "complete", "made"]


def test_a_failed_build_keeps_its_log_and_is_not_tried_again_with_the_same_compilers(root: Path) -> None:
    recipe = Recipe(root, "echo no such type; false")
    for _ in range(2):
        with pytest.raises(StaticfireError, match=rf"Compiling it failed: {root / LOG}"):
            recipe.build()
    assert recipe.tries == 1
    assert "no such type" in (root / LOG).read_text()
    assert not (root / SCRATCH).exists()
    recipe.compilers = {"CC": "sh -e"}
    recipe.command = "touch made"
    assert recipe.build() == root


def test_a_failed_build_is_tried_again_once_its_directory_is_deleted(root: Path) -> None:
    recipe = Recipe(root, "false")
    with pytest.raises(StaticfireError) as failed:
        recipe.build()
    assert f"Delete {root}" in failed.value.remedy
    shutil.rmtree(root)
    recipe.command = "touch made"
    assert recipe.build() == root


def test_a_build_whose_command_was_killed_is_remembered_as_nothing(root: Path) -> None:
    recipe = Recipe(root, "kill -9 $$")
    with pytest.raises(StaticfireError, match="ended by the signal 9"):
        recipe.build()
    assert not root.exists()
    recipe.command = "touch made"
    assert recipe.build() == root


def test_a_build_that_never_came_to_its_compiler_is_remembered_as_nothing(root: Path) -> None:
    def unreachable(workshop: Workshop) -> Iterable[str]:
        raise StaticfireError("The sources cannot be fetched.")

    with pytest.raises(StaticfireError, match="cannot be fetched"):
        made(root, lambda: {"CC": "sh"}, unreachable)
    assert not root.exists()


def test_a_build_that_the_user_interrupts_ends_the_up(root: Path) -> None:
    # A shell that was started with the signal ignored cannot die of it.
    interrupted = "import os, signal; signal.signal(signal.SIGINT, signal.SIG_DFL); os.kill(os.getpid(), signal.SIGINT)"
    with pytest.raises(KeyboardInterrupt):
        Recipe(root, f"exec '{sys.executable}' -c '{interrupted}'").build()
    assert not root.exists()


def test_a_build_that_fails_on_a_full_disk_is_remembered_as_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = shutil.disk_usage(root.parent)._replace(free=5 << 20)
    recipe = Recipe(root, "echo No space left on device; false")
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: full)
        with pytest.raises(StaticfireError, match="only 5 MB are free") as failed:
            recipe.build()
    assert "Free 100 MB" in failed.value.remedy
    assert not root.exists()
    recipe.command = "touch made"
    assert recipe.build() == root


def test_a_note_says_what_is_so_without_it_why_and_what_to_do() -> None:
    def make() -> Path:
        raise StaticfireError("There is no make.\nAnd more.", remedy="Install it.")

    assert attempt(make, "It is slower.").note == "It is slower. There is no make. Install it."
