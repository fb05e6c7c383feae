"""The override file, and the copy that it lies in."""

from __future__ import annotations

from pathlib import Path

import pytest

from staticfire import hcl
from staticfire.stacks.made import Made, localised, made_by
from staticfire.stacks.terraform.causes import remedy_of
from staticfire.stacks.terraform.mirror import Mirror
from staticfire.stacks.terraform.override import (
    Backend,
    ProviderSchema,
    is_state_of,
    provider_overrides,
    replaced_arguments,
)

SCHEMA = ProviderSchema(frozenset({"profile", "access_key"}), frozenset({"assume_role"}), ("s3", "s3api", "sqs"))
ENDPOINT = "http://127.0.0.1:4566"


def overrides(text: str, *, root: bool = True) -> list[hcl.Block]:
    written = provider_overrides(hcl.parse(text), SCHEMA, ENDPOINT, "000000000000", root=root)
    return list(hcl.parse(written).of_type("provider"))


def test_each_provider_block_is_led_to_the_endpoint_and_to_no_file_of_the_users() -> None:
    blocks = overrides(
        'provider "aws" {\n  profile = "x"\n}\nprovider "aws" {\n  alias = "eu"\n}\nprovider "null" {}\n'
    )
    assert [block.text("alias") for block in blocks] == [None, "eu"]
    for block in blocks:
        assert block.arguments["profile"] == "null"
        assert block.text("access_key") == "000000000000"
        assert "shared_config_files" not in block.arguments  # this version does not know it
        assert [inner.labels for inner in block.of_type("dynamic")] == [("assume_role",)]
        assert dict(next(block.of_type("endpoints")).arguments) == {"s3": f'"{ENDPOINT}"', "sqs": f'"{ENDPOINT}"'}


def test_a_provider_that_follows_the_variable_has_no_endpoints_not_even_the_users() -> None:
    """Reading that block takes it seconds."""
    schema = ProviderSchema(frozenset({"access_key"}), frozenset({"endpoints"}), ())
    users = hcl.parse('provider "aws" {\n  endpoints {\n    s3 = "http://minio:9000"\n  }\n}\n')
    written = provider_overrides(users, schema, ENDPOINT, "000000000000", root=True)
    (block,) = hcl.parse(written).of_type("provider")
    assert not list(block.of_type("endpoints"))
    assert [inner.labels for inner in block.of_type("dynamic")] == [("endpoints",)]


def test_a_root_without_a_block_has_the_default_provider_and_a_module_only_what_it_configures() -> None:
    assert len(overrides("")) == 1
    module = 'provider "aws" {\n  alias = "handed_over"\n}\nprovider "aws" {\n  alias = "own"\n  region = "x"\n}\n'
    assert [block.text("alias") for block in overrides(module, root=False)] == ["own"]


def test_what_is_replaced_is_told() -> None:
    text = 'provider "aws" {\n  region = "x"\n  profile = "p"\n  dynamic "assume_role" {\n    for_each = []\n  }\n}\n'
    assert replaced_arguments(hcl.parse(text)) == ["assume_role", "profile"]
    assert replaced_arguments(hcl.parse('provider "datadog" {\n  access_key = "x"\n}\n')) == []


def test_the_provider_may_have_another_name() -> None:
    text = 'terraform {\n  required_providers {\n    amazon = { source = "hashicorp/aws" }\n  }\n}\n'
    assert [block.labels for block in overrides(text)] == [("amazon",)]


@pytest.mark.parametrize(
    ("reads", "backend", "same"),
    [
        (Backend("s3", {"bucket": "b", "key": "k"}), Backend("s3", {"bucket": "b", "key": "k"}), True),
        (Backend("s3", {"bucket": "b", "key": "k"}), Backend("s3", {"bucket": "b", "key": "other"}), False),
        (Backend("s3", {"bucket": "b", "key": "k"}), Backend("s3", {}), False),
        (Backend("remote", {"organization": "o"}), Backend("cloud", {"organization": "o", "name": "n"}), True),
        (Backend("local", {"path": "../network/terraform.tfstate"}), Backend("local", {}), True),
        (Backend("local", {"path": "../other/terraform.tfstate"}), Backend("local", {}), False),
    ],
)
def test_whose_state_is_read_is_found_by_the_backend(reads: Backend, backend: Backend, same: bool) -> None:
    assert is_state_of(reads, Path("/r/app"), backend, Path("/r/network")) == same


def test_the_copy_follows_the_repository_and_keeps_what_was_built(tmp_path: Path) -> None:
    project = tmp_path / "shop"
    for name, text in (("infra/main.tf", 'locals {\n  s = "../src"\n}\n'), ("src/a.py", "1"), ("src/b.py", "2")):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    (project / "src/link.py").symlink_to("a.py")
    (project / "src/a.py").chmod(0o755)
    (project / "infra/terraform.tfstate").write_text("the user's own")
    mirror = Mirror(project / "infra", project, project / ".staticfire/copy")
    mirror.refresh()
    source = mirror.root / "../src"
    assert (source / "a.py").stat().st_mode & 0o111
    assert (source / "link.py").read_text() == "1"
    assert not (mirror.root / "terraform.tfstate").exists()

    (source / "built.zip").write_text("by a provisioner")
    (project / "src/a.py").write_text("changed")
    (project / "src/b.py").unlink()
    mirror.refresh()
    assert (source / "a.py").read_text() == "changed"
    assert not (source / "b.py").exists()
    assert (source / "built.zip").exists()
    assert not (project / "src/built.zip").exists()


def test_a_directory_that_was_beside_the_tree_and_is_in_it_now_is_copied_and_not_written_through(
    tmp_path: Path,
) -> None:
    project = tmp_path / "shop"
    for name, text in (("infra/a/main.tf", 'locals {\n  s = "../b"\n}\n'), ("infra/b/x", "1"), ("src/y", "2")):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    Mirror(project / "infra/a", project, project / ".staticfire/copy").refresh()
    assert (project / ".staticfire/copy/src").is_symlink()
    (project / "infra/a/main.tf").write_text('locals {\n  s = "../../src"\n}\n')
    Mirror(project / "infra/a", project, project / ".staticfire/copy").refresh()
    assert not (project / ".staticfire/copy/src").is_symlink()
    assert (project / ".staticfire/copy/src/y").read_text() == (project / "src/y").read_text() == "2"


def test_what_was_made_is_read_from_the_state_and_outputs_lead_here() -> None:
    def resource(kind: str, **attributes: str) -> dict[str, object]:
        return {"mode": "managed", "type": kind, "instances": [{"attributes": attributes}]}

    state = {
        "resources": [
            resource("aws_apigatewayv2_api", id="a1", name="shop", protocol_type="HTTP"),
            resource("aws_apigatewayv2_stage", api_id="a1", name="$default"),
            resource("aws_apigatewayv2_stage", api_id="a1", name="v1"),
            resource("aws_dynamodb_table", name="items"),
            resource("aws_sns_topic_subscription", protocol="email", endpoint="ops@example.com"),
        ]
    }
    base = f"{ENDPOINT}/_aws/execute-api/a1"
    made = made_by(state, ENDPOINT)
    assert made == [
        Made("HTTP API", "shop", f"{base}/%24default", "a1"),
        Made("HTTP API", "shop", f"{base}/v1", "a1"),
        Made("table", "items"),
        Made("mail to", "ops@example.com"),
    ]
    outputs = {
        "invoke": "https://a1.execute-api.eu-west-1.amazonaws.com/v1/items",
        "endpoint": ["http://a1.execute-api.localhost:4566"],
        "other": "https://zz.execute-api.eu-west-1.amazonaws.com/v1",
        "arn": "arn:aws:execute-api:eu-west-1:000000000000:a1",
    }
    assert localised(outputs, made, ENDPOINT) == {
        "invoke": f"{base}/v1/items",
        "endpoint": [f"{base}/%24default"],
        "other": outputs["other"],
        "arn": outputs["arn"],
    }


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (
            "Error: Unsupported Terraform Core version\n\nThis configuration does not support 1.11.4",
            "another Terraform",
        ),
        (
            "Error: Failed to query available provider packages\n│ could not connect: no such host",
            "version of the provider",
        ),
        ("Error: Unreadable module directory\n\nUnable to evaluate directory symlink: no such file", "module's source"),
        ("Error: No value for required variable", "Give the variable a value"),
        ("Error: Unable to find remote state", "other stack"),
        ("  - Archive creation error\n    archive has not been created as it would be empty", "is missing"),
        ("  - creating X: api error NotImplementedException: no, StatusCode: 501", "not there locally"),
        ("  - creating SQS Queue: StatusCode: 400, api error InvalidAttributeValue", "refused it"),
        ('  - expected runtime to be one of ["python3.12" "python3.13"], got python3.14', "older than it"),
        ("Error: Backend configuration changed\nError: local-exec provisioner error", "A program that"),
    ],
)
def test_an_error_has_the_remedy_of_its_cause(text: str, word: str) -> None:
    remedy = remedy_of("apply", text)
    assert word in remedy
    assert ("provider_mirror" in remedy) == (word == "version of the provider")
