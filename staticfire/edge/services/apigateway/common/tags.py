"""Tags of what API Gateway has, of every kind of API."""

from __future__ import annotations

from collections.abc import Mapping

from staticfire.edge.aws.calls import AwsError

MOST = 50


def check_tags(tags: Mapping[str, str]) -> None:
    if len(tags) > MOST:
        raise AwsError(400, "BadRequestException", f"A resource can have at most {MOST} tags")
    if any(key.lower().startswith("aws:") for key in tags):
        said = "Invalid tag key. Tag keys cannot start with 'aws:' (case insensitive)"
        raise AwsError(400, "BadRequestException", said)
