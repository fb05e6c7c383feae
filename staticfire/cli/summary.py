"""What `up` and `status` print: where everything is reached, as text and as one object."""

from __future__ import annotations

import os
import shlex
import shutil
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from staticfire.console.process import ConsoleProcess
from staticfire.console.stack_now import as_object as described
from staticfire.settings import Settings
from staticfire.stacks.stack import Stack, chosen_stacks
from staticfire.stacks.terraform.variables import DEFAULT_ACCOUNT
from staticfire.targets.base import Running


def print_summary(settings: Settings, running: Running, stacks: Sequence[Stack]) -> None:
    print(f"\nendpoint  {running.endpoint}  (region {running.region}, account {DEFAULT_ACCOUNT})")
    if console := ConsoleProcess(settings).address:
        print(f"console   {console}")
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
    console = ConsoleProcess(settings).address
    return {**described(settings, running, stacks), "console": console}


def own_name() -> str:
    """How the user can call this command from here."""
    script = Path(sysconfig.get_path("scripts")) / "staticfire"
    if shutil.which("staticfire") or not script.exists():
        return "staticfire"
    return os.path.relpath(script)
