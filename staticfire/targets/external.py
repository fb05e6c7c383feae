"""The given target: an edge and a Postgres server that somebody else starts and ends, at addresses that settings name.

This is how a container applies the stacks to its neighbours, and what a Compose project is once its containers run.
"""

from __future__ import annotations

import logging
import shutil
import ssl
from urllib.parse import unquote, urlsplit

import pg8000.native

from staticfire.edge_client import EdgeClient, Health
from staticfire.errors import StaticfireError, UsageError
from staticfire.host.waiting import wait_until
from staticfire.layout import Layout
from staticfire.progress import Progress
from staticfire.settings import Settings
from staticfire.targets.postgres.server import Server

from .base import Running

log = logging.getLogger(__name__)

START_SECONDS = 300.0


class Given:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.layout = Layout.of(settings)

    def start(self, progress: Progress) -> Running:
        """Wait until all of it is well."""
        found: list[Running] = []

        def well() -> bool:
            running = self.describe()
            if running is not None:
                found[:] = [running]
            return running is not None and running.health.well and bool(running.instance)

        with progress.step(f"Wait for {self.settings.endpoint}") as step:
            if not wait_until(well, START_SECONDS, 0.5):
                sick = found[0].health.sick if found else {}
                raise StaticfireError(
                    f"What should run at {self.settings.endpoint} is not well after {START_SECONDS:.0f} s.",
                    checked=[f"{name}: {part}" for name, part in sick.items()] or ["nothing answers there"],
                )
            step.done(found[0].endpoint)
        return found[0]

    def describe(self) -> Running | None:
        if not self.settings.endpoint:
            raise UsageError(
                "The target `given` needs the edge's address.",
                remedy="Set `endpoint` (STATICFIRE_ENDPOINT), and for databases `postgres_url`.",
            )
        health = EdgeClient(self.settings.endpoint).health()
        if health is None:
            return None
        return Running(self.settings.endpoint, self.settings.region, health, self._server(health))

    def stop(self, progress: Progress) -> bool:
        """It is not ours to end."""
        return False

    def kill(self, part: str) -> None:
        raise UsageError(f"The part {part!r} is not ours to kill.", checked=["the target is `given`"])

    def wipe(self) -> None:
        """Forget what was applied; the data is not ours to drop."""
        for directory in (self.layout.terraform, self.layout.state / "applied"):
            shutil.rmtree(directory, ignore_errors=True)

    def _server(self, health: Health) -> Server | None:
        if not self.settings.postgres_url:
            return None
        url = urlsplit(self.settings.postgres_url)
        seen = health.parts.get("postgres", {})
        inside = (str(seen["host"]), int(seen["port"])) if "host" in seen else None
        user, password = unquote(url.username or ""), unquote(url.password or "")
        return server(url.hostname or "", url.port or 5432, user, password, inside)


def server(host: str, port: int, user: str, password: str, inside: tuple[str, int] | None) -> Server:
    """The server at an address; its version is unknown while it does not answer."""
    found = Server(host, port, user, password, "unknown", False, inside)
    try:
        connection = found.connect()
    except (pg8000.native.InterfaceError, pg8000.native.DatabaseError, OSError, ssl.SSLError) as error:
        log.info("Postgres at %s:%d does not answer: %s", host, port, error)
        return found
    try:
        [[version, tls]] = connection.run("SELECT current_setting('server_version'), current_setting('ssl')")
    finally:
        connection.close()
    return Server(host, port, user, password, version.split()[0], tls == "on", inside)
