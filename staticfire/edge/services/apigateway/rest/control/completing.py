"""Deployments completed by what the same apply of Terraform described after them.

A deployment freezes what is there when it is made. A Terraform root whose deployment does not depend on, say, the
integration responses makes both side by side; AWS is slow enough for most of them to come out right, and here the
deployment was often first: every request was then a 500. Whoever applies knows when the apply began, and has the
deployments of it freeze the API once more as it is at the end, which is what the root describes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from staticfire.edge.aws.calls import Scope
from staticfire.edge.services.apigateway.rest.records import FROZEN, Record, RestRecords


class LateChanges:
    def __init__(self, records: RestRecords) -> None:
        self._records = records

    async def complete(self, account: str, since: float) -> Sequence[Mapping[str, Any]]:
        """Of an account's deployments since then: those that lacked something, and what."""
        completed: list[Mapping[str, Any]] = []
        for at, api in self._records.everywhere("rest-api"):
            if at.account != account:
                continue
            scope = Scope(at.account, at.region)
            async with self._records.changing(scope, api["id"]):
                entries = self._records.entries(scope, "rest-deployment", api["id"])
                for key, deployment in [entry for entry in entries if entry[1]["_made"] >= since * 1e9]:
                    now = self._records.snapshot(scope, api["id"])
                    if late := list(_late(deployment["_snapshot"], now)):
                        await self._records.write({key: {**deployment, "_snapshot": now}})
                        completed.append({"api": api["id"], "name": api["name"], "late": late})
        return completed


def _late(before: Record, after: Record) -> Iterator[str]:
    """What of an API is not as it was, in words: `POST /orders`, `gateway response DEFAULT_4XX`."""
    if before["api"] != after["api"]:
        yield "the API itself"
    for member, kind in FROZEN.items():
        what = kind.removeprefix("rest-").replace("-", " ")
        frozen, there = ({_name(member, record): record for record in one[member]} for one in (before, after))
        for name in sorted(frozen.keys() | there.keys()):
            if member == "resources":
                yield from _methods(name, frozen.get(name, {}), there.get(name, {}))
            elif frozen.get(name) != there.get(name):
                yield f"{what} {name}"


def _name(member: str, record: Record) -> str:
    return str(record["path"] if member == "resources" else record.get("name") or record.get("responseType"))


def _methods(path: str, before: Record, after: Record) -> Iterator[str]:
    if {**before, "resourceMethods": {}} != {**after, "resourceMethods": {}}:
        yield path
    frozen, there = (one.get("resourceMethods", {}) for one in (before, after))
    verbs = sorted(frozen.keys() | there.keys())
    yield from (f"{verb} {path}" for verb in verbs if frozen.get(verb) != there.get(verb))
