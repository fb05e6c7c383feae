"""Staticfire's own stack for a benchmark: the embedded target, in a state directory of its own."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from staticfire.host.ports import free_port
from staticfire.host.processes import ProcessRecord
from staticfire.layout import Layout
from staticfire.progress import Progress
from staticfire.settings import Settings, load
from staticfire.targets.base import Running, target
from staticfire.toolchain.runtimes import install_runtimes

from .processes import ROOT, MeasureError


def bench_settings(state: Path) -> Settings:
    """The project's settings, but for what must not meet the user's own stack. Virtual environments are shared."""
    return load(
        ROOT,
        environ={},
        overrides={
            "state_dir": str(state),
            "port": free_port("127.0.0.1"),
            "runtimes": f"python3.{sys.version_info.minor}",
            "postgres_port": 0,
        },
    )


@contextlib.contextmanager
def started(settings: Settings, progress: Progress) -> Iterator[Running]:
    """The running stack. It ends with the block, and what a killed benchmark left ends before."""
    embedded = target(settings)
    embedded.stop(progress)
    embedded.wipe()
    try:
        yield embedded.start(progress)
    finally:
        embedded.stop(progress)


def runtime_python(settings: Settings, progress: Progress) -> Path:
    """The interpreter that the functions run on."""
    runtimes = install_runtimes(settings, Layout.of(settings), progress)
    return runtimes[settings.runtimes[0]].python


def resident_kilobytes(settings: Settings) -> int:
    """Memory of the edge's process that is in use."""
    process = ProcessRecord.read(Layout.of(settings).process("edge"))
    if process is None:
        raise MeasureError("the edge does not run")
    shown = subprocess.run(["ps", "-o", "rss=", "-p", str(process.pid)], capture_output=True, text=True, check=True)
    return int(shown.stdout)


def described(running: Running, function: str) -> Mapping[str, Any]:
    """A function as the edge sees it: its execution environments among the rest."""
    functions = running.edge().functions()["functions"]
    by_name = {entry["name"]: entry for entry in functions}
    described: Mapping[str, Any] = by_name.get(function, {"environments": []})
    return described
