"""What Terraform says: the events of `apply -json`, its diagnostics, the resources of a plan."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from staticfire.progress import Step

COUNTED = (("add", "added"), ("change", "changed"), ("remove", "destroyed"))


@dataclass(frozen=True)
class Resource:
    """A resource of a plan: its address, its type, and what is known of its arguments."""

    address: str
    type: str
    values: Mapping[str, Any]


def planned_resources(module: Mapping[str, Any]) -> Iterator[Resource]:
    """The managed resources of a module of `terraform show -json`, and of the modules below it."""
    for resource in module.get("resources", ()):
        if resource["mode"] == "managed":
            yield Resource(resource["address"], resource["type"], resource.get("values", {}))
    for child in module.get("child_modules", ()):
        yield from planned_resources(child)


class ApplyEvents:
    """What `terraform apply -json` says, a line at a time: counts for the display, whole diagnostics."""

    def __init__(self, step: Step) -> None:
        self.errors: list[str] = []
        self.summary = ""
        self._step = step
        self._done = 0
        self._planned = 0

    def read(self, line: str) -> None:
        try:
            event = json.loads(line)
        except ValueError:
            return
        kind = event.get("type")
        if kind == "planned_change" and event["change"]["action"] != "noop":
            self._planned += 1
        elif kind == "apply_start" and event["hook"]["action"] != "read":
            self._step.note(f"{self._done}/{self._planned} {event['hook']['resource']['addr']}")
        elif kind == "apply_complete" and event["hook"]["action"] != "read":
            self._done += 1
            self._step.note(f"{self._done}/{self._planned} {event['hook']['resource']['addr']} done")
        elif kind == "change_summary" and event["changes"]["operation"] != "plan":
            changes = event["changes"]
            counts = (f"{changes[name]} {word}" for name, word in COUNTED if changes.get(name))
            self.summary = ", ".join(counts) or "no changes"
        elif kind == "diagnostic" and event["diagnostic"]["severity"] == "error":
            self.errors.append(_diagnostic(event["diagnostic"]))


def _diagnostic(diagnostic: Mapping[str, Any]) -> str:
    place = diagnostic.get("range") or {}
    where = f"\n    at {place['filename']}:{place['start']['line']}" if place else ""
    address = f"\n    with {diagnostic['address']}" if diagnostic.get("address") else ""
    detail = diagnostic.get("detail", "").strip().replace("\n", "\n    ")
    return f"  - {diagnostic['summary']}{address}{where}" + (f"\n    {detail}" if detail else "")
