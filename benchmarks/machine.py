"""The facts of the machine and of the software that a run's figures belong to."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from staticfire.load.machine import cores, processor

PACKAGES = ("httptools", "uvloop", "boto3", "pg8000")


def facts() -> Mapping[str, str]:
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": processor(),
        "cores": str(cores()),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "node": _first_line(["node", "--version"]),
        "revision": _first_line(["git", "rev-parse", "--short", "HEAD"]),
        **versions,
    }


def _first_line(command: list[str]) -> str:
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True, cwd=Path(__file__).parent)
    except (OSError, subprocess.SubprocessError):
        return "none"
    return run.stdout.splitlines()[0] if run.stdout else "none"
