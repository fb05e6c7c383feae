"""A repository whose Terraform builds the package: up, its work, an empty second apply, a destroy of all."""

from __future__ import annotations

from collections.abc import Callable

from tests.adoption.conftest import Repository


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
