"""The endpoint under test, and a conversation with it.

A case of this directory carries `@recorded(area, what, date)`: AWS answered so on that day (public recordings of
conversations with AWS). Where AWS's documentation says something else, what AWS did is right.
"""

from __future__ import annotations

import os

import pytest

from staticfire.targets.base import Running
from tests.conformance.lab import Lab
from tests.recorded.answers import Answers


@pytest.fixture(scope="session")
def lab(staticfire_running: Running) -> Lab:
    """One account of the endpoint for each worker."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    return Lab(staticfire_running.endpoint, f"2100000000{int(worker):02d}")


@pytest.fixture
def name(lab: Lab) -> str:
    """The name of the case's function."""
    return lab.name("function")


@pytest.fixture
def answers(lab: Lab, name: str) -> Answers:
    return Answers(region=lab.region, account=lab.account, function=name, role=lab.role().rpartition("/")[2])
