"""docs/test-kit.md has each fixture, and what a test may ask of it."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from staticfire.testing import kit, plugin

DOCUMENT = (Path(__file__).parents[3] / "docs/test-kit.md").read_text(encoding="utf-8")
CLASSES = (kit.ApiClient, kit.ApiAnswer, kit.AccountFunctions, kit.AccountMailbox, kit.StackUnderTest)
FIXTURES = re.findall(
    r"^@pytest\.fixture.*\ndef ([a-z]\w*)", Path(inspect.getsourcefile(plugin) or "").read_text(encoding="utf-8"), re.M
)


def test_each_fixture_has_a_row_and_there_is_no_other() -> None:
    sections = DOCUMENT.split("\n## For a test\n")[1].split("\n## Options")[0]
    assert sorted(re.findall(r"^\| `(\w+)` \|", sections, re.M)) == sorted(FIXTURES)


@pytest.mark.parametrize("of", CLASSES, ids=lambda of: of.__name__)
def test_each_public_part_is_said(of: type) -> None:
    parts = [name for name, value in vars(of).items() if not name.startswith("_") and name not in ("close", "name")]
    assert [name for name in parts if not re.search(rf"\b{name}\b", DOCUMENT)] == []
