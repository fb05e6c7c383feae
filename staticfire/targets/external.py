"""The external target: an edge and a Postgres server at known addresses, which somebody else starts and ends.

This is how a container applies the stacks to its neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import unquote, urlsplit

from staticfire.edge_client import EdgeClient, Health
from staticfire.errors import StaticfireError, UsageError
from staticfire.host.waiting import wait_until
from staticfire.layout import Layout
from staticfire.progress import Progress
from staticfire.settings import Settings
from staticfire.targets.postgres.server import RunningPostgres

from .base import Running

START_SECONDS = 300.0


class External:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.layout = Layout.of(settings)

    def start(self, progress: Progress) -> Running:
        """Wait until all of it is well."""

        def well() -> Running | None:
            running = self.describe()
            return running if running is not None and running.health.well and running.instance else None

        with progress.step(f"Wait for {self.settings.endpoint}") as step:
            running = wait_until(well, START_SECONDS, 0.5)
            if running is None:
                last = self.describe()
                sick = last.health.sick if last else {}
                raise StaticfireError(
                    f"What should run at {self.settings.endpoint} is not well after {START_SECONDS:.0f} s.",
                    checked=[f"{name}: {part}" for name, part in sick.items()] or ["nothing answers there"],
                )
            step.done(running.endpoint)
        return running

    def describe(self) -> Running | None:
        if not self.settings.endpoint:
            raise UsageError(
                "The target `external` needs the edge's address.",
                remedy="Set `endpoint` (STATICFIRE_ENDPOINT), and for databases `postgres_url`.",
            )
        health = EdgeClient(self.settings.endpoint).health()
        if health is None:
            return None
        return Running(
            self.settings.endpoint,
            self.settings.region,
            health,
            self._postgres(health),
            token=self.settings.token,
        )

    def stop(self, progress: Progress) -> bool:
        """It is not ours to end."""
        return False

    def undo(self, progress: Progress) -> None:
        """Nothing was started."""

    def kill(self, part: str) -> None:
        raise UsageError(f"The part {part!r} is not ours to kill.", checked=["the target is `external`"])

    def wipe(self) -> Sequence[str]:
        """Forget what was applied; the data is not ours to drop."""
        return self.layout.forget_applied()

    def _postgres(self, health: Health) -> RunningPostgres | None:
        if not self.settings.postgres_url:
            return None
        url = urlsplit(self.settings.postgres_url)
        part = health.parts.get("postgres", {})
        inside = (str(part["host"]), int(part["port"])) if "host" in part else None
        user, password = unquote(url.username or ""), unquote(url.password or "")
        return RunningPostgres(url.hostname or "", url.port or 5432, user, password, inside=inside).inspected()
