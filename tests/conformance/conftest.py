from __future__ import annotations

import os
from pathlib import Path

import fidelity
import pytest
from lab import Api, Lab

from staticfire.targets import Running

ECHO = """
    import json

    def handler(event, context):
        return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(event)}
"""

DICTATED = """
    import json

    def handler(event, context):
        return json.loads(event["body"])
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fidelity", metavar="FILE", help="write the table of documented behaviours to FILE")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "documented(area, aws, page, here): the AWS behaviour that a case shows")


def pytest_collection_finish(session: pytest.Session) -> None:
    target = session.config.getoption("--fidelity")
    if target:
        fidelity.write(session.items, Path(target))


@pytest.fixture(scope="session")
def endpoint(staticfire_running: Running) -> str:
    """The endpoint under test: one started for this run, shared by its workers."""
    return staticfire_running.endpoint


@pytest.fixture(scope="session")
def lab(endpoint: str) -> Lab:
    """One account of the endpoint: cases never share an account with another worker."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    return Lab(endpoint, f"2000000000{int(worker):02d}")


@pytest.fixture(scope="session")
def echo(lab: Lab) -> str:
    """A function that answers, over HTTP, the event it received."""
    return lab.function(ECHO)


@pytest.fixture(scope="session")
def dictated(lab: Lab) -> str:
    """A function that returns what the request's body says."""
    return lab.function(DICTATED)


@pytest.fixture(scope="session")
def echoing(lab: Lab, echo: str) -> Api:
    """An API whose every request reaches the echo function, in payload format 2.0."""
    return lab.api({"$default": echo})


@pytest.fixture(scope="session")
def dictating(lab: Lab, dictated: str) -> Api:
    return lab.api({"$default": dictated})
