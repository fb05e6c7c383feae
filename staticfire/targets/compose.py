"""The compose target: the containers of the project's compose.yaml, driven by `docker compose`.

`docker compose up --wait` by hand and `staticfire up --target compose` do the same; the latter applies the stacks from
this machine too, which changes nothing and tells it their outputs. The engine says each time what runs, so that it
does not matter who started it. The default state directory means the Compose project that the file names; any other
one has a project of its own.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from staticfire.edge_client import EdgeClient, Health
from staticfire.errors import PrerequisiteError, StaticfireError
from staticfire.host.files import read_json, write_json
from staticfire.host.ports import free_port
from staticfire.layout import CONTROL_TOKEN, Layout
from staticfire.progress import Progress, Step
from staticfire.settings import Settings
from staticfire.targets.postgres.server import ADMIN, RunningPostgres

from .base import Running

FILE = "compose.yaml"
SERVICES = {"edge": "edge", "localstack": "emulator", "postgres": "postgres"}
DOWN = ("--profile", "*", "down", "--remove-orphans", "--timeout", "20")


class Compose:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.layout = Layout.of(settings)
        self._record = self.layout.state / "compose.json"
        self._before: set[str] | None = None

    def start(self, progress: Progress) -> Running:
        require_engine()
        self._before = self._at_work()
        with progress.step("Containers") as step:
            self._up(step)
        running = self.describe()
        if running is None:
            raise StaticfireError("`docker compose up` succeeded, but nothing runs.", checked=[" ".join(self.command)])
        return running

    def describe(self) -> Running | None:
        require_engine()
        containers = {container["Service"]: container for container in self.containers()}
        if not {"edge", "localstack", "postgres"} & containers.keys():
            return None
        endpoint = f"http://127.0.0.1:{_published(containers.get('edge')) or self._port()}"
        health = EdgeClient(endpoint).health() or Health("degraded", "", {})
        # Who may run commands in the container may steer its edge.
        token = self._run("exec", "-T", "edge", "cat", f"/state/{CONTROL_TOKEN}") if health.parts else ""
        stopped = {
            part: {"state": "dead", "container": containers.get(service, {}).get("Name", f"{service}: there is none")}
            for service, part in SERVICES.items()
            if containers.get(service, {}).get("State") != "running"
        }
        if not health.parts and not stopped:
            stopped = {"edge": {"state": "silent", "container": containers["edge"]["Name"]}}
        if stopped:
            health = replace(health, state="degraded", parts={**health.parts, **stopped})
        port = _published(containers.get("postgres"))
        password = self._configuration["services"]["postgres"]["environment"]["POSTGRES_PASSWORD"]
        postgres = RunningPostgres("127.0.0.1", port, ADMIN, password, inside=("postgres", 5432)).inspected()
        return Running(endpoint, self.settings.region, health, postgres, token=token)

    def stop(self, progress: Progress) -> bool:
        require_engine()
        if not self.containers():
            return False
        with progress.step("Remove the containers"):
            self._run(*DOWN)
        return True

    def undo(self, progress: Progress) -> None:
        if self._before is not None and (begun := self._at_work() - self._before):
            with progress.step("End what was started"):
                self._run("rm", "--stop", "--force", *begun)

    def wipe(self) -> Sequence[str]:
        self._run(*DOWN, "--volumes")
        return ["the containers' volumes", *self.layout.wipe()]

    def kill(self, part: str) -> None:
        """As `docker kill`: the engine takes that for the user's will, and restarts the container at the next `up`."""
        service = next(service for service, name in SERVICES.items() if name == part)
        self._run("kill", service)

    @property
    def _apart(self) -> bool:
        return self.settings.state_dir != self.settings.project / ".staticfire"

    @cached_property
    def command(self) -> list[str]:
        project = self.settings.project
        file = project / FILE
        if not file.exists():
            raise PrerequisiteError(
                f"The target `compose` needs a {FILE} in the project.",
                checked=[str(file)],
                remedy="Choose another target: `containers` starts the same parts without one.",
            )
        command = ["docker", "compose", "--project-directory", str(project), "--file", str(file)]
        if self._apart:
            digest = hashlib.sha256(os.fsencode(self.settings.state_dir)).hexdigest()[:8]
            command += ["--project-name", f"staticfire-{digest}"]
        return command

    @cached_property
    def _configuration(self) -> Mapping[str, Any]:
        """The compose file with every variable filled in."""
        configuration: Mapping[str, Any] = json.loads(self._run("config", "--format", "json"))
        return configuration

    def containers(self) -> list[dict[str, Any]]:
        listing = self._run("ps", "--all", "--format", "json").strip()
        if listing.startswith("["):  # Compose before 2.21
            listing = "\n".join(map(json.dumps, json.loads(listing)))
        return [json.loads(line) for line in listing.splitlines()]

    def _at_work(self) -> set[str]:
        """The services that run, or are about to."""
        return {container["Service"] for container in self.containers() if container.get("State") != "exited"}

    def _port(self) -> int:
        """The edge's port on this machine: what the setting says, else the free one that was chosen first."""
        if self.settings.port:
            return self.settings.port
        record = read_json(self._record, port=int)
        if record is None:
            record = {"port": free_port()}
            write_json(self._record, record)
        return int(record["port"])

    def _up(self, step: Step) -> None:
        child = subprocess.Popen(
            [*self.command, "up", "--build", "--wait", "--quiet-pull"],
            env=self._variables(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        lines = []
        with child:
            try:
                for line in filter(str.strip, child.stdout or ()):
                    lines.append(line.rstrip())
                    step.note(line.strip())
            except BaseException:
                child.send_signal(signal.SIGINT)
                raise
        if child.returncode:
            raise StaticfireError(
                "`docker compose up --wait` failed:\n" + "\n".join([*lines[-20:], *self._last_words()]),
                checked=[" ".join(self.command)],
                remedy="Read the container's log above; `docker compose logs` has the rest.",
            )

    def _last_words(self) -> Iterable[str]:
        """The end of the log of what is not well."""
        for container in self.containers():
            failed = container.get("State") != "running" and container.get("ExitCode")
            if failed or container.get("Health") == "unhealthy":
                yield self._run("logs", "--no-color", "--tail", "20", container["Service"])

    def _variables(self) -> dict[str, str]:
        """The file's variables. What a setting does not change is left to the file and to `.env`, as by hand."""
        names = ("postgres_port", "localstack_image", "postgres_image", "region")
        settings = {name: getattr(self.settings, name) for name in names} | {"port": self._port()}
        changed = {name: str(value) for name, value in settings.items() if value != getattr(Settings, name)}
        if self._apart:
            changed["postgres_port"] = str(self.settings.postgres_port)
        return {**os.environ, **{f"STATICFIRE_{name.upper()}": value for name, value in changed.items()}}

    def _run(self, *arguments: str) -> str:
        run = subprocess.run(
            [*self.command, *arguments], env=self._variables(), capture_output=True, text=True, check=False
        )
        if run.returncode:
            raise StaticfireError(
                f"`docker compose {' '.join(arguments)}` failed:\n{run.stderr.strip()}",
                checked=[" ".join(self.command)],
            )
        return run.stdout


def require_engine() -> None:
    """An error that says what to do where no Docker engine answers."""
    try:
        run = subprocess.run(
            ["docker", "version", "--format", "{{.Server.Version}}"], capture_output=True, text=True, check=False
        )
        answer = run.stderr.strip() or f"exit status {run.returncode}"
    except OSError as error:
        answer = str(error)
    else:
        if run.returncode == 0:
            return
    raise PrerequisiteError(
        "No Docker engine answers.",
        checked=[f"docker version: {answer}", f"DOCKER_HOST: {os.environ.get('DOCKER_HOST', 'not set')}"],
        remedy="Start Docker, or point DOCKER_HOST at an engine. The target `embedded` needs none.",
    )


def _published(container: Mapping[str, Any] | None) -> int:
    """The port of this machine that leads to the container; 0 while it does not run."""
    publishers = (container or {}).get("Publishers") or ()
    return next((port for publisher in publishers if (port := publisher.get("PublishedPort"))), 0)
