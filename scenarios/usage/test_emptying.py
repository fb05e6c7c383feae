"""What emptying a stack leaves: all that Terraform made, the code of the functions among it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from staticfire.testing.kit import StackUnderTest


def test_the_packages_that_terraform_put_into_a_bucket_stay_and_other_objects_go(
    staticfire_stack: StackUnderTest, aws: Callable[[str], Any]
) -> None:
    s3 = aws("s3")
    [bucket] = [
        bucket["Name"]
        for bucket in s3.list_buckets()["Buckets"]
        if bucket["Name"].startswith(f"{staticfire_stack.name}-artifacts-")
    ]
    s3.put_object(Bucket=bucket, Key="data", Body=b"not Terraform's")

    staticfire_stack.empty()

    kept = [entry["Key"].partition("/")[0] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert sorted(kept) == ["layer", "schema", "usage"]
