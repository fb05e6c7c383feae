"""What `up` and `status` print: where everything is reached, as text and as one object."""

from __future__ import annotations

import os
import shlex
import shutil
import sysconfig
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from staticfire.settings import Settings
from staticfire.stacks.stack import Stack, chosen_stacks
from staticfire.stacks.terraform.variables import DEFAULT_ACCOUNT
from staticfire.targets.base import Running


def print_summary(settings: Settings, running: Running, stacks: Sequence[Stack]) -> None:
    print(f"\nendpoint  {running.endpoint}  (region {running.region}, account {DEFAULT_ACCOUNT})")
    for stack in stacks:
        print("", *stack.summary(), sep="\n")
    notes = [*running.notes, *(f"{stack.name}: {note}" for stack in stacks for note in stack.notes)]
    if notes:
        print("", *(f"note: {note}" for note in notes), sep="\n")
    elsewhere = not Path.cwd().is_relative_to(settings.project)
    command = own_name() + (f" --project {shlex.quote(os.path.relpath(settings.project))}" if elsewhere else "")
    print(f'\nlogs: `{command} logs -f`   shell: `eval "$({command} env)"`   end: `{command} down`')


def as_object(settings: Settings, running: Running) -> dict[str, Any]:
    """The one object of `up --json` and `status --json`."""
    stacks = [stack for stack in chosen_stacks(settings, running) if stack.present is not None]
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


def own_name() -> str:
    """How the user can call this command from here."""
    script = Path(sysconfig.get_path("scripts")) / "staticfire"
    if shutil.which("staticfire") or not script.exists():
        return "staticfire"
    return os.path.relpath(script)
