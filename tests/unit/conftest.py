from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from staticfire.settings import Settings, load


@pytest.fixture
def project(tmp_path: Path) -> Callable[[str], Settings]:
    """Writes a project with this staticfire.toml, and loads it without any of the caller's variables."""

    def make(toml: str = "") -> Settings:
        root = tmp_path / "project"
        root.mkdir(exist_ok=True)
        (root / "staticfire.toml").write_text(toml)
        return load(root, {})

    return make
