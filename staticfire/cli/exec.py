"""`staticfire exec [STACK ...] -- COMMAND`: run a command with the stack up, and leave what runs as it was.

What it started it ends, once no other `exec` uses it. What ran before stays, with the stacks applied. Standard output
is the command's alone: what is said of the stack goes to standard error.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Sequence

from staticfire.errors import BusyError, StaticfireError, UsageError
from staticfire.host import foreground, interrupts
from staticfire.host.locks import command_lock
from staticfire.layout import Layout
from staticfire.progress import Progress, progress
from staticfire.settings import Settings
from staticfire.stacks.options import check_variables
from staticfire.stacks.stack import Stack, chosen_stacks
from staticfire.stacks.terraform.working_copy import in_order
from staticfire.targets.base import Running, target

from .down import end
from .env import misleading, variables_of
from .terminal import shown
from .up import check_tools, print_assumed, start_and_apply, undo
from .use import Use

NOT_STARTED, NOT_FOUND = 126, 127  # as shells have it


def configure(parser: argparse.ArgumentParser) -> None:
    parser.usage = "staticfire exec [-h] [stack ...] -- COMMAND [argument ...]"
    parser.set_defaults(command=_exec)
    default = "those that are up, else those with default = true"
    whose = f"the variables are those of the first (default: {default})"
    parser.add_argument("stacks", nargs="*", metavar="stack", help=f"which are up meanwhile; {whose}")


def _exec(settings: Settings, arguments: argparse.Namespace) -> int:
    command = list(arguments.program if "program" in arguments else ())
    if not command:
        raise UsageError(
            "There is no command to run.", remedy="Write it after two dashes: `staticfire exec -- pytest tests`."
        )
    if shutil.which(command[0]) is None:
        raise UsageError(
            f"There is no program {command[0]!r} that can be run.", checked=[f"PATH: {os.environ.get('PATH', '')}"]
        )
    use = Use(settings)
    try:
        variables = _brought_up(settings, arguments.stacks, use, arguments.verbose)
        code = _run(command, variables)
    except BaseException:
        _leave(settings, use, arguments.verbose)
        raise
    return _leave(settings, use, arguments.verbose, code)


def _brought_up(settings: Settings, names: Sequence[str], use: Use, verbose: bool) -> dict[str, str]:
    """Start and apply what is not up, as `up --detach` does; the variables of the command."""
    place = target(settings)
    layout = Layout.of(settings)
    starts = False
    try:
        with command_lock(layout, "exec"), progress(verbose=verbose) as display:
            running = place.describe()
            starts = running is None
            chosen = _chosen(settings, running, names)
            applied = in_order(settings, chosen)
            check_variables(settings, applied)
            check_tools(settings, applied)
            if settings.file is None and starts:
                print_assumed(settings, applied)
            use.begin(starts=starts)
            running, stacks = start_and_apply(settings, place, applied, display)
            return _variables(settings, running, stacks, chosen, display)
    except BaseException:
        if starts:
            undo(settings, place, verbose)
            Use.of_a_user(settings)  # nothing of it is left to be ended
        raise


def _chosen(settings: Settings, running: Running | None, names: Sequence[str]) -> list[str]:
    if names or running is None:
        return settings.chosen(names)
    return [stack.name for stack in chosen_stacks(settings, running)]


def _variables(
    settings: Settings, running: Running, stacks: Sequence[Stack], chosen: Sequence[str], display: Progress
) -> dict[str, str]:
    """This process's variables with those of the first stack that was named."""
    first = next((stack for stack in stacks if stack.name in chosen[:1]), None)
    for stack in stacks:
        for note in stack.notes:
            display.line(f"note: {stack.name}: {note}")
    led = variables_of(settings, running, first)
    dropped = misleading(led)
    return {name: value for name, value in os.environ.items() if name not in dropped} | dict(led)


def _run(command: Sequence[str], variables: dict[str, str]) -> int:
    try:
        return foreground.run(command, variables)
    except OSError as error:
        _say(f"{command[0]} cannot be started: {error}")
        return NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_STARTED


def _leave(settings: Settings, use: Use, verbose: bool, code: int = StaticfireError.exit_code) -> int:
    """End what `exec` started; the exit code. What fails here is told, and is not hidden by the command's success."""
    try:
        with interrupts.held(), use.ended() as alone:
            if alone:
                end(settings, verbose)
                Use.of_a_user(settings)
    except BusyError as error:
        _say(f"what was started stays up: {error}")
    except StaticfireError as error:
        _say(f"what was started was not ended: {error}")
        return code or error.exit_code
    return code


def _say(text: str) -> None:
    print(shown(f"staticfire: {text}", sys.stderr), file=sys.stderr)
