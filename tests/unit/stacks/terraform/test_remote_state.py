"""A stack that reads another one's state comes after it, whatever backend both name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from staticfire.errors import ApplyError
from staticfire.settings import load
from staticfire.stacks.terraform.working_copy import in_order

READER = """
data "terraform_remote_state" "base" {{
  backend = "s3"
  config = {{
    bucket = "company-state"
    key    = "{key}"
    region = "eu-north-1"
  }}
}}
"""
BACKEND = 'terraform {\n  backend "s3" {\n    bucket = "company-state"\n    key    = "net/terraform.tfstate"\n  }\n}\n'


def project(directory: Path, roots: Mapping[str, str]) -> Path:
    for name, text in roots.items():
        (directory / name).mkdir(parents=True)
        (directory / name / "main.tf").write_text(text)
    return directory


def test_whose_state_is_read_comes_first(tmp_path: Path) -> None:
    reader = READER.format(key="net/terraform.tfstate") + 'provider "aws" {}\n'
    settings = load(project(tmp_path, {"app": reader, "network": BACKEND}), {})
    assert in_order(settings, ["app", "network"]) == ["network", "app"]
    assert in_order(settings, ["app"]) == ["app"]


def test_a_state_that_no_stack_has_is_an_error_before_anything_is_applied(tmp_path: Path) -> None:
    reader = READER.format(key="elsewhere/terraform.tfstate") + 'provider "aws" {}\n'
    settings = load(project(tmp_path, {"app": reader, "network": BACKEND}), {})
    with pytest.raises(ApplyError, match="reads the state 'base'") as error:
        in_order(settings, ["app", "network"])
    assert "elsewhere/terraform.tfstate" in str(error.value)
