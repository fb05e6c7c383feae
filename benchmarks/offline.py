"""serverless-offline with the same handlers, where Node is on the machine."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from staticfire.host.ports import free_port

from .processes import MeasureError, child, listens, wait_for

PROJECT = Path(__file__).parent / "offline"
MODULES = PROJECT / "node_modules"


def install() -> None:
    """What package-lock.json names, once: npm writes its own lock file into node_modules at the end."""
    lock, installed = PROJECT / "package-lock.json", MODULES / ".package-lock.json"
    if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
        return
    npm = shutil.which("npm")
    if npm is None:
        raise MeasureError("npm is not on this machine")
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    run = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=600, check=False)
    if run.returncode:
        raise MeasureError(f"npm ci failed: {run.stderr.strip()[-500:]}")


@contextlib.contextmanager
def offline(python: Path, layer: Path, handlers: Path, database: Mapping[str, str], directory: Path) -> Iterator[str]:
    """Its base URL. The handlers run on `python`, with `layer` on their path."""
    node = shutil.which("node")
    if node is None:
        raise MeasureError("node is not on this machine")
    install()
    shutil.copytree(handlers, directory, dirs_exist_ok=True)
    shutil.copy(PROJECT / "serverless.yml", directory)
    (directory / "node_modules").symlink_to(MODULES)
    port, lambda_port = free_port(), free_port()
    variables = {
        **database,
        "PATH": os.pathsep.join([str(python.parent), str(Path(node).parent), os.defpath]),
        "PYTHONPATH": str(layer),
        "HOME": str(directory),
        "SLS_TELEMETRY_DISABLED": "1",
        "SLS_NOTIFICATIONS_MODE": "off",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    command = [node, str(MODULES / "serverless" / "bin" / "serverless.js"), "offline", "--host", "127.0.0.1"]
    command += ["--httpPort", str(port), "--lambdaPort", str(lambda_port), "--noPrependStageInUrl"]
    log = directory / "offline.log"
    with child(command, log=log, env=variables, cwd=directory) as process:
        wait_for("serverless-offline", lambda: listens(port), process, log)
        yield f"http://127.0.0.1:{port}"
