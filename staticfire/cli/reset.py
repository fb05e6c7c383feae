"""`staticfire reset`: empty the stacks' data, and what the edge holds of them."""

from __future__ import annotations

import argparse

from staticfire.edge_client import EdgeClient
from staticfire.host.locks import command_lock
from staticfire.layout import Layout
from staticfire.progress import progress
from staticfire.settings import Settings
from staticfire.stacks.reset import reset
from staticfire.stacks.stack import chosen_stacks
from staticfire.targets.base import require_well


def configure(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_reset)


def _reset(settings: Settings, arguments: argparse.Namespace) -> int:
    with command_lock(Layout.of(settings), "reset"), progress(verbose=arguments.verbose) as display:
        running = require_well(settings)
        with display.step("Reset"):
            reset(chosen_stacks(settings, running))
            EdgeClient(running.endpoint).reset()
    return 0
