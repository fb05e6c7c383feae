"""What the documents say of settings is what there is: README's table, docs/targets.md, the module's own table."""

from __future__ import annotations

import re
from pathlib import Path

import staticfire.settings
from staticfire.settings import FIELDS

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TARGETS = (ROOT / "docs/targets.md").read_text(encoding="utf-8")


def variable(setting: str) -> str:
    return f"STATICFIRE_{setting.upper()}"


def rows_of_readme() -> list[tuple[list[str], list[str]]]:
    """The settings and the variables of each row."""
    section = README.split("\n## Settings\n")[1].split("\n## ")[0]
    cells = [line.split("|")[1:3] for line in section.splitlines() if line.startswith("| `")]
    return [(re.findall(r"`(\w+)`", settings), re.findall(r"`(\w+)`", variables)) for settings, variables in cells]


def test_in_readme_each_setting_has_its_variable_beside_it() -> None:
    rows = rows_of_readme()
    assert rows
    for settings, variables in rows:
        assert variables == [variable(setting) for setting in settings]


def test_readme_names_no_setting_that_there_is_not() -> None:
    assert {setting for settings, _ in rows_of_readme() for setting in settings} - FIELDS.keys() == set()


def test_each_setting_is_in_readme_or_of_one_target_and_with_the_targets() -> None:
    in_readme = {setting for settings, _ in rows_of_readme() for setting in settings}
    assert [
        setting
        for setting in FIELDS.keys() - in_readme
        if not re.search(rf"`{setting}`|\b{variable(setting)}\b", TARGETS)
    ] == []


def test_the_modules_own_table_is_whole() -> None:
    rows = re.findall(r"^\| (\w+) +\| (STATICFIRE_\w+)", staticfire.settings.__doc__ or "", re.M)
    assert rows == [(setting, variable(setting)) for setting in FIELDS]
