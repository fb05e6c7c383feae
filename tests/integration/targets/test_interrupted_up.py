"""`staticfire up` that is interrupted leaves nothing running that it started, and all of what ran before."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from staticfire.host.leave import INTERRUPTED
from staticfire.host.ports import free_port

# Terraform and the AWS provider are at work for as long as nobody interrupts them.
STACK = """
resource "aws_sqs_queue" "one" {
  name = "one"
}

resource "terraform_data" "endless" {
  provisioner "local-exec" {
    command = "touch '${abspath(path.root)}/endless'; exec sleep 600"
  }
  depends_on = [aws_sqs_queue.one]
}
"""
TERRAFORM = 'terraform {\n  required_providers {\n    aws = { source = "hashicorp/aws" }\n  }\n}\nprovider "aws" {}\n'
SECONDS = 240


def _interruptible() -> None:
    """What a shell starts in the background ignores SIGINT, and so would the command where the tests run there."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Project:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.state = root / ".staticfire"
        (root / "infra").mkdir(parents=True)
        (root / "infra" / "main.tf").write_text(TERRAFORM + STACK)
        (root / "staticfire.toml").write_text('[stacks.shop]\nroot = "infra"\ndefault = false\n')
        self.variables = {**os.environ, "STATICFIRE_PORT": str(free_port())}

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "staticfire", "--project", str(self.root), *arguments]
        return subprocess.Popen(
            command, env=self.variables, stderr=subprocess.PIPE, text=True, preexec_fn=_interruptible
        )

    def run(self, *arguments: str) -> int:
        process = self.begin(*arguments)
        process.communicate(timeout=SECONDS)
        return process.returncode

    def running(self) -> dict[int, str]:
        """The processes that work in the project: by their working directory, command or variables."""
        place, processes = os.fsencode(self.root), {}
        for directory in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                command = (directory / "cmdline").read_bytes()
                cwd = os.fsencode(os.readlink(directory / "cwd"))
                if any(place in part for part in (command, cwd, (directory / "environ").read_bytes())) and command:
                    processes[int(directory.name)] = command.replace(b"\0", b" ").decode(errors="replace")
        return processes

    def interrupted(self, process: subprocess.Popen[str], instant: Callable[[], object]) -> str:
        """Interrupt the command as soon as that holds; what it wrote."""
        deadline = time.monotonic() + SECONDS
        while not instant():
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline, "that instant never came"
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        said: str = process.communicate(timeout=SECONDS)[1]
        assert process.returncode == INTERRUPTED, said
        assert "Traceback" not in said
        return said


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    project = Project(tmp_path / "project")
    yield project
    project.run("down")
    assert project.running() == {}


INSTANTS: dict[str, Callable[[Project], object]] = {
    "Postgres' data is being made": lambda project: (project.state / "postgres" / "data.unfinished").exists(),
    "the emulator has begun": lambda project: (project.state / "ministack").exists(),
    "Terraform applies": lambda project: any(project.state.glob("terraform/**/endless")),
}


@pytest.mark.parametrize("instant", INSTANTS)
def test_what_an_interrupted_up_started_is_gone(project: Project, instant: str) -> None:
    up = project.begin("up", "shop")

    project.interrupted(up, lambda: INSTANTS[instant](project))

    assert project.running() == {}


def test_what_ran_before_stays(project: Project) -> None:
    assert project.run("up", "--detach") == 0
    before = project.running()
    assert len(before) > 3

    project.interrupted(project.begin("up", "shop"), lambda: INSTANTS["Terraform applies"](project))

    assert {pid for pid, command in project.running().items() if "postgres: " not in command} == {
        pid for pid, command in before.items() if "postgres: " not in command
    }
    assert project.run("status") == 0
    assert project.run("down", "--wipe") == 0
    assert {path.name for path in project.state.iterdir()} <= {".gitignore", "lock", "build"}
