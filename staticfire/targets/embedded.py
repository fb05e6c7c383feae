"""The embedded target: the edge, MiniStack as the edge's child, and a Postgres server; no Docker, no account.

The edge is one detached process. It is in one of four states: absent; starting (its process lives, `edge.json` is not
there yet); well (its health says so); degraded (it answers, but a part does not). `start` brings any of them to well:
it starts what is missing, and starts the edge afresh when its emulator died or its configuration changed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from staticfire.edge_client import EdgeClient, Health
from staticfire.errors import BusyError, NotRunningError, StaticfireError
from staticfire.host.files import open_log, read_json, write_json
from staticfire.host.ports import port_holder, port_is_free
from staticfire.host.processes import ProcessRecord, start_time
from staticfire.host.waiting import wait_until
from staticfire.layout import NOT_SHARED, Layout, shared_cache
from staticfire.progress import Progress
from staticfire.settings import Settings
from staticfire.targets.postgres.server import Postgres, Server
from staticfire.toolchain.runtimes import InstalledRuntime, install_emulator, install_runtimes, runtimes_in_use

from .base import Running

START_SECONDS = 90.0


class Database(Protocol):
    """A Postgres server that starts and ends with the target."""

    log: Path

    def start(self, progress: Progress) -> Server: ...

    def running(self) -> Server | None: ...

    def stop(self) -> bool: ...

    def end_orphans(self) -> None: ...

    def wipe(self) -> None: ...


class Embedded:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.layout = Layout.of(settings)
        self.postgres: Database = Postgres(settings)

    def start(self, progress: Progress) -> Running:
        self._port_must_be_ours_or_free()
        with ThreadPoolExecutor(4) as pool:
            emulator = pool.submit(install_emulator, self.layout, progress)
            runtimes = pool.submit(install_runtimes, self.settings, self.layout, progress)
            server = pool.submit(self.postgres.start, progress).result()
            config = self._config(str(emulator.result()), runtimes.result(), server)
        with progress.step("Edge") as step:
            health = self._well()
            if health is None or read_json(self.layout.edge_config) != config:
                self._stop_edge()
                health = self._start_edge(config)
            step.done(self._endpoint())
        notes = self._notes(runtimes.result(), server)
        return Running(self._endpoint(), self.settings.region, health, server, notes)

    def describe(self) -> Running | None:
        server = self.postgres.running()
        edge = self._edge() if self.layout.edge.exists() else None
        if edge is None and server is None:
            return None
        health = None if edge is None else EdgeClient(self._endpoint()).health()
        if health is None:
            state = "dead" if edge is None else "silent"
            health = Health("degraded", "", {"edge": {"state": state, "log": str(self.layout.logs / "edge.log")}})
        if server is None:
            part = {"state": "dead", "log": str(self.postgres.log)}
            health = replace(health, state="degraded", parts={**health.parts, "postgres": part})
        return Running(self._endpoint(), self.settings.region, health, server)

    def stop(self, progress: Progress) -> bool:
        edge = self._edge() is not None
        postgres = self.postgres.running() is not None
        if edge:
            with progress.step("Stop the edge"):
                self._stop_edge()
        if postgres:
            with progress.step("Stop Postgres"):
                self.postgres.stop()
        else:
            self.postgres.end_orphans()
        return edge or postgres

    def wipe(self) -> None:
        self.postgres.wipe()
        for directory in (self.layout.terraform, self.layout.state / "applied"):
            shutil.rmtree(directory, ignore_errors=True)

    def kill(self, part: str) -> None:
        recorded = ProcessRecord.read(self.layout.process(part))
        running = None if recorded else self.describe()
        pid = recorded.pid if recorded else running.health.parts.get(part, {}).get("pid") if running else None
        if pid is None:
            raise NotRunningError(f"There is no process of the part {part!r}.", checked=[str(self.layout.state)])
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: start_time(pid) is None, START_SECONDS)

    def _behind(self, ministack: str) -> dict[str, Any]:
        """The emulator behind the edge, as the edge's configuration names it."""
        return {"emulator": {"python": ministack, "port": 0}}

    def _config(
        self,
        ministack: str,
        runtimes: Mapping[str, InstalledRuntime],
        server: Server,
    ) -> dict[str, Any]:
        settings = self.settings
        return {
            "host": settings.host,
            "port": settings.port,
            "public_host": settings.public_host or settings.host,
            "state_dir": str(self.layout.state),
            **self._behind(ministack),
            "postgres": {
                "host": server.host,
                "port": server.port,
                "admin_user": server.admin_user,
                "admin_password": server.admin_password,
            },
            "runtimes": {
                name: {"python": str(runtime.python), "version": runtime.interpreter.minor}
                for name, runtime in runtimes.items()
            },
            "account_concurrency": settings.account_concurrency,
            "idle_seconds": settings.idle_seconds,
            "enforce_iam": settings.enforce_iam,
            "allow_origins": list(settings.allow_origins),
            "allow_hosts": list(settings.allow_hosts),
        }

    def _notes(self, runtimes: Mapping[str, InstalledRuntime], server: Server) -> list[str]:
        wanted = runtimes_in_use(self.settings)
        notes = [
            f"{name} is not on this machine: its functions run on Python {runtimes[name].interpreter.full_version}"
            for name in wanted
            if runtimes[name].substitute
        ]
        if not server.tls:
            notes.append("Postgres has no TLS: its binaries were built without OpenSSL")
        if self.settings.cache_dir is None and shared_cache() is None:
            notes.append(NOT_SHARED)
        return notes

    def _edge(self) -> ProcessRecord | None:
        """The edge, as its starter recorded it; by its own word when the starter was killed before."""
        return ProcessRecord.read(self.layout.process("edge")) or ProcessRecord.read(self.layout.edge)

    def _endpoint(self) -> str:
        """Where the edge serves; where it would, when it has not said so."""
        written = read_json(self.layout.edge) or {}
        return str(written.get("endpoint", f"http://{self.settings.host}:{self.settings.port}"))

    def _well(self) -> Health | None:
        """The health of a running edge with nothing dead in it, else None."""
        if self._edge() is None or not self.layout.edge.exists():
            return None
        health = EdgeClient(self._endpoint()).health()
        return health if health is not None and health.well else None

    def _start_edge(self, config: Mapping[str, Any]) -> Health:
        write_json(self.layout.edge_config, config, 0o600)
        output_path = self.layout.logs / "edge.log"
        with open_log(output_path) as output:
            begin = output.tell()
            child = subprocess.Popen(
                [sys.executable, "-m", "staticfire.edge", str(self.layout.edge_config)],
                cwd=self.settings.project,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        with contextlib.suppress(StaticfireError):  # ended at once: what it said is shown below
            ProcessRecord.record(self.layout.process("edge"), child.pid)
        wait_until(lambda: child.poll() is not None or self._well() is not None, START_SECONDS, 0.05)
        health = self._well()
        if health is not None:
            return health
        said = output_path.read_bytes()[begin:].decode(errors="replace").strip()[-3000:]
        state = (
            f"it ended with {child.returncode}" if child.poll() is not None else f"not well in {START_SECONDS:.0f} s"
        )
        self._stop_edge()
        raise StaticfireError(f"The edge did not start: {state}.\n{said}", checked=[str(output_path)])

    def _stop_edge(self) -> None:
        """End the edge; its child and the functions' processes end with it, however it ends."""
        process = self._edge()
        if process is not None:
            process.stop((signal.SIGTERM, 20), (signal.SIGKILL, 5))
        self.layout.edge.unlink(missing_ok=True)

    def _port_must_be_ours_or_free(self) -> None:
        port = self.settings.port
        if port and self._edge() is None and not port_is_free(self.settings.host, port):
            raise BusyError(
                f"The port {port} is taken.",
                checked=[f"it is held by {port_holder(port)}"],
                remedy="End that process, or choose another port: STATICFIRE_PORT=4567, or --port 4567.",
            )
