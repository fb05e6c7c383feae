"""Two small debuggers as editors have them: one for debugpy (DAP), one for Node's inspector (CDP)."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from websockets.sync.client import connect

SECONDS = 60


class DebuggerRefused(Exception):
    """What the debugger's side answered instead of doing it."""


class PythonDebugger:
    """The Debug Adapter Protocol, as far as a breakpoint, a step, variables and an exception need it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._sent = 0
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def connect(cls, port: int) -> PythonDebugger:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def attach(
        self, mappings: Mapping[str, str], breakpoints: Mapping[str, list[int]], exceptions: list[str]
    ) -> None:
        """Attached and running; `mappings`: the user's directories by what the function sees."""
        await self.ask("initialize", adapterID="test", pathFormat="path", linesStartAt1=True)
        pairs = [{"localRoot": local, "remoteRoot": seen} for seen, local in mappings.items()]
        attached = self.begin("attach", pathMappings=pairs, justMyCode=True)
        initialized = asyncio.create_task(self.event("initialized"))
        await asyncio.wait((attached, initialized), return_when=asyncio.FIRST_COMPLETED)
        if attached.done():  # refused, since it comes last else
            initialized.cancel()
            await attached
        for path, lines in breakpoints.items():
            wishes = [{"line": line} for line in lines]
            await self.ask("setBreakpoints", source={"path": path}, breakpoints=wishes)
        await self.ask("setExceptionBreakpoints", filters=exceptions)
        await self.ask("configurationDone")
        await attached

    def begin(self, command: str, **arguments: Any) -> asyncio.Future[Any]:
        self._sent += 1
        message = {"seq": self._sent, "type": "request", "command": command, "arguments": arguments}
        body = json.dumps(message).encode()
        self._writer.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._answers[self._sent] = answer
        return answer

    async def ask(self, command: str, **arguments: Any) -> Any:
        return await asyncio.wait_for(self.begin(command, **arguments), SECONDS)

    async def event(self, name: str) -> dict[str, Any]:
        """The body of the next event of that name; others are passed over."""
        async with asyncio.timeout(SECONDS):
            while True:
                event = await self._events.get()
                if event["event"] == name:
                    return dict(event.get("body") or {})

    async def stopped(self) -> tuple[str, int, str, int]:
        """Why it stopped, in which thread, and in which file and line of the user's."""
        event = await self.event("stopped")
        frames = (await self.ask("stackTrace", threadId=event["threadId"]))["stackFrames"]
        return event["reason"], event["threadId"], frames[0]["source"]["path"], frames[0]["line"]

    async def variables(self, thread: int) -> dict[str, str]:
        """Those of the innermost frame."""
        frame = (await self.ask("stackTrace", threadId=thread))["stackFrames"][0]["id"]
        scopes = (await self.ask("scopes", frameId=frame))["scopes"]
        variables = (await self.ask("variables", variablesReference=scopes[0]["variablesReference"]))["variables"]
        return {variable["name"]: variable["value"] for variable in variables}

    async def close(self) -> None:
        """As an editor that is closed, without a word."""
        self._reading.cancel()
        self._writer.close()

    async def _read(self) -> None:
        try:
            while True:
                head = await self._reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].split()[0])
                message = json.loads(await self._reader.readexactly(length))
                if message["type"] == "event":
                    self._events.put_nowait(message)
                elif message["type"] == "response":
                    answer = self._answers.pop(message["request_seq"])
                    if message["success"]:
                        answer.set_result(message.get("body"))
                    else:
                        answer.set_exception(DebuggerRefused(message.get("message")))
        except (asyncio.IncompleteReadError, ConnectionError):
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(ConnectionError("the debugger's side was closed"))


class NodeDebugger:
    """The Chrome DevTools Protocol over a web socket; its calls block."""

    def __init__(self, port: int) -> None:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=SECONDS) as response:
            address = json.load(response)[0]["webSocketDebuggerUrl"]
        self._socket = connect(address, max_size=None, proxy=None).__enter__()
        self._sent = 0
        self._events: list[dict[str, Any]] = []
        self._scripts: dict[str, str] = {}

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        self._sent += 1
        self._socket.send(json.dumps({"id": self._sent, "method": method, "params": params}))
        while True:
            message = self._next()
            if message.get("id") == self._sent:
                assert "error" not in message, message
                return dict(message["result"])
            self._events.append(message)

    def event(self, method: str, is_it: Callable[[dict[str, Any]], bool] = lambda params: True) -> dict[str, Any]:
        """The next event of that name for which this holds."""
        while True:
            while self._events:
                event = self._events.pop(0)
                if event["method"] == method and is_it(event["params"]):
                    return dict(event["params"])
            self._events.append(self._next())

    def url(self, frame: Mapping[str, Any]) -> str:
        """Of the script that a frame is in."""
        return self._scripts[frame["location"]["scriptId"]]

    def _next(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self._socket.recv(SECONDS))
        if message.get("method") == "Debugger.scriptParsed":
            self._scripts[message["params"]["scriptId"]] = message["params"]["url"]
        return message

    def close(self) -> None:
        self._socket.close()


def line_of(source: str, text: str) -> int:
    """The number of the first line that has this text."""
    return next(number for number, line in enumerate(source.splitlines(), 1) if text in line)


def written(directory: Path, files: Mapping[str, str]) -> Path:
    """The user's own files."""
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return directory
