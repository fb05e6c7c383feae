"""The console as a detached process: `up` and `open` start it, `down` ends it. It listens on loopback alone.

`console.json` in the state directory says where it serves, once it does; `console-token` holds its token.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any

from staticfire import __version__
from staticfire.errors import StaticfireError
from staticfire.host.files import read_json, secret, write_atomically, write_json
from staticfire.host.ports import free_port, port_is_free, port_taken
from staticfire.host.processes import DetachedProcess, ProcessRecord
from staticfire.host.waiting import wait_until
from staticfire.layout import Layout
from staticfire.settings import Settings

HOST = "127.0.0.1"
NAME = "console"
START_SECONDS = 30.0
# What the settings of a command may say otherwise than the project's file and variables.
OVERRIDES = ("target", "host", "port", "state_dir", "postgres_port", "endpoint", "token", "postgres_url")
# Opened by a browser, as Jupyter does: the token in a command line would be every user's to read.
DOOR = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Staticfire</title>
<meta name="referrer" content="no-referrer"><meta http-equiv="refresh" content="0;url={address}">
<p><a href="{address}">The console</a></p></html>
"""


class ConsoleProcess:
    """The console of one state directory."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.layout = Layout.of(settings)
        self.log = self.layout.logs / "console.log"
        self._process: DetachedProcess | None = None

    @property
    def address(self) -> str | None:
        """With the token; None while it does not serve."""
        said = read_json(self.layout.console, port=int, pid=int)
        record = self.record()
        if said is None or record is None or record.pid != said["pid"]:
            return None
        return f"http://{HOST}:{said['port']}/{secret(self.layout.console_token)}/"

    def record(self) -> ProcessRecord | None:
        return ProcessRecord.read(self.layout.process(NAME))

    def begin(self) -> None:
        """Start it where it does not run as these settings have it; `wait` waits until it serves."""
        config = self._config()
        if self.record() is not None and read_json(self.layout.console_config) == config:
            return
        self.stop()
        write_json(self.layout.console_config, config, 0o600)
        secret(self.layout.console_token)
        command = [sys.executable, "-m", "staticfire.console", str(self.layout.console_config)]
        record = self.layout.process(NAME)
        record.parent.mkdir(parents=True, exist_ok=True)
        self._process = DetachedProcess(command, self.log, record, cwd=self.settings.project)

    def wait(self) -> str:
        """Its address, once it serves."""
        process = self._process

        def settled() -> bool:
            return self.address is not None or (process is not None and process.ended is not None)

        wait_until(settled, START_SECONDS, 0.05)
        if (address := self.address) is not None:
            return address
        ended = process.ended if process is not None else None
        state = f"it ended with {ended}" if ended is not None else f"it does not serve after {START_SECONDS:.0f} s"
        said = f"\n{process.said}" if process is not None and process.said else ""
        self.stop()
        raise StaticfireError(f"The console did not start: {state}.{said}", checked=[str(self.log)])

    def start(self) -> str:
        self.begin()
        return self.wait()

    def stop(self) -> bool:
        """End it; whether there was one to end. Its token ends with it: whoever takes its port is told an old one."""
        process = self.record()
        if process is not None:
            process.stop((signal.SIGTERM, 5), (signal.SIGKILL, 5))
        self.layout.console.unlink(missing_ok=True)
        self.layout.console_token.unlink(missing_ok=True)
        return process is not None

    def door(self) -> Path:
        """A file for the user alone that leads a browser to it."""
        address = self.address
        if address is None:
            raise StaticfireError("The console does not serve.", remedy="Start it with `staticfire open`.")
        path = self.layout.state / "console.html"
        write_atomically(path, DOOR.format(address=address).encode(), 0o600)
        return path

    def _config(self) -> dict[str, Any]:
        values = {name: getattr(self.settings, name) for name in OVERRIDES}
        values["state_dir"] = str(self.settings.state_dir)
        return {"version": __version__, "project": str(self.settings.project), "overrides": values}


def port_for(settings: Settings) -> int:
    """The port that the settings name; else the one after the edge's, or a free one where that is taken."""
    if settings.console_port:
        if not port_is_free(HOST, settings.console_port):
            raise port_taken(settings.console_port, "STATICFIRE_CONSOLE_PORT")
        return settings.console_port
    following = settings.port + 1
    if settings.port and following <= 65535 and port_is_free(HOST, following):
        return following
    return free_port(HOST)
