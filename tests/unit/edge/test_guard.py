"""Which requests a web page in the user's browser could have made, and which names are this endpoint's."""

from __future__ import annotations

import pytest

from staticfire.edge.guard import Guard
from tests.unit.edge.kit import request


def refused(guard: Guard, host: str, **headers: str) -> bool:
    pairs = [(name.replace("_", "-"), value) for name, value in headers.items()]
    response = guard.refusal(request(host=host, headers=pairs))
    assert response is None or response.status == 403
    return response is not None


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:4566",
        "127.8.9.1",
        "localhost:4566",
        "LOCALHOST.",
        "[::1]:4566",
        "192.168.1.5:4566",
        "s3.localhost:4566",
        "bucket.s3.localhost.localstack.cloud:4566",
        "edge:4566",
        "sqs.edge",
    ],
)
def test_a_host_of_this_machine_or_an_address_is_served(host: str) -> None:
    assert not refused(Guard(hosts=["edge"]), host)


@pytest.mark.parametrize(
    "host",
    ["evil.com", "evil.com:4566", "localhost.evil.com", "127.0.0.1.evil.com", "notlocalhost", "edge.evil.com", "[x"],
)
def test_a_name_that_somebody_else_may_resolve_to_this_machine_is_refused(host: str) -> None:
    guard = Guard(hosts=["edge"])
    assert refused(guard, host)
    assert refused(guard, host)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.com"},
        {"origin": "null"},
        {"origin": "http://localhost:3000"},
        {"origin": "https://127.0.0.1:4566.evil.com"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "cross-site", "origin": "http://127.0.0.1:4566"},
    ],
)
def test_a_request_that_another_sites_page_made_is_refused(headers: dict[str, str]) -> None:
    assert refused(Guard(), "127.0.0.1:4566", **headers)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec_fetch_site": "none"},
        {"sec_fetch_site": "same-origin", "origin": "http://127.0.0.1:4566"},
        {"origin": "http://127.0.0.1:4566"},
    ],
)
def test_what_no_page_or_our_own_page_sent_is_served(headers: dict[str, str]) -> None:
    assert not refused(Guard(), "127.0.0.1:4566", **headers)


def test_an_allowed_origin_is_served_and_a_star_allows_all() -> None:
    site = {"origin": "http://localhost:3000", "sec_fetch_site": "same-site"}
    assert not refused(Guard(origins=["http://localhost:3000"]), "localhost", **site)
    assert refused(Guard(origins=["http://localhost:3001"]), "localhost", **site)
    assert not refused(Guard(origins=["*"]), "localhost", origin="https://evil.com", sec_fetch_site="cross-site")


def test_an_allowed_origin_does_not_make_a_strange_host_right() -> None:
    assert refused(Guard(origins=["*"]), "evil.com")
