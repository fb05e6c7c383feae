"""`staticfire build`: the packages that Terraform deploys, as `up` makes them; nothing has to run."""

from __future__ import annotations

import argparse

from staticfire.layout import Layout
from staticfire.settings import Settings
from staticfire.stacks.packages import build


def configure(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_build)
    parser.add_argument(
        "stacks", nargs="*", metavar="stack", help="all: every one (default: those with default = true)"
    )


def _build(settings: Settings, arguments: argparse.Namespace) -> int:
    layout = Layout.of(settings)
    for name in settings.chosen(arguments.stacks):
        for path in build(settings.stack(name).zips, layout).values():
            print(path)
    return 0
