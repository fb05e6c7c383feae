"""Addresses of code: good for whoever has them, for ten minutes, and for nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from staticfire.edge.aws.calls import Call, Scope
from staticfire.edge.http1.messages import Headers, Request
from staticfire.edge.services.lambda_ import code_locations
from staticfire.edge.services.lambda_.code import CodeStore
from staticfire.edge.services.lambda_.code_locations import CodeLocations
from staticfire.edge.store import Store


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[CodeStore]:
    documents = Store(tmp_path / "edge.sqlite")
    yield CodeStore(tmp_path, documents)
    await documents.close()


def called(host: str = "localhost:4566") -> Call:
    return Call(Request("GET", "/", headers=Headers([("host", host)])), "lambda", Scope())


def request(address: str, **changed: str) -> Request:
    parts = urlsplit(address)
    return Request("GET", changed.get("path", parts.path), changed.get("query", parts.query))


async def test_an_address_leads_to_the_code_at_the_callers_own_host(store: CodeStore) -> None:
    locations = CodeLocations(store, "secret", "http://127.0.0.1:4566")
    address = locations.address(called("host.docker.internal:4566"), await store.keep(b"zip"))
    assert address.startswith("http://host.docker.internal:4566/_aws/lambda/code/")
    answer = await CodeLocations(store, "secret", "").serve(request(address))
    assert answer is not None
    assert (answer.status, answer.body) == (200, b"zip")


async def test_nobody_can_make_an_address(store: CodeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    locations = CodeLocations(store, "secret", "")
    one, other = [locations.address(called(), await store.keep(data)) for data in (b"one", b"other")]
    later = one.replace("expires=", "expires=9")
    forged = [
        request(one, path=urlsplit(other).path),
        request(one, query=""),
        request(later),
        request(CodeLocations(store, "another", "").address(called(), await store.keep(b"one"))),
    ]
    monkeypatch.setattr(code_locations, "GOOD_SECONDS", -1)
    forged.append(request(locations.address(called(), await store.keep(b"one"))))
    for attempt in forged:
        answer = await locations.serve(attempt)
        assert answer is not None
        assert answer.status == 403
    assert await locations.serve(Request("GET", "/_aws/lambda/code/../../control-token")) is None
