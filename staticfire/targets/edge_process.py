"""The edge as a detached process: what keeps a stack up after `up --detach`, until `down` ends it.

It is in one of four states: absent; starting (its process lives, `edge.json` is not there yet); well (its health says
so); degraded (it answers, but a part does not). Its emulator and the functions' processes are its children, and end
with it, however it ends.
"""

from __future__ import annotations

import contextlib
import re
import signal
import sys
from collections.abc import Callable, Mapping
from typing import Any

from staticfire.edge_client import EdgeClient, Health
from staticfire.errors import StaticfireError
from staticfire.host.files import damaged, read_json, write_json
from staticfire.host.ports import port_is_free, port_taken
from staticfire.host.processes import DetachedProcess, ProcessRecord, process_of
from staticfire.host.waiting import wait_until
from staticfire.layout import Layout
from staticfire.settings import Settings

START_SECONDS = 90.0
STOP_SECONDS = 120.0  # the emulator's state is saved meanwhile


class EdgeProcess:
    """The edge of one state directory."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.layout = Layout.of(settings)
        self.log = self.layout.logs / "edge.log"
        self.begun = False  # by this object: what ran before is not its own to end

    @property
    def endpoint(self) -> str:
        """Where it serves; where it would, when it has not said so."""
        said = read_json(self.layout.edge, endpoint=str)
        if said is None:
            return f"http://{self.settings.host}:{self.settings.port}"
        endpoint: str = said["endpoint"]
        if not re.fullmatch(r"http://[^/\s]+:\d{1,5}", endpoint):
            raise damaged(self.layout.edge, f"its endpoint is {endpoint!r}")
        return endpoint

    @property
    def has_said_where(self) -> bool:
        return self.layout.edge.exists()

    def record(self) -> ProcessRecord | None:
        """The process, as its starter recorded it; by its own word, or by its command, when that record is lost."""
        path = self.layout.process("edge")
        recorded = ProcessRecord.read(path) or ProcessRecord.read(self.layout.edge)
        if recorded is None and (pid := process_of(self._arguments)) is not None:
            with contextlib.suppress(StaticfireError):  # it has ended meanwhile
                return ProcessRecord.record(path, pid)
        return recorded

    @property
    def _arguments(self) -> list[str]:
        return ["-m", "staticfire.edge", str(self.layout.edge_config)]

    def health(self) -> Health | None:
        """What it says of itself; None while it does not answer."""
        return EdgeClient(self.endpoint).health() if self.has_said_where and self.record() else None

    def ensure(self, config: Mapping[str, Any], others: Callable[[], object] = lambda: None) -> Health:
        """Have it run well with this configuration; started afresh where it does not.

        `others` waits for what starts at the same time: what fails there is said at once.
        """
        if self.record() is not None and read_json(self.layout.edge_config) == config:
            others()  # it cannot be well while Postgres starts again: it is not ended for that
            if (health := self._well()) is not None:
                return health
        self.stop()
        return self._start(config, others)

    def require_port(self) -> None:
        """An error when somebody else has the port."""
        port = self.settings.port
        if port and self.record() is None and not port_is_free(self.settings.host, port):
            raise port_taken(port, "STATICFIRE_PORT")

    def stop(self) -> bool:
        """End it; whether there was one to end."""
        process = self.record()
        if process is not None:
            process.stop((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, 5))
        self.layout.edge.unlink(missing_ok=True)
        return process is not None

    def _well(self) -> Health | None:
        """Its health when nothing in it is dead, else None."""
        health = self.health()
        return health if health is not None and health.well else None

    def _start(self, config: Mapping[str, Any], others: Callable[[], object]) -> Health:
        self.begun = True
        write_json(self.layout.edge_config, config, 0o600)
        command = [sys.executable, *self._arguments]
        process = DetachedProcess(command, self.log, self.layout.process("edge"), cwd=self.settings.project)
        try:
            others()
        except BaseException:
            self.stop()
            raise
        wait_until(lambda: process.ended is not None or self._well() is not None, START_SECONDS, 0.05)
        health = self._well()
        if health is not None:
            return health
        ended = process.ended
        state = f"it ended with {ended}" if ended is not None else f"not well in {START_SECONDS:.0f} s"
        self.stop()
        raise StaticfireError(f"The edge did not start: {state}.\n{process.said}", checked=[str(self.log)])
