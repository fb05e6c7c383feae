"""The floor: the least code that answers HTTP by handing each request to awslambdaric, as an HTTP API's event.

`python -m benchmarks.floor PORT WORKERS RUNTIME_PYTHON CODE_DIR HANDLER`: one process speaks HTTP on PORT and the
Lambda Runtime API on PORT + 1. The worker used last is used next.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

import httptools
import uvloop

idle: list[RuntimeApi] = []
waiting: list[tuple[Front, bytes]] = []


class Http(asyncio.Protocol):
    def connection_made(self, transport: Any) -> None:
        self.transport, self.parser = transport, httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self.path, self.headers, self.body = url.decode(), {"x-forwarded-proto": "http"}, b""

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode().lower()] = value.decode()

    def on_body(self, data: bytes) -> None:
        self.body += data

    def write(self, status: str, head: str, body: bytes) -> None:
        self.transport.write(f"HTTP/1.1 {status}\r\n{head}content-length: {len(body)}\r\n\r\n".encode() + body)


class Front(Http):
    def on_message_complete(self) -> None:
        http = {"method": self.parser.get_method().decode(), "path": self.path, "protocol": "HTTP/1.1"}
        event = {"version": "2.0", "routeKey": "$default", "headers": self.headers, "requestContext": {"http": http}}
        waiting.append((self, json.dumps({**event, "body": self.body.decode()}).encode()))
        dispatch()


class RuntimeApi(Http):
    client: Front

    def on_message_complete(self) -> None:
        if self.parser.get_method() == b"GET":
            idle.append(self)
        else:
            answer = json.loads(self.body)
            self.client.write(f"{answer['statusCode']} OK", "", answer["body"].encode())
            self.write("202 Accepted", "", b"")
        dispatch()


def dispatch() -> None:
    while idle and waiting:
        worker = idle.pop()
        worker.client, event = waiting.pop(0)
        head = "lambda-runtime-aws-request-id: 1\r\nlambda-runtime-deadline-ms: 9999999999999\r\n"
        worker.write("200 OK", head + "content-type: application/json\r\n", event)


async def main(port: int, workers: int, python: str, code: str, handler: str) -> None:
    loop, command = asyncio.get_running_loop(), [python, "-m", "awslambdaric", handler]
    await loop.create_server(RuntimeApi, "127.0.0.1", port + 1)
    variables = os.environ | {"AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port + 1}", "PYTHONPATH": code}
    _workers = [await asyncio.create_subprocess_exec(*command, cwd=code, env=variables) for _ in range(workers)]
    await (await loop.create_server(Front, "127.0.0.1", port)).serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:6]))
