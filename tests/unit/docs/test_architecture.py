"""The tree in docs/architecture.md is the tree."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "staticfire"
TREE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").split("```")[1]
FOLDERS = [PACKAGE, PACKAGE / "targets", PACKAGE / "edge"]


def names(folder: Path) -> set[str]:
    modules = {path.name for path in folder.glob("*.py") if not path.name.startswith("__")}
    return modules | {f"{path.parent.name}/" for path in folder.glob("*/__init__.py")}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_module_and_package_is_described(folder: Path) -> None:
    assert {name for name in names(folder) if name not in TREE} == set()


def test_nothing_is_described_that_is_not_there() -> None:
    described = set(re.findall(r"\b\w+\.py\b|^ *\w+/", TREE, re.MULTILINE))
    there = {path.name for path in PACKAGE.rglob("*.py")} | {f"{path.parent.name}/" for path in PACKAGE.rglob("*.py")}
    assert {name.strip() for name in described} - there == set()
