"""`staticfire down`: end what runs."""

from __future__ import annotations

import argparse

from staticfire.console.process import ConsoleProcess
from staticfire.host.files import remove_rotated
from staticfire.host.locks import command_lock
from staticfire.layout import Layout
from staticfire.progress import progress
from staticfire.settings import Settings
from staticfire.targets.base import target


def configure(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=lambda settings, arguments: end(settings, arguments.verbose, wipe=arguments.wipe))
    parser.add_argument("--wipe", action="store_true", help="forget the data too; snapshots stay")


def end(settings: Settings, verbose: bool, *, wipe: bool = False) -> int:
    """End what runs; the command's exit code."""
    layout = Layout.of(settings)
    with command_lock(layout, "down"), progress(verbose=verbose) as display:
        place = target(settings)
        ConsoleProcess(settings).stop()
        if not place.stop(display):
            display.line("Nothing was running.")
        if wipe:
            removed = ", ".join([*place.wipe(), *_forget_traces(settings)])
            display.line(f"The data is gone. Removed from {layout.state}: {removed or 'nothing'}.")
            if layout.snapshots.exists() and any(layout.snapshots.iterdir()):
                display.line(f"Snapshots stay, in {layout.snapshots}; `staticfire snapshot delete --all` deletes them.")
    return 0


def _forget_traces(settings: Settings) -> list[str]:
    """Headers and bodies of requests are data, too."""
    return [str(path) for path in remove_rotated(settings.traces_file)] if settings.traces_file else []
