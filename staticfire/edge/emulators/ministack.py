"""MiniStack as a process of the edge.

    starting -> running -> dead (it ended by itself)
                       \\-> stopped (by us)

It listens nowhere: the edge makes each connection, a pair of Unix sockets, and hands it one end over the socket that is
its standard input. So nobody else can connect: no page that tries all ports, no function. However the edge ends, that
socket closes and MiniStack ends too. When it ends by itself it is not started again: its state is gone, and only
`staticfire up` can bring back what was applied.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import signal
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from staticfire.edge.aws.calls import Scope
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.http1.client import Client
from staticfire.errors import StaticfireError
from staticfire.host.files import open_log

from .state import answers

log = logging.getLogger(__name__)

MAIN = Path(__file__).with_name("ministack_main.py")
HEALTH = "/_ministack/health"
RESET = "/_ministack/reset"
START_SECONDS = 60.0
STOP_SECONDS = 5.0


class MiniStack:
    def __init__(
        self,
        python: str,
        state_dir: Path,
        *,
        edge_port: int,
        token: str,
        public_host: str,
        enforce_iam: bool = False,
        died: Callable[[], None] = lambda: None,
    ) -> None:
        """`token` lets it report to the edge; `died` is called when it ends by itself."""
        self.log = state_dir / "logs" / "ministack.log"
        self._instance = secrets.token_hex(8)
        self.pid: int | None = None
        self._python = python
        self._home = state_dir / "ministack"
        self._edge_port = edge_port
        self._token = token
        self._public_host = public_host
        self._enforce_iam = enforce_iam
        self._died = died
        self._hand_over: socket.socket | None = None
        self._client = Client(connected=self._connection)
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self._emulator: Emulator | None = None
        self._state = "starting"
        self._stopping = False

    async def start(self) -> Emulator:
        """Start it and wait until it answers."""
        self._emulator = Emulator("http://localhost", self._client, name="MiniStack", log=str(self.log))
        self._hand_over, its = socket.socketpair()
        with its, self._output() as output:
            begin = output.tell()
            self._process = await asyncio.create_subprocess_exec(
                self._python,
                "-P",  # its own directory has a ministack.py too
                str(MAIN),
                stdin=its.fileno(),
                stdout=output,
                stderr=output,
                env=self._variables(),
                cwd=self._home,
                start_new_session=True,
            )
        self._hand_over.setblocking(False)
        self.pid = self._process.pid
        self._watch = asyncio.create_task(self._supervise(self._process, self._emulator))
        await self._until_healthy(self._emulator, begin)
        self._state = "running"
        log.info("MiniStack runs as process %d", self.pid)
        return self._emulator

    def _connection(self) -> socket.socket:
        """A new connection to it."""
        if self._hand_over is None or self._hand_over.fileno() < 0:
            raise ConnectionRefusedError("it has ended")
        ours, its = socket.socketpair()
        with its:
            try:
                socket.send_fds(self._hand_over, [b"\0"], [its.fileno()])
            except OSError:
                ours.close()
                raise
        ours.setblocking(False)
        return ours

    def _output(self) -> BinaryIO:
        (self._home / "tmp").mkdir(parents=True, exist_ok=True)
        return open_log(self.log)

    def _variables(self) -> Mapping[str, str]:
        """Nothing of the user's AWS or Terraform settings reaches it, and it writes nowhere but below its directory."""
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "HOME": str(self._home),
            "TMPDIR": str(self._home / "tmp"),
            "STATE_DIR": str(self._home / "state"),
            "S3_DATA_DIR": str(self._home / "s3"),
            "DOCKER_HOST": "unix:///nonexistent/docker.sock",
            "LOG_LEVEL": "WARNING",
            # Its MQTT broker would listen on all interfaces, and ask nobody for a certificate.
            "IOT_MTLS_ENABLED": "0",
            "AUTH": str(self._enforce_iam).lower(),
            "PYTHONUNBUFFERED": "1",
            # The URLs that it hands out lead to the edge, not past it.
            "MINISTACK_HOST": self._public_host,
            "GATEWAY_PORT": str(self._edge_port),
            "STATICFIRE_EDGE_URL": f"http://127.0.0.1:{self._edge_port}/_staticfire/",
            "STATICFIRE_TOKEN": self._token,
        }

    async def _until_healthy(self, emulator: Emulator, begin: int) -> None:
        deadline = time.monotonic() + START_SECONDS
        while self._state == "starting":
            if await answers(emulator, HEALTH):
                return
            if time.monotonic() > deadline:
                await self.stop()
                break
            await asyncio.sleep(0.02)
        raise StaticfireError(
            f"MiniStack did not start: {emulator.ended or f'no answer in {START_SECONDS:.0f} s'}.\n{self._said(begin)}",
            checked=[HEALTH, str(self.log)],
            remedy=f"If its virtual environment is damaged, remove {Path(self._python).parents[1]} and start again.",
        )

    def _said(self, begin: int) -> str:
        with open(self.log, "rb") as file:
            file.seek(begin)
            return file.read()[-3000:].decode("utf-8", "replace").strip()

    async def _supervise(self, process: asyncio.subprocess.Process, emulator: Emulator) -> None:
        code = await process.wait()
        if self._hand_over is not None:
            self._hand_over.close()
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit status {code}"
        self._state = "stopped" if self._stopping else "dead"
        emulator.ended = how
        if not self._stopping:
            log.error("MiniStack, process %d, %s; its log: %s", process.pid, how, self.log)
            self._died()

    async def health(self) -> dict[str, Any]:
        health: dict[str, Any] = {"state": self._state, "name": "MiniStack", "pid": self.pid, "log": str(self.log)}
        emulator = self._emulator
        if emulator is None:
            return health
        if emulator.ended:
            health["why"] = emulator.ended
        elif self._state == "running" and not await answers(emulator, HEALTH):
            health |= {"state": "silent", "why": f"it does not answer {HEALTH}"}
        return health

    async def instance(self) -> str:
        return self._instance

    def emptied(self) -> None:
        self._instance = secrets.token_hex(8)

    async def empty(self) -> None:
        """Reset its state."""
        if self._emulator is not None:
            answer = await self._emulator.raw(Scope(), "", "POST", RESET)
            await self._emulator.whole(answer)
        self.emptied()

    async def stop(self) -> None:
        process, watch = self._process, self._watch
        self._client.close()
        if process is None or watch is None:
            return
        self._stopping = True
        for end, seconds in ((process.terminate, STOP_SECONDS), (process.kill, STOP_SECONDS)):
            if process.returncode is None:
                end()
            done, _ = await asyncio.wait((watch,), timeout=seconds)
            if done:
                return
