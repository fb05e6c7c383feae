"""The embedded target: the edge, MiniStack as the edge's child, and a Postgres server; no Docker, no account.

`start` brings it from any state to well: it starts what is missing, and the edge afresh when its emulator died or its
configuration changed.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from staticfire.edge_client import Health
from staticfire.errors import NotRunningError
from staticfire.host.files import secret
from staticfire.host.processes import ProcessRecord, start_time
from staticfire.host.waiting import wait_until
from staticfire.layout import NOT_SHARED, Layout, shared_cache
from staticfire.progress import Progress
from staticfire.settings import Settings
from staticfire.targets.postgres.server import Launched, Postgres, RunningPostgres
from staticfire.toolchain.runtimes import InstalledRuntime, install_emulator, install_runtimes, pythons_in_use

from .base import Running
from .copies import Copies
from .edge_process import EdgeProcess

KILL_SECONDS = 90.0


class StartablePostgres(Protocol):
    """A Postgres server that starts and ends with the target."""

    log: Path
    begun: bool  # by this object

    def start(self, progress: Progress, launched: Launched) -> RunningPostgres: ...

    def running(self) -> RunningPostgres | None: ...

    def stop(self) -> bool: ...

    def end_orphans(self) -> None: ...

    def wipe(self) -> None: ...


def _tell(launched: Future[RunningPostgres], server: RunningPostgres) -> None:
    if not launched.done():
        launched.set_result(server)


class Embedded:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.layout = Layout.of(settings)
        self.edge = EdgeProcess(settings)
        self.postgres: StartablePostgres = Postgres(settings)
        self._copies = Copies(settings)

    def start(self, progress: Progress) -> Running:
        self.edge.require_port()
        before = self.edge.health()
        said = [] if before is not None and before.well else self._heal()
        with ThreadPoolExecutor(5) as pool:
            swept = pool.submit(self._copies.sweep)
            emulator = pool.submit(install_emulator, self.layout, progress)
            runtimes = pool.submit(install_runtimes, self.settings, self.layout, progress)
            launched: Future[RunningPostgres] = Future()
            postgres = pool.submit(self.postgres.start, progress, lambda server: _tell(launched, server))
            wait((launched, postgres), return_when=FIRST_COMPLETED)
            server = launched.result() if launched.done() else postgres.result()
            config = self._config(str(emulator.result()), runtimes.result(), server)
            with progress.step("Edge", brief=True) as step:
                health = self.edge.ensure(config, postgres.result)
                step.done(self.edge.endpoint)
        server = postgres.result()
        swept.result()
        notes = self._notes(runtimes.result(), server)
        notes += said
        if self.edge.begun:
            notes += health.parts.get("emulator", {}).get("notes", ())
        revived = before is not None and not before.well
        return Running(self.edge.endpoint, self.settings.region, health, server, notes, self._token(), revived)

    def _heal(self) -> list[str]:
        """End what a crash has cut off, and tell it."""
        if self.layout.before_apply.exists() or self.edge.record() is None:
            self.edge.stop()
            return [said for said in (self._copies.finish(), self._copies.roll_back()) if said]
        return []

    def describe(self) -> Running | None:
        server = self.postgres.running()
        edge = self.edge.record() if self.edge.has_said_where else None
        if edge is None and server is None:
            return None
        health = self.edge.health()
        if health is None:
            state = "dead" if edge is None else "silent"
            health = Health("degraded", "", {"edge": {"state": state, "log": str(self.edge.log)}})
        if server is None:
            part = {"state": "dead", "log": str(self.postgres.log)}
            health = replace(health, state="degraded", parts={**health.parts, "postgres": part})
        return Running(self.edge.endpoint, self.settings.region, health, server, token=self._token())

    def stop(self, progress: Progress) -> bool:
        edge = self.edge.record() is not None
        postgres = self.postgres.running() is not None
        if edge:
            with progress.step("Stop the edge"):
                self.edge.stop()
        if postgres:
            with progress.step("Stop Postgres"):
                self.postgres.stop()
        else:
            self.postgres.end_orphans()
        return edge or postgres

    def undo(self, progress: Progress) -> None:
        if self.edge.begun or self.postgres.begun:
            with progress.step("End what was started"):
                if self.edge.begun:
                    self.edge.stop()
                if self.postgres.begun:
                    self.postgres.stop()

    def wipe(self) -> Sequence[str]:
        self._copies.finish()
        self._copies.sweep()
        self.postgres.wipe()
        return self.layout.wipe()

    def kill(self, part: str) -> None:
        recorded = ProcessRecord.read(self.layout.process(part))
        running = None if recorded else self.describe()
        pid = recorded.pid if recorded else running.health.parts.get(part, {}).get("pid") if running else None
        if pid is None:
            raise NotRunningError(f"There is no process of the part {part!r}.", checked=[str(self.layout.state)])
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: start_time(pid) is None, KILL_SECONDS)

    def _token(self) -> str:
        return secret(self.layout.control_token)

    def _behind(self, ministack: str) -> dict[str, Any]:
        """The emulator behind the edge, as the edge's configuration names it."""
        return {"emulator": {"python": ministack}}

    def _config(
        self,
        ministack: str,
        runtimes: Mapping[str, InstalledRuntime],
        server: RunningPostgres,
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
            "node": [sys.executable, "-m", "staticfire.toolchain.node", str(self.layout.cache)],
            "account_concurrency": settings.account_concurrency,
            "idle_seconds": settings.idle_time,
            "enforce_iam": settings.enforce_iam,
            "traces": settings.traces,
            "traces_file": str(settings.traces_file or ""),
            "otlp": settings.otlp,
            "allow_origins": list(settings.allow_origins),
            "allow_hosts": list(settings.allow_hosts),
        }

    def _notes(self, runtimes: Mapping[str, InstalledRuntime], server: RunningPostgres) -> list[str]:
        notes = [
            f"{name} is not on this machine: its functions run on Python {runtimes[name].interpreter.full_version}"
            for name in pythons_in_use(self.settings)
            if runtimes[name].substitute
        ]
        if not server.tls:
            notes.append("Postgres has no TLS: its binaries were built without OpenSSL")
        if self.settings.cache_dir is None and shared_cache() is None:
            notes.append(NOT_SHARED)
        return notes
