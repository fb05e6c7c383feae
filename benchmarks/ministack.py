"""MiniStack alone, as its users run it: its own HTTP APIs and its own Lambda worker.

Its worker runs functions on its own interpreter, and a function on Lambda finds boto3 without bringing it: it is put
beside MiniStack's own packages, none of which it replaces.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from staticfire.host.ports import free_port

from .processes import child, listens, wait_for


@contextlib.contextmanager
def ministack(python: Path, of_functions: Path, directory: Path) -> Iterator[str]:
    """Its endpoint. It starts empty and leaves nothing outside `directory`. `of_functions` is the interpreter that the
    others run functions on."""
    port = free_port()
    log = directory / "ministack.log"
    temporary = directory / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    variables = {
        "PATH": os.defpath,
        "HOME": str(directory),
        "TMPDIR": str(temporary),
        "S3_DATA_DIR": str(directory / "s3"),
        "PYTHONPATH": str(_missing(python, of_functions, directory / "packages")),
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
    }
    with child([python, "-m", "ministack"], log=log, env=variables, cwd=directory) as process:
        wait_for("MiniStack", lambda: listens(port), process, log)
        yield f"http://127.0.0.1:{port}"


def _missing(python: Path, of_functions: Path, into: Path) -> Path:
    """A directory with what the functions' interpreter has and MiniStack's does not."""
    into.mkdir()
    (theirs,) = python.parent.parent.glob("lib/python*/site-packages")
    (ours,) = of_functions.parent.parent.glob("lib/python*/site-packages")
    for package in ours.iterdir():
        if not (theirs / package.name).exists():
            (into / package.name).symlink_to(package)
    return into
