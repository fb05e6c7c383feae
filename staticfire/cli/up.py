"""`staticfire up`: start what does not run yet, apply the stacks, say how to reach them.

What it starts outlives it: the edge and Postgres are detached processes (see targets/). `--detach` ends the command
once all is up; without it, on a terminal, the functions' logs follow until Ctrl-C, which ends the stack as `down` does.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from staticfire.host.locks import command_lock
from staticfire.layout import Layout
from staticfire.progress import Progress, progress
from staticfire.settings import Settings
from staticfire.stacks.packages import build
from staticfire.stacks.stack import Stack
from staticfire.stacks.terraform.finding import find_provider, find_terraform
from staticfire.targets.base import TARGETS, target

from .down import end
from .logs import print_logs
from .summary import as_object, print_summary


def configure(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_up)
    default = "those with default = true"
    parser.add_argument("stacks", nargs="*", metavar="stack", help=f"all: every one (default: {default})")
    parser.add_argument("--detach", action="store_true", help="end once all is up, instead of following the logs")
    parser.add_argument("--json", action="store_true", help="print one object instead of text; implies --detach")
    targets = ", ".join(TARGETS)
    parser.add_argument("--target", metavar="NAME", help=f"where to run: {targets} (default: the setting `target`)")
    parser.add_argument("--port", help="the edge's port (default: the setting `port`)")


def _up(settings: Settings, arguments: argparse.Namespace) -> int:
    names = settings.chosen(arguments.stacks)
    if names:
        find_provider(settings, find_terraform(settings))  # what is missing is said before anything is started
    layout = Layout.of(settings)
    place = target(settings)
    follows = False
    try:
        with command_lock(layout, "up"), progress(verbose=arguments.verbose) as display, ThreadPoolExecutor(1) as pool:
            building = pool.submit(_build, settings, names, layout, display)
            running = place.start(display)
            packages = building.result()
            stacks = [Stack(settings, name, running) for name in names]
            for stack in stacks:
                stack.up(display, packages[stack.name])
        if arguments.json:
            print(json.dumps(as_object(settings, running), indent=2))
            return 0
        print_summary(running, stacks)
        if not arguments.detach and sys.stdout.isatty():
            print("\nThe functions' logs follow. Ctrl-C ends the stack.", file=sys.stderr)
            follows = True
            print_logs(running, None, time.time(), follow=True)
    except KeyboardInterrupt:
        if follows:
            end(settings, arguments.verbose)
        else:
            with command_lock(layout, "up"), progress(verbose=arguments.verbose) as display:
                place.undo(display)
        raise
    return 0


def _build(
    settings: Settings, names: Sequence[str], layout: Layout, display: Progress
) -> Mapping[str, Mapping[str, Path]]:
    """Each stack's packages."""
    with display.step("Packages", brief=True) as step:
        packages = {name: build(settings.stack(name).zips, layout) for name in names}
        step.done(", ".join({path.name: path for paths in packages.values() for path in paths.values()}) or "none")
    return packages
