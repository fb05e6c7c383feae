"""`staticfire watch`, and what `up` does in the foreground: saved code goes into the running functions at once."""

from __future__ import annotations

import argparse
import os
import select
import sys
import threading
import time
from collections.abc import Callable, Sequence

from staticfire.errors import NotRunningError, StaticfireError
from staticfire.host.locks import command_lock
from staticfire.layout import Layout
from staticfire.progress import progress
from staticfire.settings import Settings
from staticfire.stacks.stack import Stack, chosen_stacks
from staticfire.targets.base import require_well

from .stacks import bring_up
from .terminal import shown

LOOK_SECONDS = 10.0


def configure(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_watch)
    parser.add_argument("stacks", nargs="*", metavar="stack", help="all: every one (default: those that are up)")
    applies(parser)


def applies(parser: argparse.ArgumentParser) -> None:
    text = "apply changes of the Terraform as they are saved, without a question"
    parser.add_argument("--apply", action="store_true", help=text)


def _watch(settings: Settings, arguments: argparse.Namespace) -> int:
    stacks = chosen_stacks(settings, require_well(settings), arguments.stacks)
    watch_stacks(settings, stacks, arguments.apply, arguments.verbose)
    return 0


def watch_stacks(
    settings: Settings, stacks: Sequence[Stack], applies: bool, verbose: bool, tick: Callable[[], None] = lambda: None
) -> None:
    """Until Ctrl-C, or until nothing runs any more. `tick` is called now and then; it may raise."""
    # Not at the top: `up --detach` does not wait for its import.
    from watchfiles._rust_notify import WatchfilesRustInternalError

    from staticfire.stacks.watch import Watcher

    def apply(stack: Stack) -> None:
        with command_lock(Layout.of(settings), "apply"), progress(verbose=verbose) as display:
            bring_up(stack, display)

    watcher = Watcher(stacks, _say, apply, applies=applies, asked=_entered)
    names = ", ".join(stack.name for stack in stacks) or "no stack"
    _say(f"watching the code of {names}: what you save runs at the next invocation")
    looked = time.monotonic()

    def look() -> None:
        nonlocal looked
        tick()
        if time.monotonic() - looked >= LOOK_SECONDS:
            looked = time.monotonic()
            for stack in stacks[:1]:
                if stack.running.edge().health() is None:
                    raise NotRunningError(
                        "What was watched does not run any more.", remedy="`staticfire up` starts it."
                    )

    try:
        watcher.run(threading.Event(), look)
    except (OSError, WatchfilesRustInternalError) as error:
        raise StaticfireError(
            f"The sources cannot be watched: {error}",
            remedy="Allow more watches (Linux: `sysctl fs.inotify.max_user_watches`), or have the files looked at in "
            "turn: WATCHFILES_FORCE_POLLING=1.",
        ) from error


def _say(text: str) -> None:
    moment = time.strftime("%H:%M:%S", time.localtime())
    print(shown(f"{moment} watch: {text}", sys.stderr), file=sys.stderr, flush=True)


def _entered() -> bool:
    """Whether Enter was pressed since the last call. In a shell's background the keys are somebody else's."""
    if not sys.stdin.isatty() or os.tcgetpgrp(sys.stdin.fileno()) != os.getpgrp():
        return False
    entered = False
    while select.select([sys.stdin], [], [], 0)[0] and sys.stdin.readline():
        entered = True
    return entered
