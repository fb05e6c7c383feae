from __future__ import annotations

import os
from pathlib import Path

import fidelity
import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fidelity", metavar="FILE", help="write the table of documented behaviours to FILE")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "documented(area, aws, page, here): the AWS behaviour that a case shows")


def pytest_collection_finish(session: pytest.Session) -> None:
    target = session.config.getoption("--fidelity")
    if target:
        fidelity.write(session.items, Path(target))


def account() -> str:
    """Cases never share an account with another worker."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    return f"2000000000{int(worker):02d}"
