"""A real MiniStack for the edge of a test."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from staticfire.layout import Layout
from staticfire.progress import Progress
from staticfire.settings import load
from staticfire.toolchain.runtimes import install_emulator

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def ministack_python() -> str:
    """A Python with MiniStack: a given one, or the stack's."""
    if python := os.environ.get("STATICFIRE_TEST_MINISTACK"):
        return python
    return str(install_emulator(Layout.of(load(ROOT)), Progress()))
