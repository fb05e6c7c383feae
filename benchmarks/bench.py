"""Everything that a run measures, each started when it is first needed and ended with the run.

All contenders run at the same time and idle while another one is measured: the rounds are interleaved, so that a
machine that slows down slows all of them down.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from staticfire.host.ports import free_port
from staticfire.layout import Layout
from staticfire.progress import Progress
from staticfire.settings import Zip
from staticfire.stacks import packages as build
from staticfire.targets.base import Running
from staticfire.targets.postgres.server import RunningPostgres
from staticfire.toolchain.runtimes import install_emulator

from .deploy import ACCOUNT, REGION, Account, Database, Packages
from .ministack import ministack
from .offline import offline
from .ours import bench_settings, described, runtime_python, started
from .processes import ROOT, MeasureError, child, listens, wait_for
from .websockets import Held, hold

HANDLERS = ROOT / "benchmarks" / "handlers"
STATE = ROOT / ".staticfire" / "bench"
CONNECTIONS = 16
WEB_SOCKETS = 1_000


class Bench:
    def __init__(self, ends: contextlib.ExitStack, progress: Progress) -> None:
        self._ends = ends
        self._progress = progress
        self.settings = bench_settings(STATE)
        self._work = STATE / "work"
        shutil.rmtree(self._work, ignore_errors=True)
        self._work.mkdir(parents=True)

    @cached_property
    def running(self) -> Running:
        return self._ends.enter_context(started(self.settings, self._progress))

    @cached_property
    def ours(self) -> Account:
        return self._deployed("Staticfire", self.running.endpoint, self._postgres, "bench")

    @cached_property
    def web_sockets(self) -> Held:
        """Measured once: its client alone keeps a core busy."""
        with self._progress.step(f"{WEB_SOCKETS} WebSocket connections"):
            return hold(self.settings, self.running, WEB_SOCKETS, seconds=5)

    @cached_property
    def ministack(self) -> Account:
        python = install_emulator(Layout.of(self.settings), self._progress)
        endpoint = self._ends.enter_context(ministack(python, self.python, self._work / "ministack"))
        return self._deployed("MiniStack alone", endpoint, self._postgres, "bench_ministack")

    @cached_property
    def floor(self) -> str:
        """It gets as many workers as Staticfire has execution environments for the same load."""
        port = free_port()
        log = self._work / "floor.log"
        command = [
            sys.executable,
            "-m",
            "benchmarks.floor",
            str(port),
            str(self._execution_environments("bench-silent")),
        ]
        command += [str(self.python), str(HANDLERS), "silent.handler"]
        process = self._ends.enter_context(child(command, log=log))
        wait_for("the floor", lambda: listens(port), process, log)
        return f"http://127.0.0.1:{port}/silent"

    @cached_property
    def offline(self) -> str:
        with self._progress.step("serverless-offline"):
            variables = Database.create(self._postgres, "bench_offline").variables()
            layer, directory = self.unpacked_layer, self._work / "offline"
            return self._ends.enter_context(offline(self.python, layer, HANDLERS, variables, directory))

    @cached_property
    def python(self) -> Path:
        """The interpreter of the functions, with boto3 and the runtime client."""
        return runtime_python(self.settings, self._progress)

    @cached_property
    def packages(self) -> Packages:
        layout = Layout.of(self.settings)
        # The wheels are for what all contenders run: MiniStack has its functions on a Python of its own.
        stack = self.settings.stack("usage")
        zips = tuple(replace(package, runtime=self.settings.runtimes[0]) for package in stack.zips)
        built = build.build(self.settings, replace(stack, zips=zips))
        handlers = build.build_zip(Zip("bench-handlers", HANDLERS), layout)
        return Packages(handlers, built["usage"], built["schema"], built["layer"])

    @cached_property
    def unpacked_layer(self) -> Path:
        """What the layer puts on a function's path, compiled as the edge compiles it."""
        return self._unpack(self.packages.layer) / "python"

    def plain_loop(self, warm_up: float, seconds: float) -> float:
        """Calls a second of the usage service's handler without Lambda and HTTP, on the stores that ours uses.

        It has as many processes as Staticfire has execution environments for the same load.
        """
        path = [self._unpacked_usage, self.unpacked_layer]
        variables = {
            **self.behind.service_variables,
            "PATH": os.defpath,
            "PYTHONPATH": os.pathsep.join(map(str, path)),
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": ACCOUNT,
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_ENDPOINT_URL": self.behind.endpoint,
        }
        processes = str(self._execution_environments("bench-usage"))
        command = [str(self.python), str(ROOT / "benchmarks" / "plain_loop.py"), processes, str(warm_up), str(seconds)]
        run = subprocess.run(
            command,
            env=variables,
            capture_output=True,
            text=True,
            timeout=warm_up + seconds + 60,
            check=False,
        )
        if run.returncode:
            raise MeasureError(f"the plain loop failed: {run.stderr.strip()[-1000:]}")
        return float(json.loads(run.stdout)["rate"])

    @cached_property
    def behind(self) -> Account:
        """An emulator like the one behind the edge, addressed without an edge; the same database."""
        port, directory = free_port(), self._work / "behind"
        log = directory / "behind.log"
        python = install_emulator(Layout.of(self.settings), self._progress)
        command = [sys.executable, "-m", "benchmarks.behind", str(port), str(python), str(directory)]
        process = self._ends.enter_context(child(command, log=log))
        wait_for("the emulator behind a port", lambda: listens(port), process, log)
        account = self._account(f"http://127.0.0.1:{port}", self.ours.database)
        account.make_stores()
        return account

    @property
    def _postgres(self) -> RunningPostgres:
        return _postgres_of(self.running)

    @cached_property
    def _unpacked_usage(self) -> Path:
        return self._unpack(self.packages.usage)

    def _unpack(self, package: Path) -> Path:
        directory = self._work / package.stem
        with zipfile.ZipFile(package) as archive:
            archive.extractall(directory)
        subprocess.run([str(self.python), "-m", "compileall", "-q", str(directory)], check=True)
        return directory

    def _deployed(self, name: str, endpoint: str, server: RunningPostgres, database: str) -> Account:
        with self._progress.step(f"Deploy to {name}"):
            account = self._account(endpoint, Database.create(server, database))
            account.deploy()
            return account

    def _account(self, endpoint: str, database: Database) -> Account:
        return Account(endpoint, self.settings.runtimes[0], self.packages, database)

    def _execution_environments(self, function: str) -> int:
        return len(described(self.running, function)["environments"]) or CONNECTIONS


def _postgres_of(running: Running) -> RunningPostgres:
    if running.postgres is None:
        raise MeasureError("the embedded target has no Postgres")
    return running.postgres
