"""Terraform's files are read as Terraform reads them, as far as a look from outside needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from staticfire import hcl
from staticfire.roots import find_roots, missing_variables, modules_of, tree_of


def write(directory: Path, **files: str) -> Path:
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return directory


def test_blocks_their_labels_and_arguments_are_found_whatever_stands_in_strings() -> None:
    body = hcl.parse(
        """
        # provider "aws" { alias = "no" }
        provider "aws" {
          alias  = "eu" # }
          region = "${var.a == "x" ? "}" : "{"}"
          assume_role {
            role_arn = "arn"
          }
          tags = {
            a = 1
          }
        }
        variable "text" {
          default = <<-EOT
            provider "aws" {}
          EOT
        }
        terraform { backend "s3" {} }
        locals { all = merge(var.list...) }
        """
    )
    assert [(block.type, block.labels) for block in body.blocks] == [
        ("provider", ("aws",)),
        ("variable", ("text",)),
        ("terraform", ()),
        ("locals", ()),
    ]
    provider = body.blocks[0]
    assert (provider.text("alias"), provider.text("region")) == ("eu", None)
    assert [block.type for block in provider.blocks] == ["assume_role"]
    assert list(provider.arguments) == ["alias", "region", "tags"]
    assert body.blocks[2].blocks[0].labels == ("s3",)


def test_terraforms_json_is_read_as_well() -> None:
    body = hcl.parse_json('{"provider": {"aws": [{"alias": "a"}, {}]}, "terraform": {"backend": {"s3": {"key": "k"}}}}')
    assert [block.text("alias") for block in body.of_type("provider")] == ["a", None]
    assert next(body.of_type("terraform")).blocks[0].text("key") == "k"


@pytest.mark.parametrize("text", ['a = "', "b {", "<<EOT", 'x = "${', "}}}", "=", 'provider "aws" {\n a = [\n'])
def test_what_is_not_hcl_ends_the_look(text: str) -> None:
    assert hcl.parse(text).labels == ()


def test_modules_examples_and_what_is_used_as_a_module_are_no_roots(tmp_path: Path) -> None:
    write(
        tmp_path,
        **{
            "infra/main.tf": 'provider "aws" {}\nmodule "a" {\n  source = "../parts/api"\n}\n',
            "parts/api/main.tf": 'provider "aws" {}\n',
            "modules/x/main.tf": 'provider "aws" {}\n',
            "examples/y/main.tf": 'provider "aws" {}\n',
            "other/main.tf": 'output "nothing" {\n  value = 1\n}\n',
        },
    )
    assert find_roots(tmp_path) == [tmp_path / "infra"]
    assert find_roots(tmp_path / "other") == [tmp_path / "other"]
    assert modules_of(tmp_path / "infra") == [tmp_path / "infra", tmp_path / "parts/api"]


def test_the_tree_holds_what_a_root_and_its_modules_name(tmp_path: Path) -> None:
    repository = write(
        tmp_path / "home" / "shop",
        **{
            "stacks/a/main.tf": 'module "m" {\n  source = "../../modules/m"\n}\nlocals { l = merge(var.x...) }\n',
            "modules/m/main.tf": 'locals {\n  code = "${path.module}/../../src"\n}\n',
            "alone/main.tf": "locals { a = 1 }\n",
        },
    )
    (repository / ".git").mkdir()
    assert tree_of(repository / "stacks/a") == repository
    assert tree_of(repository / "alone") == repository / "alone"
    (repository / "alone/main.tf").write_text('locals {\n  far = "../../../.."\n}\n')
    assert tree_of(repository / "alone") == repository / "alone"  # never more than the repository
    (repository / "alone/main.tf").write_text('locals {\n  zip = "${path.root}/../.staticfire/build/a.zip"\n}\n')
    assert tree_of(repository / "alone") == repository / "alone"  # the copy has a link to the packages


def test_a_required_variable_without_a_value_is_named(tmp_path: Path) -> None:
    declared = "".join(f'variable "{name}" {{}}\n' for name in "abcdef") + 'variable "z" {\n  default = 1\n}\n'
    write(tmp_path, **{"main.tf": declared, "terraform.tfvars": "a = 1\n", "x.auto.tfvars.json": '{"b": 2}'})
    extra = write(tmp_path, **{"prod.tfvars": "c = {\n  f = 1\n}\n"}) / "prod.tfvars"
    assert missing_variables(tmp_path, ["d"], [extra], {"TF_VAR_e": "x"}) == ["f"]
