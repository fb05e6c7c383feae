"""`staticfire load usage`, as a user runs it: every profile, integrity, the report; and what ends a run early.

The runs are short and slow, so what they measure says nothing: no figure of time or rate is looked at.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from staticfire.load.record import Record
from staticfire.testing.kit import AccountFaults, AwsClients, StackUnderTest, wait_until
from staticfire.testing.run import OwnStack

pytestmark = [pytest.mark.load, pytest.mark.chaos]

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "docs/load-report.schema.json").read_text(encoding="utf-8"))
PATIENT = ("--max-p95", "60s", "--max-errors", "0", "--min-rate", "0.01", "--warm-up", "2s")
PROFILES = {
    "steady": ("--duration", "5s", "--rate", "20"),
    "ramp": ("--duration", "33s", "--rate", "160"),
    "spike": ("--duration", "9s", "--rate", "40"),
    "soak": ("--duration", "5s", "--rate", "20"),
    "flood": ("--duration", "5s", "--users", "2"),
}


@pytest.fixture
def staticfire_stack(staticfire_own: OwnStack) -> StackUnderTest:
    """Every other fixture means the stack apart."""
    return staticfire_own.stack


class Loads:
    """`staticfire load usage` on the stack apart: to its end, or as a process that something is done to."""

    def __init__(self, own: OwnStack) -> None:
        self._own = own
        self.reports: Path = own.settings.state_dir / "reports"

    def run(self, *options: str) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
        with self._new_report() as report:
            done = self._own.command("load", "usage", *PATIENT, *options)
            return done, report()

    @contextmanager
    def started(self, *options: str) -> Iterator[tuple[subprocess.Popen[str], Callable[[], dict[str, Any]]]]:
        environ = os.environ | {"STATICFIRE_STATE_DIR": str(self._own.settings.state_dir), "STATICFIRE_PORT": "0"}
        command = [sys.executable, "-m", "staticfire", "load", "usage", *PATIENT, *options]
        with self._new_report() as report:
            process = subprocess.Popen(
                command, cwd=ROOT, env=environ, stderr=subprocess.PIPE, text=True, preexec_fn=_heed_interrupts
            )
            try:
                yield process, report
            finally:
                process.kill()
                process.communicate()

    @contextmanager
    def _new_report(self) -> Iterator[Callable[[], dict[str, Any]]]:
        before = self.directories()

        def report() -> dict[str, Any]:
            [directory] = self.directories() - before
            assert (directory / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
            document: dict[str, Any] = json.loads((directory / "report.json").read_text(encoding="utf-8"))
            jsonschema.validate(document, SCHEMA)
            return document

        yield report

    def directories(self) -> set[Path]:
        """Beside them lies the index of all runs."""
        return {path for path in self.reports.iterdir() if path.is_dir()} if self.reports.exists() else set()

    def processes(self) -> list[int]:
        """Of Locust, that belong to a run of this stack: what they write goes below its state directory."""
        pids = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                command = (path / "cmdline").read_bytes().split(b"\0")
                environ = (path / "environ").read_bytes()
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue  # ended just now, or somebody else's
            if b"locust" in command and str(self.reports).encode() in environ:
                pids.append(int(path.name))
        return pids


def _heed_interrupts() -> None:
    """As in a terminal, even where the test run was started in the background, with SIGINT ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


# Once more what the run has written last, as nobody sent it.
AGAIN = """
select count(*) from (
  select user_id, usage from usage_events where idempotency_key is not null order by recorded_at desc limit 20
) last, lateral record_usage(gen_random_uuid(), user_id, usage, null)
"""

WRONG_TOTALS = """
update usage_totals set events = events + 500, total = total + 1000000
where shard = (select min(shard) from usage_totals)
"""

Deployed = Callable[[], set[str]]


@pytest.fixture
def loads(staticfire_own: OwnStack) -> Loads:
    return Loads(staticfire_own)


@pytest.fixture
def deployed(aws: AwsClients) -> Deployed:
    """The names of the functions and APIs that there are for the breakdown."""

    def names() -> set[str]:
        functions = aws("lambda").list_functions()["Functions"]
        apis = aws("apigatewayv2").get_apis()["Items"]
        every = {function["FunctionName"] for function in functions} | {api["Name"] for api in apis}
        return {name for name in every if "-load-" in name}

    return names


@pytest.mark.parametrize("profile", PROFILES)
def test_a_short_run_of_every_profile_loses_nothing_and_leaves_a_report(loads: Loads, profile: str) -> None:
    done, report = loads.run("--profile", profile, "--breakdown", "0", *PROFILES[profile])

    # Whether a step of the ramp holds its rate is the machine's matter.
    assert [failure for failure in report["failures"] if not failure.startswith("threshold rate")] == [], done.stderr
    assert done.returncode == (0 if report["passed"] else 1)
    assert report["profile"] == profile
    assert report["integrity"]["holds"]
    assert report["integrity"]["acknowledged"] > 0
    assert {route["name"] for route in report["measured"]["routes"]} >= {"POST /usage"}
    assert report["measured"]["failures"] == 0
    assert report["warm_up"]["seconds"] >= 1  # how many are answered in it is the machine's matter
    assert report["aws"], report["warnings"]
    assert all(report["aws"][section] for section in ("needs", "ceilings", "costs"))
    assert any(second["environments"] for second in report["series"])
    assert "usage-api" in {function["name"] for function in report["functions"]}


def test_two_workers_measure_one_load_and_the_breakdown_leaves_nothing_behind(loads: Loads, deployed: Deployed) -> None:
    done, report = loads.run("--profile", "steady", *PROFILES["steady"], "--workers", "2", "--breakdown", "1")

    assert done.returncode == 0, done.stderr
    assert report["generator"]["processes"] == 2
    assert [variant["name"] for variant in report["breakdown"]] == ["empty", "without stores", "with postgres", "whole"]
    assert deployed() == set()
    assert loads.processes() == []

    # What a variant wrote to Postgres alone has reached DynamoDB too.
    done, report = loads.run("--profile", "steady", *PROFILES["steady"], "--breakdown", "0")
    assert done.returncode == 0, done.stderr
    assert report["integrity"]["drifted_users"] == 0


def test_a_threshold_that_does_not_hold_fails_the_run_and_is_named(loads: Loads) -> None:
    done, report = loads.run("--profile", "steady", *PROFILES["steady"], "--breakdown", "0", "--min-rate", "10000")

    assert done.returncode == 1
    assert "threshold rate" in done.stderr
    assert not report["passed"]


def test_a_killed_worker_fails_the_run_and_is_named(loads: Loads) -> None:
    with loads.started("--profile", "steady", "--duration", "10m", "--rate", "20", "--workers", "2") as (
        process,
        report,
    ):
        _wait_for_measurements(loads, process)
        worker = next(pid for pid in loads.processes() if b"--worker" in Path(f"/proc/{pid}/cmdline").read_bytes())
        os.kill(worker, signal.SIGKILL)
        _, said = process.communicate(timeout=120)

        assert process.returncode == 1
        assert f"(pid {worker}) was killed by SIGKILL" in said
        assert not report()["passed"]
        assert report()["integrity"]["holds"]
    assert loads.processes() == []


def test_an_interrupted_run_reports_what_was_measured_and_leaves_no_process(loads: Loads) -> None:
    with loads.started("--profile", "soak", "--rate", "20") as (process, report):
        _wait_for_measurements(loads, process)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)

        assert process.returncode == 130
        assert report()["interrupted"]
        assert report()["integrity"]["holds"]
        assert report()["measured"]["requests"] > 0
    assert loads.processes() == []


def test_events_that_both_stores_count_twice_fail_the_run(loads: Loads, staticfire_stack: StackUnderTest) -> None:
    with loads.started("--profile", "steady", "--duration", "20s", "--rate", "20", "--breakdown", "0") as (
        process,
        report,
    ):
        _wait_for_measurements(loads, process)
        with staticfire_stack.connect() as connection:
            connection.run(AGAIN)
        staticfire_stack.functions.invoke(staticfire_stack.outputs["reconcile_function_name"], {})
        _, said = process.communicate(timeout=120)

        assert process.returncode == 1
        assert "20 doubled" in said
        assert (report()["verdict"], report()["integrity"]["doubled"]) == ("failed", 20)
        assert report()["integrity"]["drifted_users"] == 0


def test_wrong_totals_behind_the_average_fail_the_run_that_made_them_and_not_the_next(
    loads: Loads, staticfire_stack: StackUnderTest
) -> None:
    options = ("--profile", "steady", "--rate", "20", "--breakdown", "0")
    with loads.started(*options, "--duration", "20s") as (process, report):
        _wait_for_measurements(loads, process)
        with staticfire_stack.connect() as connection:
            connection.run(WRONG_TOTALS)
        process.communicate(timeout=120)

        assert process.returncode == 1
        assert report()["integrity"]["drifted_totals"] == 1

    done, after = loads.run(*options, "--duration", "5s")
    assert done.returncode == 0, done.stderr
    assert after["integrity"]["drifted_totals"] == 0


def test_a_killed_edge_leaves_a_report_whose_writes_can_be_looked_up_later(
    loads: Loads, staticfire_own: OwnStack
) -> None:
    before = loads.directories()
    with loads.started("--profile", "soak", "--rate", "20") as (process, report):
        _wait_for_measurements(loads, process)
        staticfire_own.kill("edge")
        _, said = process.communicate(timeout=120)
        [directory] = loads.directories() - before

        assert process.returncode == 8
        assert f"staticfire load usage --check {directory}" in said
        assert (report()["verdict"], report()["integrity"]) == ("cannot be told", None)
        assert report()["measured"]["requests"] > 0
    assert loads.processes() == []

    staticfire_own.up()
    done = staticfire_own.command("load", "usage", "--check", str(directory))
    assert done.returncode == 0, done.stderr
    integrity = json.loads((directory / "report.json").read_text())["integrity"]
    assert integrity["holds"]
    assert integrity["acknowledged"] > 0
    assert staticfire_own.command("load", "usage", "--check", str(directory)).returncode == 2


def test_a_run_under_a_fault_is_worse_than_the_one_before_and_fails_the_gate(
    loads: Loads, faults: AccountFaults
) -> None:
    options = ("--profile", "steady", "--rate", "10", "--duration", "33s", "--breakdown", "0")
    before = loads.directories()
    done, _ = loads.run(*options)
    assert done.returncode == 0, done.stderr
    [earlier] = loads.directories() - before

    with faults("dynamodb", "UpdateItem", kind="delay", seconds=0.8):
        done, report = loads.run(*options, "--compare", str(earlier), "--fail-on-worse")

    assert done.returncode == 1
    assert "FAILED: worse than the earlier run: " in done.stderr
    [row] = [line for line in done.stdout.splitlines() if line.startswith("  p50 ms")]
    assert row.endswith("worse")
    [fault] = report["faults"]
    assert "dynamodb:UpdateItem  delay, 0.8 s late" in fault
    assert report["comparison"]["differences"] == [f"faults: none before, {fault} now"]


def test_an_interrupted_breakdown_leaves_nothing(loads: Loads, deployed: Deployed) -> None:
    options = ("--profile", "steady", *PROFILES["steady"], "--breakdown", "100")
    with loads.started(*options) as (process, report):
        wait_until(deployed, "the functions of the breakdown", 120)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)

        assert process.returncode == 130
        assert report()["breakdown"] == []
    assert deployed() == set()
    assert loads.processes() == []


def _wait_for_measurements(loads: Loads, process: subprocess.Popen[str]) -> None:
    """The first run on a machine measures the generator's ceiling before, and each asks Terraform for its plan."""
    wait_until(lambda: _measuring(loads) or process.poll() is not None, "a run under way", 300)
    assert process.poll() is None, process.communicate()[1]


def _measuring(loads: Loads) -> bool:
    """Whether the warm-up of the latest run is over, and something was measured after it."""
    directories = loads.reports.iterdir() if loads.reports.exists() else ()
    latest = max(directories, key=lambda directory: directory.stat().st_mtime, default=None)
    record = Record.read(latest / "record.jsonl") if latest else None
    return record is not None and not record.ended and record.total(record.measured).requests > 0
