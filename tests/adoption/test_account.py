"""A repository that has an account on AWS: up, its work, an empty second apply, a destroy of all."""

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
