"""The containers target: LocalStack and Postgres through testcontainers, the edge beside them on this machine.

A process of its own (containers_process.py) starts the containers and keeps testcontainers' connection to its reaper:
they are removed when that process ends, and by the reaper when somebody kills it. The first pytest worker that needs a
stack starts it for all; it may end before the others, so it cannot be the one that keeps them.

`start` brings any state to well: a container that was killed is started again; Postgres then has its data, LocalStack
has none, and the stacks are applied to it afresh.
"""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import docker.errors
from testcontainers.core.docker_client import DockerClient

from staticfire.errors import NotRunningError, StaticfireError
from staticfire.host.files import read_json
from staticfire.host.processes import DetachedProcess, ProcessRecord
from staticfire.host.waiting import wait_until
from staticfire.layout import Layout
from staticfire.progress import Progress
from staticfire.settings import Settings
from staticfire.targets.postgres.server import ADMIN, Launched, RunningPostgres

from .base import Running
from .compose import require_engine
from .containers_process import LOCALSTACK_PORT, POSTGRES_PORT, ready
from .embedded import Embedded

log = logging.getLogger(__name__)

START_SECONDS = 300.0


class Containers(Embedded):
    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.postgres = self.containers = ContainerPair(settings)

    def start(self, progress: Progress) -> Running:
        require_engine()
        return super().start(progress)

    def describe(self) -> Running | None:
        running = super().describe()
        if running is None or self.containers.runs("localstack"):
            return running
        parts = {**running.health.parts, "emulator": {"state": "dead", "log": str(self.containers.log)}}
        return replace(running, health=replace(running.health, state="degraded", parts=parts))

    def kill(self, part: str) -> None:
        if part == "edge":
            super().kill(part)
        else:
            self.containers.kill({"emulator": "localstack"}.get(part, part))

    def _behind(self, ministack: str) -> dict[str, Any]:
        return {
            "emulator": {"url": self.containers.url("localstack", LOCALSTACK_PORT), "name": "LocalStack"},
            "filler": {"python": ministack},
        }


class ContainerPair:
    """LocalStack and Postgres, as the process that keeps them recorded them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.layout = Layout.of(settings)
        self.log = self.layout.logs / "containers.log"
        self._record = self.layout.state / "containers.json"
        self.begun = False

    def start(self, progress: Progress, launched: Launched) -> RunningPostgres:
        """`launched` hears nothing: the edge needs LocalStack's address too."""
        with progress.step("Containers") as step:
            if self._process() is None:
                self._start_process()
            else:
                for name in ("localstack", "postgres"):
                    container = self._container(name)
                    if container.status != "running":
                        log.warning("the container %s was %s: it is started again", name, container.status)
                        container.start()
                        ready(container, name)
            postgres = self.running()
            if postgres is None:
                raise StaticfireError("The containers ended as soon as they had started.", checked=[str(self.log)])
            step.done(f"LocalStack, Postgres {postgres.version} on {postgres.host}:{postgres.port}")
        return postgres

    def runs(self, name: str) -> bool:
        return self._process() is not None and self._container(name).status == "running"

    def running(self) -> RunningPostgres | None:
        if not self.runs("postgres"):
            return None
        host, port = self._address("postgres", POSTGRES_PORT)
        return RunningPostgres(host, port, ADMIN, str(self._recorded()["password"])).inspected()

    def stop(self) -> bool:
        """End the process; the containers and their volumes are gone then."""
        process = self._process()
        if process is None:
            return False
        process.stop((signal.SIGTERM, 60), (signal.SIGKILL, 5))
        self._record.unlink(missing_ok=True)
        return True

    def end_orphans(self) -> None:
        """A process that was killed left its containers to the reaper."""
        if self._process() is not None:
            self.stop()

    def wipe(self) -> None:
        """Nothing of a stopped one is left."""

    def kill(self, name: str) -> None:
        container = self._container(name)
        container.kill()
        wait_until(lambda: self._container(name).status != "running", 30)

    def url(self, name: str, port: int) -> str:
        host, published = self._address(name, port)
        return f"http://{host}:{published}"

    def _start_process(self) -> None:
        self.begun = True
        self._record.unlink(missing_ok=True)
        command = [sys.executable, "-m", "staticfire.targets.containers_process", str(self._record)]
        command += [self.settings.localstack_image, self.settings.postgres_image]
        process = DetachedProcess(command, self.log, self.layout.process("containers"))
        wait_until(lambda: process.ended is not None or self._record.exists(), START_SECONDS, 0.1)
        if not self._record.exists():
            self.end_orphans()
            raise StaticfireError(f"The containers did not start:\n{process.said}", checked=[str(self.log)])

    def _process(self) -> ProcessRecord | None:
        return ProcessRecord.read(self.layout.process("containers"))

    def _recorded(self) -> Mapping[str, Any]:
        record = read_json(self._record, password=str, localstack=str, postgres=str)
        if record is None:
            raise NotRunningError("No containers run.", checked=[str(self._record)], remedy="Run `staticfire up`.")
        return record

    def _container(self, name: str) -> Any:
        identity = self._recorded()[name]
        try:
            return DockerClient().client.containers.get(identity)
        except docker.errors.NotFound:
            raise NotRunningError(
                f"The container {name} is gone.",
                checked=[f"docker inspect {identity[:12]}"],
                remedy="End the rest with `staticfire down`, then run `staticfire up`.",
            ) from None

    def _address(self, name: str, port: int) -> tuple[str, int]:
        """Where a container's port is published."""
        client = DockerClient()
        return client.host(), int(client.port(self._container(name).id, port))
