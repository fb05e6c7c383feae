"""What the edge keeps belongs to one life of the emulator's state: when that is lost, the edge's own goes with it."""

from __future__ import annotations

import logging

from staticfire.edge.store import Key, Store

log = logging.getLogger(__name__)

_RECORD = Key("", "", "edge", "emulator", "life")


class KeptWithEmulator:
    """An instance names a life; what follows a hyphen in it tells of a loss that leaves the rest as it was."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def follow(self, instance: str) -> None:
        """The emulator's state is of that life now."""
        life = instance.partition("-")[0]
        before = self._store.get(_RECORD)
        if before is not None and before["life"] == life:
            return
        if before is not None:
            log.warning("the emulator's state is gone: the edge's own goes too")
        await self._store.clear()
        await self._store.write({_RECORD: {"life": life}})
