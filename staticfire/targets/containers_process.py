"""The process that starts LocalStack and Postgres with testcontainers, and removes them when it ends.

`python -m staticfire.targets.containers_process RECORD LOCALSTACK_IMAGE POSTGRES_IMAGE` writes RECORD once both are
ready: where they are. It runs until SIGTERM. However it ends, testcontainers' reaper removes what it left.
"""

from __future__ import annotations

import os
import secrets
import signal
import sys
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

from testcontainers.community.localstack import LocalStackContainer
from testcontainers.community.postgres import PostgresContainer
from testcontainers.core.docker_client import DockerClient

from staticfire.errors import StaticfireError
from staticfire.host.files import write_json
from staticfire.host.ports import free_port
from staticfire.host.waiting import wait_until
from staticfire.targets.postgres.server import ADMIN

LOCALSTACK_PORT = 4566
POSTGRES_PORT = 5432
READY_SECONDS = 120
READY = {"localstack": b"Ready.", "postgres": b"database system is ready to accept connections"}

# It stays at home: no analytics, no downloads, no DNS server.
QUIET = {"DISABLE_EVENTS": "1", "SKIP_SSL_CERT_DOWNLOAD": "1", "DNS_ADDRESS": "0"}
TLS = Path(__file__).parent / "postgres" / "tls.sh"


def main(record: Path, localstack_image: str, postgres_image: str) -> None:
    password = secrets.token_urlsafe(24)
    # Published where only this machine reaches them, unless the engine is another machine; on ports that are named, so
    # that they are the same when a container is started again.
    local = DockerClient().host() in ("localhost", "127.0.0.1")
    published: Any = (lambda: ("127.0.0.1", free_port())) if local else free_port
    localstack = LocalStackContainer(localstack_image).with_envs(**QUIET)
    token = os.environ.get("LOCALSTACK_AUTH_TOKEN")
    if token:
        localstack.with_env("LOCALSTACK_AUTH_TOKEN", token)
    localstack.ports = {f"{LOCALSTACK_PORT}": published()}
    postgres = PostgresContainer(postgres_image, username=ADMIN, password=password, dbname="postgres", driver=None)
    postgres.ports = {f"{POSTGRES_PORT}": published()}
    postgres.with_command(["postgres", "-c", "max_connections=300"])
    postgres.with_copy_into_container(TLS.read_bytes(), "/docker-entrypoint-initdb.d/postgres-tls.sh", 0o755)
    with ExitStack() as ending:
        ending.callback(record.unlink, missing_ok=True)
        ending.enter_context(postgres)
        ending.enter_context(localstack)
        identities = {"localstack": localstack.get_container_id(), "postgres": postgres.get_container_id()}
        write_json(record, {**identities, "password": password}, 0o600)
        signal.sigwait({signal.SIGTERM, signal.SIGINT})


def ready(container: Any, name: str) -> None:
    """Wait until a container that was started again says that it is ready."""
    before = container.attrs["State"]["StartedAt"]

    def says_so() -> bool:
        container.reload()
        begun = container.attrs["State"]["StartedAt"]
        return begun != before and READY[name] in container.logs(since=_moment(begun))

    if not wait_until(says_so, READY_SECONDS, 0.2):
        said = container.logs(tail=20).decode(errors="replace")
        raise StaticfireError(f"The container {name} is not ready after {READY_SECONDS} s:\n{said}")


def _moment(text: str) -> float:
    """Docker's time of day, with nanoseconds, as a time stamp."""
    return datetime.fromisoformat(text[:19] + "+00:00").timestamp()


if __name__ == "__main__":
    # Blocked before anything starts: a signal during the start is waited for at its end, and then all is removed.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
