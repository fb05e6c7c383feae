"""What the edge keeps goes with the emulator's state, and with nothing less."""

from __future__ import annotations

from pathlib import Path

from staticfire.edge.emulators.life import KeptWithEmulator
from staticfire.edge.store import Key, Store

KEPT = Key("1", "r", "lambda", "function", "f")


async def test_only_another_life_takes_it_away(tmp_path: Path) -> None:
    store = Store(tmp_path / "edge.sqlite")
    kept = KeptWithEmulator(store)
    await kept.follow("a")
    await store.write({KEPT: {}})
    # The second has lost something of the same state: what is described stays.
    for instance in ("a", "a-1", "a-2"):
        await kept.follow(instance)
        assert store.get(KEPT) == {}
    await kept.follow("b")
    assert store.get(KEPT) is None
    await store.write({KEPT: {}})
    await store.close()
    store = Store(tmp_path / "edge.sqlite")
    await KeptWithEmulator(store).follow("b")
    assert store.get(KEPT) == {}
    await store.close()
