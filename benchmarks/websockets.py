"""What WebSocket connections cost the edge: `python -m benchmarks.websockets [--connections N] [--seconds S]`.

So many clients connect to one API, and stay: memory of the edge's process for each. Then all of them send messages as
fast as they are answered, by a MOCK integration, so that what is measured is the gateway and no function. The stack is
one of its own, in a temporary state directory; nothing is written.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from staticfire import boto
from staticfire.progress import Progress
from staticfire.settings import Settings
from staticfire.targets.base import Running

from .ours import bench_settings, resident_kilobytes, started

ACCOUNT = "000000000000"
AT_ONCE = 50
MESSAGE = '{"action": "say", "text": "hello"}'


@dataclass(frozen=True)
class Held:
    """What held connections cost: the edge's memory in MiB, and messages a second, each answered."""

    seconds: float
    before: float
    held: float
    busy: float
    rate: float


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.websockets")
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="staticfire-websockets-") as directory:
        settings = bench_settings(Path(directory))
        with started(settings, Progress()) as running:
            held = hold(settings, running, options.connections, options.seconds)
    print(f"{options.connections} connections in {held.seconds:.1f} s")
    print(
        f"memory of the edge: {held.before:.0f} MiB before, {held.held:.0f} MiB with them held "
        f"({(held.held - held.before) * 1024 / options.connections:.1f} KiB each), "
        f"{held.busy:.0f} MiB after the messages"
    )
    print(f"{held.rate:.0f} messages a second, each answered; the client is one process of Python too")
    return 0


def hold(settings: Settings, running: Running, connections: int, seconds: float) -> Held:
    """So many clients connect to one API, stay, and then all send messages as fast as they are answered."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        return asyncio.run(_measured(settings, made(running), connections, seconds))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def made(running: Running) -> str:
    """An API whose one route answers what the template says."""
    client: Any = boto.client(running.endpoint, "us-east-1", ACCOUNT, "apigatewayv2")
    api = client.create_api(Name="b", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action")[
        "ApiId"
    ]
    integration = client.create_integration(
        ApiId=api, IntegrationType="MOCK", RequestTemplates={"$default": '{"statusCode": 200}'}
    )["IntegrationId"]
    client.create_integration_response(
        ApiId=api,
        IntegrationId=integration,
        IntegrationResponseKey="$default",
        ResponseTemplates={"$default": '{"said": true}'},
    )
    route = client.create_route(
        ApiId=api,
        RouteKey="$default",
        Target=f"integrations/{integration}",
        RouteResponseSelectionExpression="$default",
    )["RouteId"]
    client.create_route_response(ApiId=api, RouteId=route, RouteResponseKey="$default")
    deployment = client.create_deployment(ApiId=api)["DeploymentId"]
    client.create_stage(ApiId=api, StageName="b", DeploymentId=deployment)
    return f"{running.endpoint.replace('http', 'ws', 1)}/_aws/execute-api/{api}/b"


async def _measured(settings: Settings, url: str, count: int, seconds: float) -> Held:
    before = resident_kilobytes(settings)
    began = time.perf_counter()
    clients = await joined(url, count)
    took = time.perf_counter() - began
    held = resident_kilobytes(settings)
    answers = await asyncio.gather(*(talk(client, time.monotonic() + seconds) for client in clients))
    busy = resident_kilobytes(settings)
    for client in clients:
        client.transport.abort()
    rate = sum(answers) / seconds
    return Held(took, before / 1024, held / 1024, busy / 1024, rate)


async def joined(url: str, count: int) -> list[ClientConnection]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one() -> ClientConnection:
        async with gate:
            return await connect(url, compression=None, ping_interval=None, open_timeout=60)

    return await asyncio.gather(*(one() for _ in range(count)))


async def talk(client: ClientConnection, until: float) -> int:
    answered = 0
    while time.monotonic() < until:
        await client.send(MESSAGE)
        await client.recv()
        answered += 1
    return answered


if __name__ == "__main__":
    raise SystemExit(main())
