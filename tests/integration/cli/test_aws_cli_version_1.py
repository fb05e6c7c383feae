"""After `staticfire env` the AWS CLI in version 1, the real one, stays on this machine with every service."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from staticfire import boto
from staticfire.cli.main import run
from staticfire.layout import Layout
from staticfire.settings import load
from staticfire.stacks.terraform.variables import DEFAULT_ACCOUNT
from staticfire.toolchain.venvs import virtual_environment
from tests.integration.edge.kit import Edge

ROOT = Path(__file__).parents[3]
REGION = "us-east-1"  # where version 1 has another name for each of these services


@pytest.fixture(scope="module")
def edge(ministack_python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    edge = Edge(ministack_python, tmp_path_factory.mktemp("edge"))
    yield edge
    edge.end()


@pytest.fixture(scope="module")
def cli() -> Path:
    """The directory with AWS CLI version 1."""
    lock = ROOT / "requirements" / "awscli.txt"
    return virtual_environment("awscli", lock, Path(sys.executable), Layout.of(load(ROOT))).parent


@pytest.fixture
def project(edge: Edge, tmp_path: Path) -> Path:
    (tmp_path / "staticfire.toml").write_text(f"[staticfire]\ntarget = 'external'\nendpoint = '{edge.endpoint}'\n")
    return tmp_path


@pytest.fixture
def shell(cli: Path) -> Mapping[str, str]:
    """A shell's variables without any of the caller's for AWS; no proxy leads anywhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "STATICFIRE_"))}
    nowhere = dict.fromkeys(("HTTPS_PROXY", "https_proxy"), "http://127.0.0.1:9")
    return {**kept, **nowhere, "PATH": f"{cli}{os.pathsep}{os.environ['PATH']}"}


@pytest.mark.parametrize("program", ["sh", "bash"])
@pytest.mark.parametrize("call", ["sqs list-queues", "rds describe-db-instances", "docdb describe-db-clusters"])
def test_a_call_reaches_the_edge_from_the_shell_and_from_a_script_below_it(
    edge: Edge, project: Path, shell: Mapping[str, str], program: str, call: str
) -> None:
    boto.client(edge.endpoint, REGION, DEFAULT_ACCOUNT, "sqs").create_queue(QueueName="here")
    staticfire = f"'{sys.executable}' -m staticfire --project '{project}'"
    script = (
        f'set -e; eval "$({staticfire} env)"; aws {call}; sh -c "aws {call}"; eval "$({staticfire} env)"; aws {call}'
    )

    done = subprocess.run([program, "-c", script], env=shell, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    decoder, answers, rest = json.JSONDecoder(), [], done.stdout.strip()
    while rest:
        answer, end = decoder.raw_decode(rest)
        answers.append(answer)
        rest = rest[end:].strip()
    assert len(answers) == 3
    assert answers[0] == answers[1] == answers[2]
    if call == "sqs list-queues":
        assert [url.rpartition("/")[2] for url in answers[0]["QueueUrls"]] == ["here"]


def test_a_flag_of_the_users_own_wins(edge: Edge, project: Path, shell: Mapping[str, str]) -> None:
    script = f"eval \"$('{sys.executable}' -m staticfire --project '{project}' env)\"; "
    script += "aws sqs list-queues --endpoint-url http://127.0.0.1:9"
    done = subprocess.run(["sh", "-c", script], env=shell, capture_output=True, text=True, check=False)
    assert "http://127.0.0.1:9" in done.stderr


def test_the_doctor_warns_of_version_1_outside_such_a_shell(
    project: Path, shell: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", shell["PATH"])
    monkeypatch.setenv("STATICFIRE_CACHE_DIR", str(project))  # the doctor counts the bytes of the cache
    run(["--project", str(project), "doctor"])
    assert "note  AWS CLI: 1." in capsys.readouterr().out
    script = f"eval \"$('{sys.executable}' -m staticfire --project '{project}' env)\"; "
    script += f"'{sys.executable}' -m staticfire --project '{project}' doctor"
    variables = {**shell, "STATICFIRE_CACHE_DIR": str(project)}
    done = subprocess.run(["sh", "-c", script], env=variables, capture_output=True, text=True, check=False)
    assert "ok    AWS CLI: 1." in done.stdout
