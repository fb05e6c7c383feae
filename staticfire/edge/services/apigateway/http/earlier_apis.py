"""What HTTP APIs served before the emulator lost its state: what is not there again yet is not a 404.

An emulator that was restarted knows nothing until the stacks are applied to it. A client that gets a 404 meanwhile
believes that its API is gone; it gets a 503 and the reason.

    served -> (the emulator's state is lost, or the edge starts) -> lost -> served again, or deleted
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from staticfire.host.files import read_json, write_json

from .model import DEFAULT_STAGE
from .routes import RouteTable

Stages = Mapping[str, Sequence[str]]


class EarlierApis:
    """The routes of each API, by stage; kept in `path`, since the edge's own end looks the same to a client."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._served: dict[str, Stages] = {}
        self._lost: dict[str, Stages] = read_json(path) or {}

    def serves(self, api_id: str, stages: Stages) -> None:
        """The API was learned: this is what it serves now."""
        before, lost = self._served.get(api_id), self._lost.get(api_id, {})
        self._served[api_id] = stages
        if all(set(routes) <= set(stages.get(stage, ())) for stage, routes in lost.items()):
            self._lost.pop(api_id, None)
        if before != stages:
            self._save()

    def deleted(self, api_id: str) -> None:
        """The API, or something of it, was deleted on purpose."""
        served, lost = self._served.pop(api_id, None), self._lost.pop(api_id, None)
        if served or lost:
            self._save()

    def lose(self) -> None:
        """The emulator's state is gone."""
        self._lost |= self._served
        self._served = {}

    def had(self, api_id: str, stage: str | None, method: str, path: str) -> bool:
        """Whether a lost API took this request; `stage` None: the path's first segment may name it."""
        stages = self._lost.get(api_id)
        if stages is None:
            return False
        if stage is None:
            first, slash, rest = path[1:].partition("/")
            stage, path = (first, f"{slash or '/'}{rest}") if first in stages else (DEFAULT_STAGE, path)
        table = RouteTable((route, True) for route in stages.get(stage, ()))
        return table.match(method, path) is not None

    def _save(self) -> None:
        write_json(self._path, self._lost | self._served)
