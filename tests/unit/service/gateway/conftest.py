"""What the gateway's function reads when it is imported."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

CONFIGURATION = {"upstreams": {}, "routes": {}, "tokens": {"issuer": "issuer", "audience": "gateway"}}


@pytest.fixture(scope="module", autouse=True)
def gateway_variables() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GATEWAY_CONFIGURATION", json.dumps(CONFIGURATION))
        patch.setenv("SESSIONS_TABLE_NAME", "gateway-sessions")
        patch.setenv("LIMITS_TABLE_NAME", "gateway-rate-limits")
        patch.setenv("TOKEN_SECRET_ARN", "arn:aws:secretsmanager:eu-central-1:111122223333:secret:none")
        yield
