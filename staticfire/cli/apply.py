"""`staticfire apply` and `staticfire destroy`: Terraform, now."""

from __future__ import annotations

import argparse

from staticfire.host.locks import command_lock
from staticfire.layout import Layout
from staticfire.progress import progress
from staticfire.settings import Settings
from staticfire.stacks.stack import chosen_stacks
from staticfire.targets.base import require_well


def configure(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_apply)
    parser.add_argument("stacks", nargs="*", metavar="stack", help="all: every one (default: those that are up)")


def configure_destroy(parser: argparse.ArgumentParser) -> None:
    configure(parser)
    parser.set_defaults(command=_destroy)


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
