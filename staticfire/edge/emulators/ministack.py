"""MiniStack as a process of the edge.

    starting -> running -> dead (it ended by itself)
                       \\-> stopped (by us)

It listens nowhere: the edge makes each connection, a pair of Unix sockets, and hands it one end over the socket that is
its standard input. So nobody else can connect: no page that tries all ports, no function. However the edge ends, that
socket closes and MiniStack ends too. It keeps its state (in_ministack/keeping.py): while it changes, and before it
ends. When it ends by itself it is not started again: what it took since the last save is gone, and `staticfire up`
brings back what can be.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
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

log = logging.getLogger(__name__)

MAIN = Path(__file__).with_name("ministack_main.py")
# Answered by in_ministack/keeping.py.
LIFE, SAVE = "/_staticfire/life", "/_staticfire/save"
RESET = "/_ministack/reset"
START_SECONDS = 60.0
ANSWER_SECONDS = 3.0
SAVE_SECONDS = 100.0
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
        keep: bool = True,
        died: Callable[[], None] = lambda: None,
    ) -> None:
        """`token` lets it report to the edge; `keep`: its state outlives it; `died` is told when it ends by itself."""
        self.log = state_dir / "logs" / "ministack.log"
        self.pid: int | None = None
        self._python = python
        self._home = state_dir / "ministack"
        self._edge_port = edge_port
        self._token = token
        self._public_host = public_host
        self._enforce_iam = enforce_iam
        self._keep = keep
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
                env=self.variables(),
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

    def variables(self) -> Mapping[str, str]:
        """Nothing of the user's AWS or Terraform settings reaches it, and it writes nowhere but below its directory."""
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "HOME": str(self._home),
            "TMPDIR": str(self._home / "tmp"),
            "STATE_DIR": str(self._home / "state"),
            "S3_DATA_DIR": str(self._home / "s3"),
            "STATICFIRE_KEPT": str(self._home / "kept") if self._keep else "",
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
            if await self.life():
                return
            if time.monotonic() > deadline:
                await self.stop()
                break
            await asyncio.sleep(0.02)
        raise StaticfireError(
            f"MiniStack did not start: {emulator.ended or f'no answer in {START_SECONDS:.0f} s'}.\n{self._said(begin)}",
            checked=[LIFE, str(self.log)],
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
        elif self._state == "running":
            life = await self.life()
            if life is None:
                health |= {"state": "silent", "why": f"it does not answer {LIFE}"}
            elif life["notes"]:
                health["notes"] = life["notes"]
        return health

    async def life(self) -> dict[str, Any] | None:
        """Its instance, whether its state is an earlier life's, and what is to be said of that; None: no answer."""
        emulator = self._emulator
        return None if emulator is None else await self._document(emulator, "GET", LIFE, ANSWER_SECONDS)

    async def instance(self) -> str:
        return str((await self.life() or {}).get("instance", ""))

    async def save(self) -> dict[str, Any]:
        """Have all that it holds now on the disk; what it says of that."""
        emulator = self._emulator
        said = None if emulator is None else await self._document(emulator, "POST", SAVE, SAVE_SECONDS)
        return said or {"kept": False, "error": f"MiniStack does not answer; its log: {self.log}"}

    async def _document(self, emulator: Emulator, method: str, path: str, seconds: float) -> dict[str, Any] | None:
        try:
            response = await emulator.client.request(method, emulator.base_url, path, within=seconds)
            async with asyncio.timeout(seconds):
                document: dict[str, Any] = json.loads(await response.read())
        except OSError:
            return None
        return document

    async def empty(self) -> None:
        """Reset its state."""
        if self._emulator is not None:
            answer = await self._emulator.raw(Scope(), "", "POST", RESET)
            await self._emulator.whole(answer)

    async def stop(self) -> None:
        process, watch = self._process, self._watch
        if self._keep and self._state == "running":
            said = await self.save()
            if not said["kept"]:
                log.error("MiniStack's state as it was at the end was not saved: %s", said.get("error"))
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
