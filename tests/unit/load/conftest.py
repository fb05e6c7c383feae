from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[3] / "docs"


@pytest.fixture
def report() -> dict[str, Any]:
    """The report of a real run, as docs/load.md shows it."""
    document: dict[str, Any] = json.loads((DOCS / "load-report.example.json").read_text(encoding="utf-8"))
    return document


@pytest.fixture
def schema() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((DOCS / "load-report.schema.json").read_text(encoding="utf-8"))
    return document
