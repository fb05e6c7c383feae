from __future__ import annotations

from pathlib import Path

import pytest

from staticfire.settings import StackSettings, Zip
from staticfire.stacks.compatibility import Compatibility, compatibility

TWO = """
variable "packages" {}
variable "architecture" {
  default = "arm64"
  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "Say \\"x86_64\\" or \\"arm64\\"."
  }
}
resource "aws_lambda_function" "old" {
  filename      = var.packages.old
  runtime       = "python3.9"
  architectures = [var.architecture]
}
module "new" {
  source   = "./function"
  filename = var.packages["new"]
  runtime  = "python3.12"
}
"""


@pytest.mark.parametrize(
    ("package", "pythons", "architectures"),
    [
        (Zip("old", Path()), ("3.9",), ("arm64",)),
        (Zip("new", Path()), ("3.12",), ("arm64",)),
        (Zip("both", Path()), ("3.9", "3.12"), ("arm64",)),
        (Zip("both", Path(), runtime="python3.13", architecture="x86_64"), ("3.13",), ("x86_64",)),
    ],
)
def test_a_zip_is_for_the_functions_that_are_given_it_else_for_all(
    package: Zip, pythons: tuple[str, ...], architectures: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "main.tf").write_text(TWO)
    assert compatibility(package, StackSettings("app", tmp_path)) == Compatibility(pythons, architectures)


def test_variables_count_too(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text('resource "aws_lambda_function" "one" {\n  runtime = var.runtime\n}\n')
    (tmp_path / "prod.tfvars").write_text('runtime = "python3.10"\n')
    stack = StackSettings("app", tmp_path, variables={"architecture": "arm64"})
    assert compatibility(Zip("app", tmp_path), stack) == Compatibility(("3.10",), ("arm64",))


def test_where_nothing_is_said_it_is_lambdas_default(tmp_path: Path) -> None:
    assert compatibility(Zip("app", tmp_path), StackSettings("app", tmp_path)).architectures == ("x86_64",)
