"""Every stack has what docs/services.md says that it has."""

from __future__ import annotations

from pathlib import Path

import pytest

from staticfire.load.run import load_settings
from staticfire.settings import StackSettings, load

ROOT = Path(__file__).parents[3]
# The Terraform of a stack is its own, but for the same service in another language.
STACKS = {name: stack for name, stack in load(ROOT, {}).stacks.items() if stack.root.name == name}
ROWS = [line for line in (ROOT / "docs/services.md").read_text(encoding="utf-8").splitlines() if line.startswith("| [")]


@pytest.mark.parametrize("stack", STACKS.values(), ids=STACKS)
def test_a_stack_has_a_row_scenarios_a_document_and_a_load_that_can_be_started(stack: StackSettings) -> None:
    name = stack.name
    [row] = [row for row in ROWS if row.startswith(f"| [{name}](")]

    assert f"[scenarios/{name}](../scenarios/{name})" in row
    assert list((ROOT / "scenarios" / name).glob("test_*.py"))
    assert f"(../loadtests/{name}.py)" in row
    assert load_settings(stack).file == ROOT / "loadtests" / f"{name}.py"
    assert (ROOT / "service" / name / "openapi.yaml").is_file()
