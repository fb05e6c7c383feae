"""What is read from a plan's file is what a real `terraform show -json` says of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from staticfire.stacks.terraform.output import Resource, planned_resources
from staticfire.stacks.terraform.plan_file import resources_in

ROOT = r"""
variable "size" { default = 1 }
variable "names" {
  type    = list(string)
  default = ["plain", "with.dots", "with \"quotes\" and ]"]
}
resource "terraform_data" "counted" {
  count = 2
  input = { number = 0.5, big = 1234567890123456789, list = [1, "two", null], empty = {}, flag = true }
}
resource "terraform_data" "sized" {
  input            = var.size
  triggers_replace = [var.size]
}
resource "terraform_data" "later" {
  input = { id = terraform_data.sized.id, ids = [terraform_data.sized.id, "now"], text = sensitive("secret") }
}
module "inner" {
  for_each = toset(var.names)
  source   = "./inner"
  name     = each.key
}
data "terraform_remote_state" "other" {
  backend = "local"
  config  = { path = "other.tfstate" }
}
"""
INNER = """
variable "name" {}
resource "terraform_data" "named" {
  for_each = { (var.name) = "x" }
  input    = "${var.name} ${each.value}"
}
"""
OTHER = {"version": 4, "terraform_version": "1.6.0", "serial": 1, "lineage": "x", "outputs": {}, "resources": []}


class Root:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "inner").mkdir()
        (directory / "main.tf").write_text(ROOT)
        (directory / "inner" / "main.tf").write_text(INNER)
        (directory / "other.tfstate").write_text(json.dumps(OTHER))
        self.terraform("init")

    def terraform(self, *arguments: str) -> str:
        command = [shutil.which("terraform") or shutil.which("tofu") or "terraform", *arguments]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
        return subprocess.run(
            command, cwd=self.directory, env=kept, check=True, capture_output=True, text=True, timeout=120
        ).stdout

    def plan(self, *options: str) -> Path:
        self.terraform("plan", "-out=plan", *options)
        return self.directory / "plan"

    def shown(self) -> list[Resource]:
        document: dict[str, Any] = json.loads(self.terraform("show", "-json", "plan"))
        return in_order(planned_resources(document.get("planned_values", {}).get("root_module", {})))


def in_order(resources: Any) -> list[Resource]:
    return sorted(resources, key=lambda resource: resource.address)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Root:
    return Root(tmp_path_factory.mktemp("planned"))


def test_a_plan_reads_as_terraform_shows_it(root: Root) -> None:
    made = resources_in(root.plan())
    assert made is not None
    assert in_order(made) == root.shown()
    assert len(made) == 7
    root.terraform("apply", "plan")
    changed = resources_in(root.plan("-var=size=2", '-var=names=["plain"]'))  # kept, replaced, updated, deleted
    assert changed is not None
    assert in_order(changed) == root.shown()
    assert len(changed) == 5
    assert resources_in(root.plan("-destroy")) == root.shown() == []


@pytest.mark.parametrize("content", [b"", b"\x08\x04", b"\x08\x03\x1a\x05abc", b"\x08\x03\x1a\x03\x6a\x01a", b"\x0b"])
def test_a_file_of_another_shape_is_not_guessed(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "plan"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("tfplan", content)
    assert resources_in(path) is None


@pytest.mark.parametrize("content", [b"", b'{"encrypted_data": "x"}'])
def test_what_is_not_a_zip_is_not_guessed(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "plan"
    path.write_bytes(content)
    assert resources_in(path) is None
