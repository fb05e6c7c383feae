"""What runs now, as the settings lead to it, and what is said of it: the object that `status --json` prints, too."""

from __future__ import annotations

import shlex
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from staticfire.settings import Settings
from staticfire.stacks.stack import Stack
from staticfire.stacks.terraform.variables import DEFAULT_ACCOUNT
from staticfire.targets.base import SHARED, Running, require_running

STALE_SECONDS = 2.0


class StackNow:
    """Asked often, it looks at most every two seconds."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._running: Running | None = None
        self._until = 0.0
        self._looking = threading.Lock()

    def running(self) -> Running:
        with self._looking:
            if self._running is None or time.monotonic() > self._until:
                self._running = None
                self._running = require_running(self.settings)
                self._until = time.monotonic() + STALE_SECONDS
            return self._running

    def stacks(self, account: str) -> list[Stack]:
        running = self.running()
        stacks = [Stack(self.settings, name, running, account) for name in self.settings.stacks]
        # Where this machine applies them, its records say which are up; to ask the emulator for each takes long.
        if self.settings.target in SHARED:
            return [stack for stack in stacks if stack.present is not None]
        return [stack for stack in stacks if stack.applied is not None]


def as_object(settings: Settings, running: Running, stacks: Sequence[Stack]) -> dict[str, Any]:
    """The one object of `up --json`, `status --json` and the console's API."""
    server = running.postgres
    return {
        "target": settings.target,
        "state": "degraded" if running.health.sick else "running",
        "endpoint": running.endpoint,
        "region": running.region,
        "account": DEFAULT_ACCOUNT,
        "instance": running.instance,
        "parts": running.health.parts,
        "postgres": None
        if server is None
        else {
            "host": server.host,
            "port": server.port,
            "version": server.version,
            "tls": server.tls,
            "databases": {stack.name: stack.database.url for stack in stacks if stack.database is not None},
        },
        "stacks": {
            stack.name: {
                "outputs": {name: value for name, value in stack.outputs.items() if name not in stack.sensitive},
                "resources": [asdict(resource) for resource in stack.made],
            }
            for stack in stacks
        },
        "apis": {stack.name: stack.url for stack in stacks if stack.url is not None},
        "notes": list(running.notes),
    }


def overview(settings: Settings, running: Running, stacks: Sequence[Stack]) -> dict[str, Any]:
    """That object, with what a page shows beside it: examples ready to be pasted, and what is packed from what."""
    said = as_object(settings, running, stacks)
    by_name = {stack.name: stack for stack in stacks}
    for name, described in said["stacks"].items():
        described.update(_beside(settings, by_name[name]))
    not_up = sorted(settings.stacks.keys() - by_name.keys())
    return {**said, "project": str(settings.project), "not_up": not_up}


def _beside(settings: Settings, stack: Stack) -> Mapping[str, Any]:
    of = stack.stack_settings
    url = stack.url or ""
    relative = {path: _below(settings, path) for path in (of.root, *(zipped.source for zipped in of.zips))}
    return {
        "root": relative[of.root],
        "examples": [example.replace("{url}", shlex.quote(url)) for example in of.examples] if url else [],
        "packages": [
            {
                "name": zipped.name,
                "source": relative[zipped.source],
                "requirements": _below(settings, zipped.requirements) if zipped.requirements else None,
                "layer": zipped.layer,
            }
            for zipped in of.zips
        ],
    }


def _below(settings: Settings, path: Any) -> str:
    return str(path.relative_to(settings.project)) if path.is_relative_to(settings.project) else str(path)
