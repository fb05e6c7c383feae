"""After `docker compose up --wait` alone the command line outside tells what is so; it applied nothing itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from staticfire.layout import Layout
from staticfire.settings import Settings
from staticfire.stacks.terraform.variables import DEFAULT_ACCOUNT
from staticfire.targets.base import Running
from tests.compose.conftest import PROJECT


@pytest.fixture
def unrecorded(settings: Settings) -> None:
    """As if nothing had ever been applied from this machine."""
    Layout.of(settings).applied(DEFAULT_ACCOUNT, "usage").unlink(missing_ok=True)


def said(*arguments: str) -> str:
    command = [sys.executable, "-m", "staticfire", "--project", str(PROJECT), *arguments]
    done = subprocess.run(command, env={**os.environ, "STATICFIRE_TARGET": "compose"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.usefixtures("unrecorded")
def test_status_names_the_api_that_deploy_applied_and_it_answers(running: Running) -> None:
    status = json.loads(said("status", "--json"))
    url = status["apis"]["usage"]
    assert url.startswith(f"{running.endpoint}/_aws/execute-api/")
    assert "usage" in status["postgres"]["databases"]
    answer = subprocess.run(["curl", "-sf", f"{url}/stats/average"], capture_output=True, text=True, check=True)
    assert "average" in json.loads(answer.stdout)
    text = said("status")
    assert f"API       {url}" in text
    assert "usage: not applied" not in text


@pytest.mark.usefixtures("unrecorded")
def test_env_leads_to_the_endpoint_and_to_the_stacks_database(running: Running) -> None:
    exports = said("env").splitlines()
    assert f"export AWS_ENDPOINT_URL={running.endpoint}" in exports
    assert "export PGDATABASE=usage" in exports


def test_the_doctor_knows_its_own_port(settings: Settings) -> None:
    port = json.loads(said("doctor", "--json"))["Port"]
    assert port["ok"], port
    assert "this project's stack is running" in port["result"]


@pytest.mark.usefixtures("deployed")  # functions have run
def test_the_doctor_tells_what_is_so_in_the_edges_container() -> None:
    isolation = json.loads(said("doctor", "--json"))["Isolation"]
    assert isolation["ok"], isolation
    assert isolation["result"].startswith("namespaces, in the edge's container")
