"""The store: what was acknowledged is there, whatever is killed; an unusable file says what to do."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import sqlite3
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from staticfire.edge.store import Key, Store, StoreFailed, schema
from staticfire.errors import StaticfireError

WRITER = """
import asyncio, sys
from pathlib import Path
from staticfire.edge.store import Key, Store

async def main():
    store = Store(Path(sys.argv[1]))
    async def write(writer):
        number = 0
        while True:
            both = {Key("1", "r", "s", kind, f"{writer}-{number}"): {"number": number} for kind in ("a", "b")}
            await store.write(both, blobs={f"{writer}-{number}": f"{writer}-{number}".encode()})
            print(f"{writer}-{number}", flush=True)
            number += 1
    await asyncio.gather(*(write(writer) for writer in range(8)))

asyncio.run(main())
"""


def key(name: str, kind: str = "function", account: str = "123456789012", region: str = "eu-west-1") -> Key:
    return Key(account, region, "lambda", kind, name)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = Store(tmp_path / "edge.sqlite")
    yield store
    await store.close()


async def test_a_document_is_read_as_it_was_written_and_by_its_whole_key(store: Store) -> None:
    document = {"name": "Grüße", "sizes": [1, 2.5, None], "nested": {"true": True}}
    await store.write({key("one"): document})
    assert store.get(key("one")) == document
    others = (key("One"), key("one", kind="alias"), key("one", account="000000000000"), key("one", region="us-east-1"))
    assert [store.get(other) for other in others] == [None] * 4


async def test_a_list_is_of_one_account_and_region_by_id_and_a_prefix_chooses_children(store: Store) -> None:
    names = ("b:2", "a:1", "b:10", "b", "bb:1", "b:\U0010fffe")
    await store.write({key(name): {"name": name} for name in names} | {key("b:3", region="us-east-1"): {}})
    assert [entry.id for entry, _ in store.list("123456789012", "eu-west-1", "lambda", "function")] == sorted(names)
    children = store.list("123456789012", "eu-west-1", "lambda", "function", "b:")
    assert [document["name"] for _, document in children] == ["b:10", "b:2", "b:\U0010fffe"]


async def test_everywhere_has_every_account_and_region(store: Store) -> None:
    keys = [key("one"), key("one", region="us-east-1"), key("one", account="000000000000")]
    await store.write({entry: {} for entry in (*keys, key("one", kind="alias"))})
    assert {entry for entry, _ in store.everywhere("lambda", "function")} == set(keys)


async def test_a_write_deletes_first_and_puts_then(store: Store) -> None:
    await store.write({key("old"): {}, key("kept"): {"number": 1}})
    await store.write({key("kept"): {"number": 2}}, [key("old"), key("kept")])
    assert store.get(key("old")) is None
    assert store.get(key("kept")) == {"number": 2}


async def test_clear_removes_everything(store: Store) -> None:
    await store.write({key("one"): {}, key("one", kind="alias"): {}})
    await store.clear()
    assert store.everywhere("lambda", "function") == store.everywhere("lambda", "alias") == []


async def test_what_was_written_is_there_for_the_next_store(tmp_path: Path) -> None:
    path = tmp_path / "edge.sqlite"
    for number in range(3):
        store = Store(path)
        assert len(store.everywhere("lambda", "function")) == number
        await store.write({key(str(number)): {"number": number}})
        await store.close()


async def test_a_write_that_the_disk_refuses_fails_and_keeps_nothing_of_it(store: Store, tmp_path: Path) -> None:
    await store.write({key("before"): {}})
    other = sqlite3.connect(tmp_path / "edge.sqlite")
    other.execute("CREATE TRIGGER full BEFORE INSERT ON documents WHEN new.id = 'refused' BEGIN "
                  "SELECT RAISE(ABORT, 'database or disk is full'); END")  # fmt: skip
    other.commit()
    other.close()
    with pytest.raises(StoreFailed, match="disk is full"):
        await store.write({key("half"): {}, key("refused"): {}})
    assert [entry.id for entry, _ in store.everywhere("lambda", "function")] == ["before"]
    await store.write({key("after"): {}})
    assert store.get(key("after")) == {}


async def test_a_caller_that_gives_up_disturbs_nobody(store: Store) -> None:
    given_up = asyncio.create_task(store.write({key("one"): {}}))
    await asyncio.sleep(0)
    given_up.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await given_up
    await store.write({key("two"): {}})
    assert store.get(key("two")) == {}


async def test_a_closed_store_takes_nothing_and_says_so(tmp_path: Path) -> None:
    store = Store(tmp_path / "edge.sqlite")
    last = asyncio.create_task(store.write({key("last"): {}}))
    await asyncio.sleep(0)
    await store.close()
    await last
    with pytest.raises(StoreFailed, match="the edge is stopping"):
        await store.write({key("late"): {}})
    store = Store(tmp_path / "edge.sqlite")
    assert [entry.id for entry, _ in store.everywhere("lambda", "function")] == ["last"]
    await store.close()


@pytest.mark.parametrize("after", [1, 40, 400])
async def test_what_was_acknowledged_is_there_after_kill_9_and_no_write_is_half_there(
    tmp_path: Path, after: int
) -> None:
    path = tmp_path / "edge.sqlite"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, str(path), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    acknowledged = [(await process.stdout.readline()).decode().strip() for _ in range(after)]
    process.kill()
    # What it said before it died; a line that was cut off says nothing.
    acknowledged += [line.decode().strip() async for line in process.stdout if line.endswith(b"\n")]
    await process.wait()
    store = Store(path)
    written = {kind: {entry.id for entry, _ in store.everywhere("s", kind)} for kind in ("a", "b")}
    assert {store.blob(name) for name in written["a"]} == {name.encode() for name in written["a"]}
    assert len(store.blobs_before(2**40)) == len(written["a"])
    await store.close()
    assert len(acknowledged) >= after
    assert set(acknowledged) <= written["a"]
    assert written["a"] == written["b"]


def test_the_file_is_the_users_alone(tmp_path: Path) -> None:
    schema.prepare(tmp_path / "edge.sqlite")
    assert (tmp_path / "edge.sqlite").stat().st_mode & 0o077 == 0


async def test_an_older_file_is_brought_up_and_keeps_what_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "edge.sqlite"
    store = Store(path)
    await store.write({key("one"): {"number": 1}})
    await store.close()
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, "ALTER TABLE documents ADD COLUMN note TEXT;"))
    for _ in range(2):  # the second finds nothing to do
        store = Store(path)
        assert store.get(key("one")) == {"number": 1}
        await store.close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT note FROM documents").fetchall() == [(None,)]


def test_a_newer_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "edge.sqlite"
    schema.prepare(path)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StaticfireError, match="newer Staticfire: it has version 99"):
        Store(path)


@pytest.mark.parametrize("damage", ["not a database", "a page overwritten"])
async def test_a_damaged_file_says_what_to_do(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "edge.sqlite"
    store = Store(path)
    await store.write({key(str(number)): {"text": "x" * 500} for number in range(200)})
    await store.close()
    data, begin = path.read_bytes(), 0 if damage == "not a database" else 8192
    path.write_bytes(data[:begin] + b"damaged" * 600 + data[begin + 4200 :])
    with pytest.raises(StaticfireError) as refused:
        Store(path)
    assert refused.value.checked == (str(path),)
    assert "staticfire down --wipe" in refused.value.remedy


def test_a_process_that_is_being_started_collects_no_garbage() -> None:
    """It would free SQLite's objects under a lock that the writer held at the fork, and hang before its exec."""
    child = os.fork()
    if child == 0:
        os._exit(gc.isenabled())
    assert os.waitpid(child, 0)[1] == 0
    assert gc.isenabled()
