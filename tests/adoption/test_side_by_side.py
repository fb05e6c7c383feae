"""A repository of several roots: each up, its work, an empty second apply, a destroy of all."""

from __future__ import annotations

from collections.abc import Callable

from tests.adoption.conftest import Repository


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
