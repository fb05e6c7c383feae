"""What a stranger's repository must do here, unmodified: up, its work, an empty second apply, a destroy of all."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable

from tests.adoption.conftest import Repository


def test_a_repository_with_everything_that_needs_an_account(repository: Callable[[str], Repository]) -> None:
    """A profile, a role, an account that is not ours, a state bucket that is nowhere, an older lock file."""
    seed = repository("seed")
    seed.lock("infra", "5.60.0")
    text = seed.staticfire("up", "--detach")
    for sentence in (
        "No staticfire.toml",
        "the backend `s3`",
        "assume_role, profile",
        "hashicorp/aws 5.60.0",
        "mail to   ops@example.com",
    ):
        assert sentence in text
    assert "not to be shown" not in text

    url = seed.staticfire("url").strip()
    request = urllib.request.Request(f"{url}/usage", b"150", {"content-type": "text/plain"}, method="POST")
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 201
    outputs = seed.status()["stacks"]["seed"]["outputs"]
    assert outputs == {"api_endpoint": url, "invoke_url": f"{url}/"}
    with urllib.request.urlopen(f"{outputs['invoke_url']}usage") as answer:
        assert answer.read() == b"150"

    assert "no changes" in seed.staticfire("apply")
    assert seed.is_untouched("seed")
    seed.staticfire("destroy")
    assert seed.client("dynamodb", "eu-north-1").list_tables()["TableNames"] == []
    assert seed.client("lambda", "eu-north-1").list_functions()["Functions"] == []


def test_what_a_provisioner_built_is_there_at_the_next_apply(repository: Callable[[str], Repository]) -> None:
    """AWS's patterns: `profile = "default"`, random_pet, archive_file, and a null_resource that builds the package."""
    pattern = repository("pattern")
    pattern.staticfire("up", "--detach")
    assert pattern.invoke("pattern-000000000000", "eu-west-3") == {"answer": 42}
    assert "no changes" in pattern.staticfire("apply")

    (pattern.directory / "src/lambda.py").write_text("def handler(event, context):\n    return 'changed'\n")
    (pattern.directory / "src/requirements.txt").write_text("# another\n")
    pattern.staticfire("up", "--detach")
    assert pattern.invoke("pattern-000000000000", "eu-west-3") == "changed"

    pattern.staticfire("destroy")
    assert pattern.client("s3", "eu-west-3").list_buckets()["Buckets"][1:] == []  # the state's own


def test_several_roots_side_by_side(repository: Callable[[str], Repository]) -> None:
    """Roots in different directories, one that reads another's state, a workspace, variables from everywhere."""
    shop = repository("environments")
    assert "several Terraform roots" in shop.staticfire("up", "--detach", code=2)
    text = shop.staticfire("up", "--detach", "envs/prod", code=2)
    assert "needs a value for greeting, region" in text
    assert "-var-file=envs/prod/prod.tfvars" in text

    shop.staticfire("up", "--detach", "network")
    shop.variables |= {"TF_WORKSPACE": "blue", "TF_VAR_greeting": "not this one"}
    shop.staticfire("up", "--detach", "envs/prod", "-var-file=envs/prod/prod.tfvars")
    del shop.variables["TF_WORKSPACE"]
    shop.staticfire("up", "--detach", within="envs/dev")
    network = shop.status()["stacks"]["network"]["outputs"]["vpc_id"]
    assert shop.invoke("shop-blue", "eu-west-1") == {"greeting": f"hello from {network}"}
    assert shop.invoke("shop-dev", "us-east-1") == {"greeting": "hello"}

    for stack in ("envs-prod", "envs-dev", "network"):
        assert "no changes" in shop.staticfire("apply", stack)
    assert shop.is_untouched("environments")
    for stack in ("envs-prod", "envs-dev", "network"):
        shop.staticfire("destroy", stack)
    for region in ("eu-west-1", "us-east-1"):
        assert shop.client("lambda", region).list_functions()["Functions"] == []
