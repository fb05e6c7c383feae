"""The JSON schema of staticfire.toml, for editors, knows each setting, and takes this project's own file."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import jsonschema
import pytest

from staticfire.settings import FIELDS, STACK
from staticfire.targets.base import TARGETS

ROOT = Path(__file__).parents[3]
SCHEMA = json.loads((ROOT / "docs/staticfire.schema.json").read_text(encoding="utf-8"))


def test_the_schema_has_each_setting() -> None:
    properties = SCHEMA["properties"]
    assert properties["staticfire"]["properties"].keys() == FIELDS.keys()
    assert properties["stacks"]["additionalProperties"]["properties"].keys() == set(STACK)
    assert properties["staticfire"]["properties"]["target"]["enum"] == list(TARGETS)


def test_this_projects_own_file_fits_and_a_mistyped_one_does_not() -> None:
    jsonschema.validate(tomllib.loads((ROOT / "staticfire.toml").read_text(encoding="utf-8")), SCHEMA)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"stacks": {"shop": {"root": "infra", "databse": True}}}, SCHEMA)
