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


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.websockets")
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory(prefix="staticfire-websockets-") as directory:
        settings = bench_settings(Path(directory))
        with started(settings, Progress()) as running:
            url = made(running)
            for line in asyncio.run(measured(settings, url, options.connections, options.seconds)):
                print(line)
    return 0


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


async def measured(settings: Settings, url: str, count: int, seconds: float) -> list[str]:
    before = resident_kilobytes(settings)
    began = time.perf_counter()
    clients = await joined(url, count)
    took = time.perf_counter() - began
    held = resident_kilobytes(settings)
    answers = await asyncio.gather(*(talk(client, time.monotonic() + seconds) for client in clients))
    busy = resident_kilobytes(settings)
    for client in clients:
        client.transport.abort()
    return [
        f"{count} connections in {took:.1f} s",
        f"memory of the edge: {before / 1024:.0f} MiB before, {held / 1024:.0f} MiB with them held "
        f"({(held - before) / count:.1f} KiB each), {busy / 1024:.0f} MiB after the messages",
        f"{sum(answers) / seconds:.0f} messages a second, each answered; the client is one process of Python too",
    ]


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
