"""Tests that share a stack share a worker of pytest's, and are not divided among several."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scenarios.conftest import group_of

ROOT = Path(__file__).parents[3]
STACKS = ("gateway", "gateway-image", "usage")
CONFTEST = """
import os

from scenarios.conftest import ByStack, pytest_xdist_make_scheduler

def pytest_runtest_logreport(report):
    if report.when == "call" and "PYTEST_XDIST_WORKER" not in os.environ:
        print("\\nran", report.nodeid, report.node.gateway.id)
"""
TESTS = """
import pytest

@pytest.mark.parametrize("number", range(6))
def test_it(number):
    pass
"""


@pytest.mark.parametrize(
    ("nodeid", "group"),
    [
        ("scenarios/gateway/test_routes.py::test_a[gateway]", "gateway"),
        ("scenarios/gateway/test_limits.py::test_b[gateway-image-GET]", "gateway-image"),
        ("scenarios/gateway/test_limits.py::test_c[GET-gateway-image]", "gateway-image"),
        ("scenarios/usage/test_ingest.py::test_d", "usage"),
        ("scenarios/usage/test_chaos.py::test_e", "scenarios/usage/test_chaos.py"),
        ("scenarios/test_roles.py::test_f[usage]", "scenarios/test_roles.py"),
        ("tests/conformance/test_names.py::test_g[usage-gateway-image]", "tests/conformance/test_names.py"),
    ],
)
def test_scenarios_go_by_stack_and_the_rest_by_file(nodeid: str, group: str) -> None:
    assert group_of(nodeid, STACKS) == group


def test_each_group_runs_on_one_worker(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    for name in ("a", "b"):
        directory = tmp_path / "scenarios" / name
        directory.mkdir(parents=True)
        for file in (f"test_{name}_1.py", f"test_{name}_2.py"):
            (directory / file).write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadgroup", "-s", "--rootdir", str(tmp_path)]
    options = ["-c", "/dev/null", "-p", "no:cacheprovider", "-p", "no:staticfire", "scenarios"]
    variables = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    run = subprocess.run([*command, *options], cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)
    ran = [line.split() for line in run.stdout.splitlines() if line.startswith("ran ")]
    assert len(ran) == 24, run.stdout + run.stderr
    workers = {(nodeid.split("/")[1], worker) for _, nodeid, worker in ran}
    assert len(workers) == 2, run.stdout
    assert {stack for stack, _ in workers} == {"a", "b"}
