"""The services' handlers, asked with events as an HTTP API sends them; no store answers here."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.service.events_of import HERE, Context, event
from tests.unit.service.gateway.conftest import CONFIGURATION

EVENTS = [(path.parents[1].name, path.stem) for path in sorted(HERE.glob("*/events/*.json"))]


@pytest.fixture(scope="module", autouse=True)
def gateway_variables() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GATEWAY_CONFIGURATION", json.dumps(CONFIGURATION))
        for name in ("SESSIONS_TABLE_NAME", "LIMITS_TABLE_NAME", "TOKEN_SECRET_ARN"):
            patch.setenv(name, "none")
        yield


def ask(service: str, asked: dict[str, Any]) -> tuple[int, Any]:
    answer = importlib.import_module(f"{service}.api").handler(asked, Context())
    return answer["statusCode"], json.loads(answer["body"])


@pytest.mark.parametrize(("service", "name"), [pair for pair in EVENTS if pair[0] != "gateway"])
def test_what_needs_a_store_is_503_without_one(service: str, name: str) -> None:
    status, content = ask(service, event(service, name))
    assert (status, set(content)) == (503, {"message"})


@pytest.mark.parametrize(("service", "name"), [pair for pair in EVENTS if pair[1].startswith(("post", "put"))])
def test_a_body_that_is_missing_is_refused_before_any_store_is_asked(service: str, name: str) -> None:
    status, content = ask(service, event(service, name, body=""))
    assert (status, content["errors"]) == (400, [{"field": "body", "problem": "must be JSON"}])


def test_the_gateway_lives_without_any_store_and_knows_nobody() -> None:
    assert ask("gateway", event("gateway", "get_live")) == (200, {"status": "live"})
    assert ask("gateway", event("gateway", "get_session"))[0] == 401
