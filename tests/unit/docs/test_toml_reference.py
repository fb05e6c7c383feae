"""docs/staticfire-toml.md has each key with its default, and no other; its example can be read."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from staticfire.settings import FIELDS, STACK, LoadSettings, Rebuild, Seed, Settings, Zip

ROOT = Path(__file__).parents[3]
DOCUMENT = (ROOT / "docs/staticfire-toml.md").read_text(encoding="utf-8")
SCHEMA = json.loads((ROOT / "docs/staticfire.schema.json").read_text(encoding="utf-8"))
ROW = re.compile(r"^\| `(\w+)` \| ([\w ]+) \| (.*?) \|", re.M)


def rows(heading: str) -> dict[str, tuple[str, str]]:
    section = DOCUMENT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return {name: (kind, default) for name, kind, default in ROW.findall(section)}


def named(settings: Any) -> list[str]:
    return [field.name for field in fields(settings) if field.name != "name"]


@pytest.mark.parametrize(
    ("heading", "keys"),
    [
        ("[staticfire]", list(FIELDS)),
        ("[stacks.NAME]", list(STACK)),
        ("[stacks.NAME.zips.ZIP]", named(Zip)),
        ("[stacks.NAME.seed]", named(Seed)),
        ("[stacks.NAME.load]", named(LoadSettings)),
    ],
)
def test_each_key_has_a_row(heading: str, keys: list[str]) -> None:
    assert sorted(rows(heading)) == sorted(keys)


def test_each_key_of_a_rebuild_is_said() -> None:
    section = DOCUMENT.split("\n## [stacks.NAME.rebuild]\n")[1].split("\n## ")[0]
    assert [name for name in named(Rebuild) if f"`{name}`" not in section] == []


def test_each_default_is_the_settings_own() -> None:
    defaults = {field.name: field.default for field in fields(Settings)}
    for name, (kind, default) in rows("[staticfire]").items():
        if match := re.fullmatch(r"`(.+)`", default):
            value = match[1]
            if kind == "number":
                assert int(value) == defaults[name]
            elif kind == "boolean":
                assert (value == "true") is defaults[name]
            elif value.startswith('"') and kind == "text":
                assert json.loads(value) == defaults[name]


def test_the_example_is_valid_by_the_schema() -> None:
    example = DOCUMENT.split("```toml\n")[1].split("```")[0]
    jsonschema.validate(tomllib.loads(example), SCHEMA)
