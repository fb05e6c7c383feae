"""`staticfire completion SHELL`: what has a shell complete commands, flags, stacks, and functions of a running stack.

A shell asks at each Tab, so nothing is called: the settings' file and the records of what was applied say it.
"""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from staticfire.errors import StaticfireError
from staticfire.host.files import read_json
from staticfire.layout import Layout
from staticfire.settings import ALL, Settings, load
from staticfire.targets.base import TARGETS

SHELLS = ("bash", "zsh", "fish")
# A .zshrc that never set up completions has no compdef. What comes first says what zsh autoloads the text for.
ZSH_SETS_UP = ("(( ${+functions[compdef]} )) || { autoload -Uz compinit && compinit -u }",)
STACKS = ("stack", "stacks")
FUNCTIONS = ("function", "functions")


class _Print(argparse.Action):
    """Done while words are parsed, as `--version` is: it needs no project."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, shell: Any, *_: Any) -> None:
        from argcomplete.shell_integration import shellcode  # not at the top, here and below: no other waits for it

        first, rest = shellcode(["staticfire"], shell=shell).split("\n", 1)
        print(first, *(ZSH_SETS_UP if shell == "zsh" else ()), rest, sep="\n")
        parser.exit()


def configure(parser: argparse.ArgumentParser) -> None:
    lines = 'bash and zsh: eval "$(staticfire completion zsh)"; fish: staticfire completion fish | source'
    parser.add_argument("shell", action=_Print, choices=SHELLS, help=f"in the shell's own file, for {lines}")


def complete(parser_of: Callable[[Sequence[str]], argparse.ArgumentParser]) -> None:
    """Answer the shell that asks, and end the process."""
    import argcomplete

    words = _words(os.environ.get("COMP_LINE", ""))
    of_another_program = "--" in words and "exec" in words[: words.index("--")]  # files are what is left for it
    parser = parser_of(words)
    for command, action in _actions(parser):
        completer = _completer(command, action.dest)
        if completer is not None and not action.choices and not of_another_program:
            action.completer = completer  # type: ignore[attr-defined]
    argcomplete.autocomplete(parser)


def _words(line: str) -> Sequence[str]:
    try:
        return shlex.split(line)
    except ValueError:  # a quote is open
        return line.split()


def _actions(parser: argparse.ArgumentParser) -> Iterable[tuple[str, argparse.Action]]:
    """Each with the command that it is of."""
    for action in parser._actions:
        yield parser.prog.rpartition(" ")[2], action
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _actions(command)


def _completer(command: str, dest: str) -> Callable[..., Iterable[str]] | None:
    if dest == "target":
        return lambda **_: TARGETS
    of_stacks = dest in STACKS or (command, dest) == ("url", "name")
    names = _stacks if of_stacks else _functions if dest in FUNCTIONS else None
    return None if names is None else lambda **of: names(_settings(of["parsed_args"]))


def _settings(arguments: Any) -> Settings | None:
    project: Path | None = getattr(arguments, "project", None)
    try:
        return load(project)
    except (StaticfireError, OSError):  # nobody wants an error at a Tab; the command itself tells it
        return None


def _stacks(settings: Settings | None) -> Iterable[str]:
    return () if settings is None else (*settings.stacks, ALL)


def _functions(settings: Settings | None) -> Iterable[str]:
    """Those that the last applies made, where something runs."""
    if settings is None or not Layout.of(settings).edge.exists():
        return ()
    names: set[str] = set()
    for path in Layout.of(settings).applied_records:
        try:
            record = read_json(path) or {}
        except StaticfireError:
            continue
        names |= {str(made["name"]) for made in record.get("made", ()) if made.get("kind") == "function"}
    return sorted(names)
