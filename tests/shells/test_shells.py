"""Completions in the shells themselves, each set up as `staticfire completion --help` says: zsh, fish, bash at a Tab.

`tox -e shells` needs all three (`apt-get install zsh fish`), so it is apart from the unit suite: a missing shell is a
failure here, not a skip.
"""

from __future__ import annotations

import contextlib
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from staticfire.host.waiting import wait_until

LINES = {
    "staticfire ex": "staticfire exec",
    "staticfire up --det": "staticfire up --detach",
    "staticfire up --target con": "staticfire up --target containers",
    "staticfire exec sho": "staticfire exec shop",
    "staticfire exec shop -- cat READ": "staticfire exec shop -- cat README",
}
# ^G writes down what the line is; a widget of ours runs after the Tab has been dealt with.
ZSHRC = """
eval "$(staticfire completion zsh)"
report() { print -r -- "$BUFFER" >> $REPORT }
zle -N report
bindkey '^G' report
bindkey '^U' kill-whole-line
PROMPT=
: > $REPORT.ready
"""
BASHRC = """
eval "$(staticfire completion bash)"
report() { printf '%s\\n' "$READLINE_LINE" >> "$REPORT"; }
bind -x '"\\C-g": report'
bind '"\\C-u": kill-whole-line'
PS1=
: > "$REPORT.ready"
"""


@pytest.fixture
def variables(tmp_path: Path) -> Mapping[str, str]:
    """A home directory, a project with the stack shop, and the command on the PATH."""
    program = tmp_path / "bin" / "staticfire"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m staticfire "$@"\n')
    program.chmod(0o755)
    project = tmp_path / "project"
    (project / "infra").mkdir(parents=True)
    (project / "staticfire.toml").write_text("[stacks.shop]\nroot = 'infra'\n")
    (project / "README").touch()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("STATICFIRE_", "ZDOTDIR"))}
    path = f"{program.parent}{os.pathsep}{kept['PATH']}"
    return {**kept, "PATH": path, "HOME": str(tmp_path), "TERM": "dumb", "REPORT": str(tmp_path / "report")}


def shell(name: str) -> str:
    path = shutil.which(name)
    assert path is not None, f"{name} is not installed; `apt-get install {name}` or `brew install {name}`"
    return path


@contextlib.contextmanager
def typing(command: list[str], variables: Mapping[str, str]) -> Iterator[Callable[[str], str]]:
    """An interactive shell at a terminal; what its line is after keys were typed, and a Tab."""
    report = Path(variables["REPORT"])
    ready = report.with_name("report.ready")
    ours, its = pty.openpty()
    with subprocess.Popen(
        command,
        stdin=its,
        stdout=its,
        stderr=its,
        env=variables,
        cwd=Path(variables["HOME"], "project"),
        start_new_session=True,
    ) as process:
        os.close(its)

        def press(keys: str) -> str:
            report.unlink(missing_ok=True)
            os.write(ours, f"\x15{keys}\t\x07".encode())
            assert wait_until(lambda: report.exists() and report.read_text().endswith("\n"), 60, 0.05), screen()
            return report.read_text().rstrip()

        def screen() -> str:
            os.set_blocking(ours, False)
            return os.read(ours, 65536).decode(errors="replace")

        try:
            assert wait_until(ready.exists, 60, 0.05), screen()
            yield press
        finally:
            process.kill()
            os.close(ours)


def test_zsh_completes_at_a_tab(variables: Mapping[str, str]) -> None:
    Path(variables["HOME"], ".zshrc").write_text(ZSHRC)
    with typing([shell("zsh"), "-d", "-i"], variables) as press:
        assert {line: press(line) for line in LINES} == LINES


def test_bash_completes_at_a_tab(variables: Mapping[str, str]) -> None:
    Path(variables["HOME"], ".bashrc").write_text(BASHRC)
    with typing([shell("bash"), "--rcfile", str(Path(variables["HOME"], ".bashrc")), "-i"], variables) as press:
        assert {line: press(line) for line in LINES} == LINES


def test_fish_completes(variables: Mapping[str, str]) -> None:
    """`complete -C` is what fish offers at a Tab: the last word, then what it means."""
    script = "staticfire completion fish | source; for line in $argv; complete -C $line; echo; end"
    done = subprocess.run(
        [shell("fish"), "--no-config", "-c", script, *LINES],
        env=variables,
        cwd=Path(variables["HOME"], "project"),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    offered = [answer.split("\t")[0].strip() for answer in done.stdout.strip().split("\n") if answer]
    assert offered == [line.split()[-1] for line in LINES.values()], done.stderr
