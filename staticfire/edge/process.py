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
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any

import uvloop

from staticfire.edge.aws.calls import Service
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.aws.faults import Faults
from staticfire.edge.aws.router import Router
from staticfire.edge.emulators.localstack import LocalStack
from staticfire.edge.emulators.localstack.mail import LocalStackMail
from staticfire.edge.emulators.ministack import External, MiniStack, Source
from staticfire.edge.emulators.pair import Backends, Pair
from staticfire.edge.http1.client import Client
from staticfire.edge.http1.messages import Request, Response
from staticfire.edge.http1.server import Server, serve
from staticfire.edge.services.apigateway.handler import HttpApis
from staticfire.edge.services.cloudwatch.service import CloudWatch
from staticfire.edge.services.lambda_.service import Functions
from staticfire.edge.services.mail.mailbox import Mailbox, Mails
from staticfire.edge.services.rds.service import PostgresServer, Rds
from staticfire.errors import StaticfireError
from staticfire.host.files import write_json
from staticfire.host.ports import port_taken
from staticfire.host.processes import start_time

from .app import App
from .config import EdgeConfig, EmulatorConfig
from .endpoints import Endpoints
from .guard import Guard

log = logging.getLogger("staticfire.edge")

GRACE_SECONDS = 10.0


async def _starting(request: Request) -> Response:
    """What the port answers until the parts are there."""
    body = json.dumps({"state": "starting", "message": "The edge is starting.", "parts": {}}).encode()
    return Response(503, [("content-type", "application/json"), ("retry-after", "1")], body)


def serve_until_told(config: EdgeConfig) -> None:
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
        client = Client()
        ending.callback(client.close)
        starting = asyncio.create_task(_parts(config, client, server.port, ending, stop.set))
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
        log.info("serving on http://%s:%d", config.public_host, server.port)
        await stopping
        log.info("ending")


async def _open(config: EdgeConfig) -> Server:
    try:
        return await serve(_starting, config.host, config.port)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise StaticfireError(f"The edge cannot listen on {config.host}:{config.port}: {error}.") from error
        raise port_taken(config.port, "STATICFIRE_PORT") from error


async def _parts(
    config: EdgeConfig, client: Client, port: int, ending: AsyncExitStack, stop: Callable[[], None]
) -> App:
    """Start the parts; `ending` stops them, `stop` ends the edge."""
    services: dict[str, Service] = {}

    async def ministack(told: EmulatorConfig, died: Callable[[], None]) -> tuple[MiniStack, Emulator]:
        child = MiniStack(
            told.python,
            config.state_dir,
            port=told.port,
            edge_port=port,
            public_host=config.public_host,
            enforce_iam=config.enforce_iam,
            died=died,
        )
        ending.push_async_callback(child.stop)
        return child, await child.start(client)

    mails: Mails
    mails = mailbox = Mailbox(config.state_dir / "mail.jsonl")
    hearers: dict[str, Callable[[Mapping[str, Any]], Awaitable[None]]] = {
        "mail": mailbox.sent,
        "notification": mailbox.notification,
    }
    told = config.emulator
    emulator: Emulator
    source: Source
    filler: MiniStack | None = None
    pair: Pair | None = None
    if told.python:
        source, emulator = await ministack(told, died=lambda: None)
        services["monitoring"] = cloudwatch = CloudWatch(emulator)
        ending.push_async_callback(cloudwatch.close)
        hearers |= {"alarm": cloudwatch.alarms.put, "transition": cloudwatch.actions.transition}
    else:
        emulator = Emulator(told.url, client, name=told.name or f"the emulator at {told.url}", log=told.log)
        source = external = External(emulator)
        if config.filler is not None:
            # Half of the stack goes with the filler: whoever supervises the edge starts both afresh.
            filler, beside = await ministack(config.filler, died=stop)
            source = pair = Pair(external, filler)
            emulator = Backends(emulator, beside)
            mails = LocalStackMail(emulator, mailbox)

    functions = Functions(
        emulator,
        state_dir=config.state_dir,
        endpoint=f"http://127.0.0.1:{port}",
        runtimes=config.runtimes,
        account_concurrency=config.account_concurrency,
        idle_seconds=config.idle_seconds,
        enforce_iam=config.enforce_iam,
    )
    ending.push_async_callback(functions.close)
    http_apis = HttpApis(emulator, functions, public_host=config.public_host, port=port, state_dir=config.state_dir)
    ending.push_async_callback(http_apis.close)
    services |= {"lambda": functions, "apigateway": http_apis}
    server = config.postgres
    if server is not None:
        admin = PostgresServer(server.host, server.port, server.admin_user, server.admin_password)
        services["rds"] = Rds(emulator, admin)

    faults = Faults()
    router = Router(emulator, services=services, faults=faults)
    control = Endpoints(
        emulator=source,
        filler=filler,
        postgres=server,
        functions=functions,
        http_apis=http_apis,
        faults=faults,
        router=router,
        mails=mails,
        hearers=hearers,
    )
    if pair is not None:
        localstack = LocalStack(emulator, functions, config.state_dir)
        ending.push_async_callback(localstack.close)
        services |= localstack.services

        async def lost() -> None:
            await localstack.reset()
            await control.forget()

        pair.lost = lost
    return App(
        http_apis=http_apis,
        guard=Guard((config.public_host, *config.allow_hosts), config.allow_origins),
        control=control,
        router=router,
    )


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
    """Thousands of idle connections are no reason to refuse one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
