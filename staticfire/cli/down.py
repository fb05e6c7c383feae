"""`staticfire down`: end what runs."""

from __future__ import annotations

import argparse

from staticfire.host.locks import command_lock
from staticfire.layout import Layout
from staticfire.progress import progress
from staticfire.settings import Settings
from staticfire.targets.base import target


def configure(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=lambda settings, arguments: end(settings, arguments.verbose, wipe=arguments.wipe))
    parser.add_argument("--wipe", action="store_true", help="forget the data too")


def end(settings: Settings, verbose: bool, *, wipe: bool = False) -> int:
    """End what runs; the command's exit code."""
    with command_lock(Layout.of(settings), "down"), progress(verbose=verbose) as display:
        place = target(settings)
        if not place.stop(display):
            display.line("Nothing was running.")
        if wipe:
            place.wipe()
            display.line("The data is gone.")
    return 0
