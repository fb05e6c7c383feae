"""A secret is read seldom, and served while Secrets Manager is away."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from servicekit.errors import Unavailable
from servicekit.kept_secret import AWAY_SECONDS, KeptSecret


class SecretsManager:
    """Has one secret, or is away."""

    def __init__(self) -> None:
        self.text: str | None = "first"
        self.calls = 0

    def get_secret_value(self, **request: Any) -> dict[str, Any]:
        self.calls += 1
        if self.text is None:
            raise EndpointConnectionError(endpoint_url="http://away")
        return {"SecretString": self.text}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def manager() -> SecretsManager:
    return SecretsManager()


def test_a_secret_is_read_once_until_its_time_is_over(manager: SecretsManager) -> None:
    clock = Clock()
    secret = KeptSecret(manager, "arn", 60, clock=clock)

    assert [secret.value() for _ in range(3)] == ["first"] * 3
    assert manager.calls == 1
    manager.text, clock.now = "second", 60
    assert secret.value() == "second"


def test_while_secrets_manager_is_away_the_known_secret_serves_and_few_requests_wait_for_it(
    manager: SecretsManager,
) -> None:
    clock = Clock()
    secret = KeptSecret(manager, "arn", 60, clock=clock)
    secret.value()
    manager.text, clock.now = None, 60

    assert [secret.value() for _ in range(3)] == ["first"] * 3
    assert manager.calls == 2
    manager.text, clock.now = "second", 60 + AWAY_SECONDS
    assert secret.value() == "second"


def test_a_secret_that_was_never_read_is_asked_for_every_time(manager: SecretsManager) -> None:
    secret = KeptSecret(manager, "arn", clock=Clock())
    manager.text = None

    for _ in range(2):
        with pytest.raises(Unavailable):
            secret.value()
    manager.text = "first"
    assert secret.value() == "first"
