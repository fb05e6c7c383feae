"""The services' code, in the variables that Lambda would give it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def lambda_variables() -> Iterator[None]:
    """What modules read when they are imported; nothing is connected to."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_REGION", "eu-central-1")
        patch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        patch.setenv("POWERTOOLS_METRICS_NAMESPACE", "test")
        patch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
        patch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        patch.setenv("DATABASE_SECRET_ARN", "arn:aws:secretsmanager:eu-central-1:111122223333:secret:none")
        patch.setenv("TABLE_NAME", "usage")
        patch.setenv("RETENTION_DAYS", "90")
        patch.setenv("INDEX_SHARDS", "8")
        patch.setenv("SIGNATURES", "off")
        yield
