"""The life of the edge's process.

    opening the port -> starting the parts (answers 503) -> serving (edge.json is there) -> ending -> ended

SIGTERM and SIGINT end it: answers under way are finished, then the parts stop in the reverse order of their start.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import json
import logging
import os
import resource
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import uvloop

from staticfire.edge.http1.messages import Request, Response
from staticfire.edge.http1.server import Server, serve
from staticfire.errors import StaticfireError
from staticfire.host.files import shorten_log, write_json
from staticfire.host.ports import port_taken
from staticfire.host.processes import start_time

from .compose import on_localstack, on_ministack
from .config import EdgeConfig

log = logging.getLogger("staticfire.edge")

GRACE_SECONDS = 10.0
RUNNING_LOGS = ("edge.log", "ministack.log", "postgres.log", "containers.log")
LOGS_SECONDS = 30.0


async def _starting(request: Request) -> Response:
    """What the port answers until the parts are there."""
    body = json.dumps({"state": "starting", "message": "The edge is starting.", "parts": {}}).encode()
    return Response(503, [("content-type", "application/json"), ("retry-after", "1")], body)


def serve_until_signalled(config: EdgeConfig) -> None:
    """Run the edge; it returns when a signal has ended it."""
    _raise_file_limit()
    uvloop.run(_run(config))


async def _run(config: EdgeConfig) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as ending:
        server = await _open(config)
        ending.push_async_callback(server.close, GRACE_SECONDS)
        if config.emulator.python:
            app = on_ministack(config, server.port, ending)
        else:
            app = on_localstack(config, server.port, ending, stop.set)
        starting = asyncio.create_task(app)
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            await asyncio.wait((starting,))
            return
        server.handler = starting.result().handle
        _spare_the_collector()
        # Answers under way end before the parts that they need.
        ending.push_async_callback(server.close, GRACE_SECONDS)
        ending.callback(_announce(config, server.port))
        shortening = asyncio.create_task(_keep_logs_short(config.state_dir / "logs"))
        ending.callback(shortening.cancel)
        log.info("serving on http://%s:%d", config.public_host, server.port)
        await stopping
        log.info("ending")


async def _keep_logs_short(directory: Path) -> None:
    """Of the programs that run as long as the stack; Terraform's begin anew with each run."""
    while True:
        for name in RUNNING_LOGS:
            try:
                await asyncio.to_thread(shorten_log, directory / name)
            except OSError as error:
                log.warning("%s stays long: %s", directory / name, error)
        await asyncio.sleep(LOGS_SECONDS)


async def _open(config: EdgeConfig) -> Server:
    try:
        return await serve(_starting, config.host, config.port)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise StaticfireError(f"The edge cannot listen on {config.host}:{config.port}: {error}.") from error
        raise port_taken(config.port, "STATICFIRE_PORT") from error


def _announce(config: EdgeConfig, port: int) -> Callable[[], None]:
    path = config.state_dir / "edge.json"
    pid = os.getpid()
    endpoint = f"http://{config.public_host}:{port}"
    write_json(path, {"pid": pid, "started": start_time(pid), "endpoint": endpoint})

    def withdraw() -> None:
        path.unlink(missing_ok=True)

    return withdraw


def _spare_the_collector() -> None:
    """What is here now stays, and what a request makes is freed by its reference counts: look for cycles seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _raise_file_limit() -> None:
    """Thousands of idle connections must not keep one out."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
