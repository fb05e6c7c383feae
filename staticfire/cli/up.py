"""`staticfire up`: start what does not run yet, apply the stacks, say how to reach them.

What it starts outlives it: the edge and Postgres are detached processes (see targets/). `--detach` ends the command
once all is up; without it, on a terminal, the functions' logs follow until Ctrl-C, which ends the stack as `down` does,
and the sources are watched (stacks/watch.py).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from staticfire.console.process import ConsoleProcess
from staticfire.errors import StaticfireError, UsageError
from staticfire.host.locks import command_lock
from staticfire.layout import Layout
from staticfire.progress import Progress, progress
from staticfire.settings import FILE, Settings
from staticfire.stacks.options import check_variables, remember
from staticfire.stacks.packages import build
from staticfire.stacks.stack import Stack
from staticfire.stacks.terraform.finding import find_provider, find_terraform
from staticfire.stacks.terraform.working_copy import in_order
from staticfire.targets.base import TARGETS, Running, Target, target
from staticfire.toolchain.runtimes import runtimes_in_use

from .down import end
from .logs import print_logs
from .stacks import bring_up, what_may_be_applied
from .summary import as_object, own_name, print_summary
from .use import Use
from .watch import applies, watch_stacks


def configure(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_up)
    default = "those with default = true"
    stacks = f"a stack, or the directory of a Terraform root; all: every one (default: {default}, or the only root)"
    parser.add_argument("stacks", nargs="*", metavar="stack", help=stacks)
    var_file = "a file of variables for Terraform, besides those that it reads by itself"
    repeated: dict[str, Any] = {"action": "append", "default": []}
    parser.add_argument("-var-file", "--var-file", type=Path, metavar="FILE", help=var_file, **repeated)
    var = "a variable for Terraform"
    parser.add_argument("-var", "--var", metavar="NAME=VALUE", help=var, **repeated)
    parser.add_argument("--detach", action="store_true", help="end once all is up, instead of following the logs")
    parser.add_argument("--no-watch", action="store_true", help="do not put what you save into the functions at once")
    applies(parser)
    parser.add_argument("--json", action="store_true", help="print one object instead of text; implies --detach")
    targets = ", ".join(TARGETS)
    parser.add_argument("--target", metavar="NAME", help=f"where to run: {targets} (default: the setting `target`)")
    what_may_be_applied(parser)
    parser.add_argument("--port", help="the edge's port (default: the setting `port`)")


def _up(settings: Settings, arguments: argparse.Namespace) -> int:
    names = in_order(settings, settings.chosen(arguments.stacks))
    settings = remember(settings, names, _existing(arguments.var_file), arguments.var)
    check_variables(settings, names)
    if settings.file is None and not arguments.json:
        print_assumed(settings, names)
    check_tools(settings, names)
    place = target(settings)
    follows = False
    try:
        with command_lock(Layout.of(settings), "up"), progress(verbose=arguments.verbose) as display:
            Use.of_a_user(settings)
            running, stacks = start_and_apply(settings, place, names, display)
        if arguments.json:
            print(json.dumps(as_object(settings, running), indent=2))
            return 0
        print_summary(settings, running, stacks)
        if not arguments.detach and sys.stdout.isatty():
            print("\nThe functions' logs follow. Ctrl-C ends the stack.", file=sys.stderr)
            follows = True
            _follow(settings, running, stacks, arguments)
    except KeyboardInterrupt:
        if follows:
            end(settings, arguments.verbose)
        else:
            undo(settings, place, arguments.verbose)
        raise
    return 0


def check_tools(settings: Settings, names: Sequence[str]) -> None:
    """What is missing is said before anything is started."""
    if names:
        find_provider(settings, find_terraform(settings))


def start_and_apply(
    settings: Settings, place: Target, names: Sequence[str], display: Progress
) -> tuple[Running, list[Stack]]:
    """Start what does not run yet, and apply these stacks in this order; the state directory is locked."""
    with ThreadPoolExecutor(1) as pool:
        building = pool.submit(_build, settings, names, display)
        running = place.start(display)
        console = _begin_console(settings)
        packages = building.result()
        stacks = [Stack(settings, name, running) for name in names]
        for stack in stacks:
            bring_up(stack, display, packages[stack.name])
        _await(console)
    return running, stacks


def undo(settings: Settings, place: Target, verbose: bool) -> None:
    """After an interrupt: end what was started there, and nothing that ran before."""
    with command_lock(Layout.of(settings), "up"), progress(verbose=verbose) as display:
        place.undo(display)
        if place.describe() is None:
            ConsoleProcess(settings).stop()


def _begin_console(settings: Settings) -> ConsoleProcess | None:
    """It starts while the stacks are applied."""
    if not settings.console:
        return None
    console = ConsoleProcess(settings)
    console.begin()
    return console


def _await(console: ConsoleProcess | None) -> None:
    """Nobody is without a stack because its page does not start."""
    if console is not None:
        try:
            console.wait()
        except StaticfireError as error:
            print(f"note: {error}", file=sys.stderr)


def _follow(settings: Settings, running: Running, stacks: Sequence[Stack], arguments: argparse.Namespace) -> None:
    """The logs, and the sources watched beside them."""
    since = time.time()
    if arguments.no_watch:
        print_logs(running, (), since, follow=True)
        return
    failed: list[Exception] = []

    def follow() -> None:
        try:
            print_logs(running, (), since, follow=True)
        except (
            StaticfireError,
            ClientError,
            BotoCoreError,
            OSError,
        ) as error:  # it ends the command, in the main thread
            failed.append(error)

    def look() -> None:
        if failed:
            raise failed[0]

    threading.Thread(target=follow, name="logs", daemon=True).start()
    watch_stacks(settings, stacks, arguments.apply, arguments.verbose, look)


def _existing(files: Sequence[Path]) -> list[Path]:
    for file in files:
        if not file.is_file():
            raise UsageError(f"The file of variables {file} does not exist.", checked=[str(file.resolve())])
    return [file.resolve() for file in files]


def print_assumed(settings: Settings, names: Sequence[str]) -> None:
    """What is taken from the Terraform itself, where no file says it."""
    if (settings.project / FILE).exists():
        print(f"No stacks in {FILE}: the Terraform says what they are.", file=sys.stderr)
    else:
        print(f"No {FILE}: the Terraform says what it would. `{own_name()} init` writes it down.", file=sys.stderr)
    for name in names:
        stack = settings.stack(name)
        print(f"  stack {name}: {os.path.relpath(stack.root)}, {_runtimes(settings)}", file=sys.stderr)
        assigned = [assignment.partition("=")[0] for assignment in stack.assignments]
        for what, values in (("-var-file", stack.var_files), ("-var", assigned)):
            if values:
                print(f"  {what}: {', '.join(str(value) for value in values)}", file=sys.stderr)


def _runtimes(settings: Settings) -> str:
    return f"functions on {', '.join(runtimes_in_use(settings))}; no database of its own, no packages"


def _build(settings: Settings, names: Sequence[str], display: Progress) -> Mapping[str, Mapping[str, Path]]:
    """Each stack's packages."""
    with display.step("Packages", brief=True) as step:
        packages = {name: build(settings, settings.stack(name)) for name in names}
        step.done(", ".join({path.name: path for paths in packages.values() for path in paths.values()}) or "none")
    return packages
