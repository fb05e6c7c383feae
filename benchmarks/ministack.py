"""MiniStack alone, as its users run it: its own HTTP APIs and its own Lambda worker."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from staticfire.host.ports import free_port

from .processes import child, listens, wait_for


@contextlib.contextmanager
def ministack(python: Path, directory: Path) -> Iterator[str]:
    """Its endpoint. It starts empty and leaves nothing outside `directory`."""
    port = free_port()
    log = directory / "ministack.log"
    temporary = directory / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    variables = {
        "PATH": os.defpath,
        "HOME": str(directory),
        "TMPDIR": str(temporary),
        "S3_DATA_DIR": str(directory / "s3"),
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
    }
    with child([python, "-m", "ministack"], log=log, env=variables, cwd=directory) as process:
        wait_for("MiniStack", lambda: listens(port), process, log)
        yield f"http://127.0.0.1:{port}"
