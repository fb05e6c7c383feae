"""`staticfire open`: the console, the page of the running stack, in a browser."""

from __future__ import annotations

import argparse
import webbrowser

from staticfire.console.process import ConsoleProcess
from staticfire.errors import StaticfireError
from staticfire.host.locks import command_lock
from staticfire.layout import Layout
from staticfire.settings import Settings
from staticfire.targets.base import require_running


def configure(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_open)
    parser.add_argument("--print", action="store_true", help="print its address, and open nothing")


def _open(settings: Settings, arguments: argparse.Namespace) -> int:
    require_running(settings)
    console = ConsoleProcess(settings)
    if console.address is None:
        with command_lock(Layout.of(settings), "open"):
            console.start()
    if arguments.print:
        print(console.address)
    elif not webbrowser.open(console.door().as_uri()):
        raise StaticfireError(
            "No browser was opened.",
            checked=["the variable BROWSER, and the browsers that Python's webbrowser knows"],
            remedy="Open the address that `staticfire open --print` prints.",
        )
    return 0
