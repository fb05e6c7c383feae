"""Postgres' disk is full: a file system of its own, with no room left."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from pg8000.exceptions import DatabaseError

from staticfire.edge.config import PostgresConfig
from staticfire.edge.services.rds.health import said_by_postgres, write_something
from staticfire.progress import Progress
from staticfire.settings import Settings
from staticfire.targets.postgres.server import Postgres
from tests.integration.service.kit import Api, Stack

SIZE = "160m"


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    place = tmp_path_factory.mktemp("disk")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", place], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"only who may mount a file system can fill one: {mounted.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


@pytest.fixture(scope="module")
def postgres(disk: Path) -> Iterator[Postgres]:
    server = Postgres(Settings(project=disk, state_dir=disk / "state", cache_dir=disk / "state"))
    server.start(Progress())
    assert server.data.is_relative_to(disk), "the server is not on the disk that the test fills"
    yield server
    server.stop()


@contextlib.contextmanager
def full(disk: Path) -> Iterator[None]:
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(1 << 12))
    try:
        yield
    finally:
        filler.unlink()


def test_a_full_disk_is_503_until_there_is_room_and_health_says_so(
    disk: Path, stack: Stack, postgres: Postgres, post: Api
) -> None:
    running = postgres.running()
    assert running is not None
    server = PostgresConfig(running.host, running.port, running.admin_user, running.admin_password)
    assert post("u", "1", key="before")["statusCode"] == 201
    write_something(server)

    with full(disk):
        # What room the table's last page has is used up first.
        answers = [post("u", "1", key=f"k{number}") for number in range(200)]
        refused = {number: answer for number, answer in enumerate(answers) if answer["statusCode"] != 201}
        assert refused
        assert {(answer["statusCode"], answer["headers"]["retry-after"]) for answer in refused.values()} == {(503, "1")}
        with pytest.raises(DatabaseError) as raised:
            write_something(server)
        assert "No space left on device (53100)" in said_by_postgres(raised.value)

    for number in refused:
        assert post("u", "1", key=f"k{number}")["statusCode"] == 201
    write_something(server)
    assert stack.truth() == stack.aggregates() == {"u": (201, Decimal(201))}
