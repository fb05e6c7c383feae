"""A container of the stack ends in the middle of traffic: clear errors, and all is well again without anybody's help.

Each is ended from inside, as a crash ends it. `docker kill` would be the user's will: Docker then waits, by design, to
be told to start the container again.
"""

from __future__ import annotations

import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
import urllib3.exceptions

from staticfire.settings import Settings
from staticfire.targets.compose import Compose
from staticfire.testing.kit import StackUnderTest, wait_until

PATIENCE = 400.0

# Postgres' immediate shutdown is its crash; the edge is a child of tini's, so it can be killed.
ENDS = {
    "localstack": "kill -TERM 1",
    "postgres": "kill -QUIT 1",
    "edge": 'python -c \'import os,signal; os.kill(min(p for p in map(int, filter(str.isdigit, os.listdir("/proc")))'
    " if p > 1), signal.SIGKILL)'",
}


@pytest.mark.parametrize("service", ENDS)
def test_a_container_that_ended_under_traffic_costs_nothing_that_was_acknowledged(
    service: str, settings: Settings, deployed: StackUnderTest
) -> None:
    compose = Compose(settings)
    acknowledged: dict[str, Decimal] = {}
    refused: list[int] = []
    enough = threading.Event()

    def post(user: str) -> None:
        while not enough.is_set():
            usage = Decimal(len(acknowledged) % 100)
            try:
                answer = deployed.api.post("/usage", json={"user": user, "usage": int(usage)})
            except urllib3.exceptions.HTTPError:
                refused.append(0)
                enough.wait(0.2)
                continue
            if answer.status == 201:
                acknowledged[answer.json()["id"]] = usage
            else:
                refused.append(answer.status)
                enough.wait(0.2)

    with ThreadPoolExecutor(4) as threads:
        posting = [threads.submit(post, f"{service}-{n}") for n in range(4)]
        try:
            wait_until(lambda: len(acknowledged) > 30, "the first acknowledged posts", PATIENCE)
            first = started(compose, service)
            subprocess.run([*compose.command, "exec", "-T", service, "sh", "-c", ENDS[service]], check=False)
            wait_until(lambda: refused, "the first refused post", PATIENCE)
            wait_until(lambda: started(compose, service) != first, f"a new life of {service}", PATIENCE)
            wait_until(lambda: well(compose), "every stack applied to what runs", PATIENCE)
            before = len(acknowledged)
            wait_until(lambda: len(acknowledged) > before + 30, "acknowledged posts afterwards", PATIENCE)
        finally:
            enough.set()
        for thread in posting:
            thread.result()

    assert set(refused) <= {0, 500, 503}
    deployed.functions.invoke(deployed.outputs["reconcile_function_name"], {"full": True})
    with deployed.connect() as connection:
        stored = {str(row[0]) for row in connection.run("SELECT id FROM usage_events")}
        sums = dict(connection.run("SELECT user_id, sum(usage) FROM usage_events GROUP BY user_id"))
    assert acknowledged.keys() <= stored
    pages = deployed.aws("dynamodb").get_paginator("scan").paginate(TableName=deployed.outputs["table_name"])
    items = [item for page in pages for item in page["Items"] if item["pk"]["S"].startswith("USER#")]
    assert {item["pk"]["S"].removeprefix("USER#"): Decimal(item["total"]["N"]) for item in items} == sums
    nothing_changes, plan = deployed.plan()
    assert nothing_changes, plan


def started(compose: Compose, service: str) -> str:
    """When the service's container was started last."""
    [container] = [listed["ID"] for listed in compose.containers() if listed["Service"] == service]
    asked = ["docker", "inspect", "--format", "{{.State.StartedAt}}", container]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout


def well(compose: Compose) -> bool:
    check = [*compose.command, "exec", "-T", "reapply", "python", "-m", "staticfire.stacks.reapply", "--check"]
    return subprocess.run(check, capture_output=True, check=False).returncode == 0
