"""`staticfire build`, `apply`, `destroy` and `reset`: one thing at a time of what `up` does to stacks, or undoes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from staticfire.host.locks import command_lock
from staticfire.layout import Layout
from staticfire.progress import Progress, progress
from staticfire.settings import Settings
from staticfire.stacks.live import settle
from staticfire.stacks.packages import build
from staticfire.stacks.reset import reset
from staticfire.stacks.stack import SAVE_SECONDS, Stack, chosen_stacks
from staticfire.targets.base import require_well
from staticfire.targets.copies import EMBEDDED, Copies


def configure_build(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_build)
    default = "those with default = true"
    parser.add_argument("stacks", nargs="*", metavar="stack", help=f"all: every one (default: {default})")
    for_aws = "native wheels for the architecture that the Terraform names (default: for this machine's)"
    parser.add_argument("--for-aws", action="store_true", help=for_aws)


def configure_apply(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_apply)
    what_may_be_applied(parser)
    _some_stacks(parser)


def what_may_be_applied(parser: argparse.ArgumentParser) -> None:
    group = parser.add_mutually_exclusive_group()
    text = "apply what cannot run here too, as a function in Java; each use of it fails"
    group.add_argument("--allow-unsupported", action="store_const", const=True, help=text)
    text = "refuse what is only described here, and what nobody tried"
    group.add_argument("--strict", action="store_const", const=True, help=text)


def _some_stacks(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("stacks", nargs="*", metavar="stack", help="all: every one (default: those that are up)")


def configure_destroy(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_destroy)
    _some_stacks(parser)


def configure_reset(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_reset)
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask, as where there is no terminal")


def _build(settings: Settings, arguments: argparse.Namespace) -> int:
    for name in settings.chosen(arguments.stacks):
        for path in build(settings, settings.stack(name), for_aws=arguments.for_aws).values():
            print(path)
    return 0


def _apply(settings: Settings, arguments: argparse.Namespace) -> int:
    with command_lock(Layout.of(settings), "apply"), progress(verbose=arguments.verbose) as display:
        for stack in chosen_stacks(settings, require_well(settings), arguments.stacks):
            bring_up(stack, display, force=True)
    return 0


def bring_up(
    stack: Stack, display: Progress, packages: Mapping[str, Path] | None = None, *, force: bool = False
) -> None:
    """Apply it, so that a crash in the middle is undone by the next `up`; the state directory is locked."""
    if stack.settings.target != EMBEDDED:
        stack.up(display, packages, force=force)
        settle(stack)
        return
    copies, edge = Copies(stack.settings), stack.running.edge(timeout=SAVE_SECONDS)
    try:
        stack.up(display, packages, force=force, before_apply=lambda: copies.remember(edge))
    except BaseException:
        health = edge.health()
        if health is not None and health.well:  # Terraform could write down what it made
            copies.forget()
        raise
    copies.forget()
    if settled := settle(stack):
        display.line(f"{stack.name}: {settled} that had been saved live have what Terraform deployed again")


def _destroy(settings: Settings, arguments: argparse.Namespace) -> int:
    with command_lock(Layout.of(settings), "destroy"), progress(verbose=arguments.verbose) as display:
        for stack in chosen_stacks(settings, require_well(settings), arguments.stacks):
            stack.destroy(display)
    return 0


def _reset(settings: Settings, arguments: argparse.Namespace) -> int:
    running = require_well(settings)
    stacks = chosen_stacks(settings, running)
    if not arguments.yes and sys.stdin.isatty():
        names = ", ".join(stack.name for stack in stacks) or "no stack"
        print(f"This empties the databases of {names}, and every table, bucket, queue and mail of the account.")
        if input("Empty them? [y/N] ").strip().lower() not in ("y", "yes"):
            print("Nothing was emptied.")
            return 0
    with (
        command_lock(Layout.of(settings), "reset"),
        progress(verbose=arguments.verbose) as display,
        display.step("Reset") as step,
    ):
        emptied = reset(stacks)
        running.edge().reset()
        # After the edge's own, which drops what functions were sent.
        seeded = [f"seed of {stack.name}: {said}" for stack in stacks if (said := stack.seed_again(step))]
        step.done("; ".join([*emptied, "mail and faults", *seeded]))
    return 0
