"""`python -m staticfire.console CONFIG.json`: the console as a process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from pathlib import Path

from staticfire.edge.http1.server import serve
from staticfire.errors import StaticfireError
from staticfire.host.files import read_json, secret, write_json
from staticfire.layout import Layout
from staticfire.settings import Settings, load
from staticfire.stacks.options import remembered

from .api import ConsoleApi
from .perimeter import Perimeter
from .process import HOST, port_for
from .server import Console

GRACE_SECONDS = 1.0
LOOK_SECONDS = 5.0


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    if len(sys.argv) != 2:
        print("usage: python -m staticfire.console CONFIG.json", file=sys.stderr)
        return 2
    config = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    try:
        settings = load(Path(config["project"]), overrides=config["overrides"])
        asyncio.run(_serve(remembered(settings, settings)))
    except StaticfireError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


async def _serve(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    layout = Layout.of(settings)
    port = port_for(settings)
    console = Console(ConsoleApi(settings), Perimeter(secret(layout.console_token), port))
    server = await serve(console.handle, HOST, port)
    write_json(layout.console, {"pid": os.getpid(), "port": port})
    await _told_to_end(stop, layout)
    if _is_ours(layout):
        layout.console.unlink(missing_ok=True)
    console.close()
    await server.close(GRACE_SECONDS)


async def _told_to_end(stop: asyncio.Event, layout: Layout) -> None:
    """Or left alone: its state directory was removed, or belongs to another console by now."""
    while not stop.is_set() and _is_ours(layout):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), LOOK_SECONDS)


def _is_ours(layout: Layout) -> bool:
    record = read_json(layout.console)
    return record is not None and record.get("pid") == os.getpid()


if __name__ == "__main__":
    # Not sys.exit: it would wait for threads that wait for the running stack.
    code = main()
    logging.shutdown()
    sys.stderr.flush()
    os._exit(code)
