"""`staticfire build`, `apply`, `destroy` and `reset`: one thing at a time of what `up` does to stacks, or undoes."""

from __future__ import annotations

import argparse

from staticfire.host.locks import command_lock
from staticfire.layout import Layout
from staticfire.progress import progress
from staticfire.settings import Settings
from staticfire.stacks.packages import build
from staticfire.stacks.reset import reset
from staticfire.stacks.stack import chosen_stacks
from staticfire.targets.base import require_well


def configure_build(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_build)
    default = "those with default = true"
    parser.add_argument("stacks", nargs="*", metavar="stack", help=f"all: every one (default: {default})")
    for_aws = "native wheels for the architecture that the Terraform names (default: for this machine's)"
    parser.add_argument("--for-aws", action="store_true", help=for_aws)


def configure_apply(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_apply)
    allow_unsupported(parser)
    _some_stacks(parser)


def allow_unsupported(parser: argparse.ArgumentParser) -> None:
    text = "apply what cannot run here too, as a function in Node; each use of it fails"
    parser.add_argument("--allow-unsupported", action="store_const", const=True, help=text)


def _some_stacks(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("stacks", nargs="*", metavar="stack", help="all: every one (default: those that are up)")


def configure_destroy(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_destroy)
    _some_stacks(parser)


def configure_reset(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_reset)


def _build(settings: Settings, arguments: argparse.Namespace) -> int:
    for name in settings.chosen(arguments.stacks):
        for path in build(settings, settings.stack(name), for_aws=arguments.for_aws).values():
            print(path)
    return 0


def _apply(settings: Settings, arguments: argparse.Namespace) -> int:
    with command_lock(Layout.of(settings), "apply"), progress(verbose=arguments.verbose) as display:
        for stack in chosen_stacks(settings, require_well(settings), arguments.stacks):
            stack.up(display, force=True)
    return 0


def _destroy(settings: Settings, arguments: argparse.Namespace) -> int:
    with command_lock(Layout.of(settings), "destroy"), progress(verbose=arguments.verbose) as display:
        for stack in chosen_stacks(settings, require_well(settings), arguments.stacks):
            stack.destroy(display)
    return 0


def _reset(settings: Settings, arguments: argparse.Namespace) -> int:
    with command_lock(Layout.of(settings), "reset"), progress(verbose=arguments.verbose) as display:
        running = require_well(settings)
        with display.step("Reset") as step:
            emptied = reset(chosen_stacks(settings, running))
            running.edge().reset()
            step.done("; ".join([*emptied, "mail and faults"]))
    return 0
