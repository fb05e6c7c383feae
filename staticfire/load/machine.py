"""The facts of the machine and of the software that a report's figures belong to."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path

from staticfire import __version__

PACKAGES = ("locust", "httptools", "uvloop", "boto3")


@dataclass(frozen=True)
class Machine:
    processor: str
    cores: int
    memory_mb: int
    system: str

    @classmethod
    def this(cls) -> Machine:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return cls(processor(), cores(), memory // 2**20, f"{platform.system()} {platform.release()}")


def versions() -> dict[str, str]:
    installed = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {"staticfire": __version__, "python": platform.python_version(), **installed}


def revision(project: Path) -> str:
    """The commit of the project's code, marked when it has changes; empty where there is none."""
    command = ["git", "-C", str(project), "describe", "--always", "--dirty", "--exclude=*"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except OSError:  # no git
        return ""
    return answer.stdout.strip()


def processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
