"""Slots: each run has a state directory to itself, and finds again what an earlier one left."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from staticfire.errors import UsageError
from staticfire.progress import Progress
from staticfire.testing.run import StateSlot, WorkerStacks, worker_number

HOLD = """
import pathlib, sys, time
from staticfire.testing.run import StateSlot
slot = StateSlot.claim(pathlib.Path(sys.argv[1]))
print(slot.state, flush=True)
time.sleep(600)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "staticfire.toml").write_text('[stacks.only]\nroot = "infra"\ndatabase = true\n')
    return tmp_path


def test_two_runs_at_the_same_time_have_two_slots(tmp_path: Path) -> None:
    first, second = StateSlot.claim(tmp_path), StateSlot.claim(tmp_path)

    assert first.state != second.state
    first.release()
    second.release()


def test_a_released_slot_is_used_again(tmp_path: Path) -> None:
    first = StateSlot.claim(tmp_path)
    first.release()

    second = StateSlot.claim(tmp_path)

    assert second.state == first.state
    second.release()


def test_the_slot_of_a_killed_run_is_used_again(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        held = holder.stdout.readline().strip()
        meanwhile = StateSlot.claim(tmp_path)
        holder.kill()

    after = StateSlot.claim(tmp_path)

    assert str(meanwhile.state) != held
    assert str(after.state) == held
    meanwhile.release()
    after.release()


@pytest.mark.parametrize(("worker", "number"), [("", 0), ("master", 0), ("gw0", 0), ("gw7", 7), ("gw12", 12)])
def test_a_worker_has_a_number(worker: str, number: int) -> None:
    assert worker_number(worker) == number


def test_each_worker_is_an_account_of_its_own_in_one_state_directory(project: Path) -> None:
    runs = [WorkerStacks(project, project / "slot", None, worker, Progress()) for worker in (0, 1, 12)]

    assert [run.account for run in runs] == ["100000000000", "100000000001", "100000000012"]
    assert {run.settings.state_dir for run in runs} == {project / "slot"}


def test_a_run_takes_free_ports_whatever_the_project_says(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATICFIRE_PORT", "4566")
    monkeypatch.setenv("STATICFIRE_POSTGRES_PORT", "5432")

    run = WorkerStacks(project, project / "slot", None, 0, Progress())

    assert (run.settings.port, run.settings.postgres_port) == (0, 0)


def test_a_run_shares_environments_and_packages_with_the_stack_of_up(project: Path) -> None:
    apart, attached = (WorkerStacks(project, state, None, 0, Progress()).settings for state in (project / "slot", None))

    assert apart.cache_dir == attached.cache_dir
    assert apart.state_dir != attached.state_dir


def test_an_unknown_stack_is_refused_before_anything_starts(project: Path) -> None:
    run = WorkerStacks(project, project / "slot", None, 0, Progress())

    with pytest.raises(UsageError, match="no stack 'onyl'"):
        run.stack("onyl")

    assert not (project / "slot").exists()
