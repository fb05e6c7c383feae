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
    [
        "evil.com",
        "evil.com:4566",
        "localhost.evil.com",
        "127.0.0.1.evil.com",
        "notlocalhost",
        "edge.evil.com",
        "[x",
        "[::1].evil.com",
        "[::1]evil.com:4566",
        "[::1]:4566:evil.com",
        "127.0.0.1:80:evil.com",
        "127.0.0.1:evil.com",
        "127.0.0.1:",
        "127.0.0.1:65536",
        "127.0.0.1:٤٥٦٦",
        "localhost:4566@evil.com",
        "evil.com@localhost",
        "evil.com/.localhost",
        "evil.com#.localhost",
        "localhost:4566 ",
        "localhost..",
        "127.0.0.1, evil.com",
    ],
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
        # An object of a bucket, or an answer of an HTTP API, is a page of this origin.
        {"sec_fetch_site": "same-origin", "origin": "http://127.0.0.1:4566"},
        {"origin": "http://127.0.0.1:4566"},
        {"sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "same-origin", "sec_fetch_mode": "cors", "sec_fetch_dest": "empty"},
        {"sec_fetch_site": "same-origin", "sec_fetch_mode": "no-cors", "sec_fetch_dest": "empty"},
    ],
)
def test_a_request_that_another_sites_page_made_is_refused(headers: dict[str, str]) -> None:
    assert refused(Guard(), "127.0.0.1:4566", **headers)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec_fetch_site": "none"},
        {"sec_fetch_site": "none", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"},
    ],
)
def test_what_no_page_sent_is_served(headers: dict[str, str]) -> None:
    assert not refused(Guard(), "127.0.0.1:4566", **headers)


def test_an_allowed_origin_is_served_and_a_star_allows_all() -> None:
    site = {"origin": "http://localhost:3000", "sec_fetch_site": "same-site"}
    assert not refused(Guard(origins=["http://localhost:3000"]), "localhost", **site)
    assert refused(Guard(origins=["http://localhost:3001"]), "localhost", **site)
    assert not refused(Guard(origins=["*"]), "localhost", origin="https://evil.com", sec_fetch_site="cross-site")


def test_an_allowed_origin_does_not_make_a_strange_host_right() -> None:
    assert refused(Guard(origins=["*"]), "evil.com")


LINK = {"sec-fetch-site": "same-origin", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


def follows(path: str, query: str = "", method: str = "GET", host: str = "127.0.0.1:4566", **changed: str) -> bool:
    """Whether what a browser sends for a page of this origin is served."""
    headers = LINK | {f"sec-fetch-{name}": value for name, value in changed.items()}
    return Guard().refusal(request(method, f"{path}?{query}", list(headers.items()), host=host)) is None


def test_a_page_from_here_leads_to_objects_of_buckets_and_is_made_of_them() -> None:
    signed = "X-Amz-Credential=100000000001%2F20260101%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Signature=0"
    assert follows("/pages/index.html")
    assert follows("/pages/report.pdf", signed)
    assert follows("/pages/deep/app.css", dest="style", mode="no-cors")
    assert follows("/pages/app.js", dest="script", mode="cors")
    assert follows("/app.js", host="pages.s3.localhost.localstack.cloud:4566", dest="script", mode="no-cors")
    assert follows("/pages/index.html", dest="")


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/_staticfire/mail", ""),
        ("/_staticfire/health", ""),
        ("/_ministack/state", ""),
        ("/_aws/ses", ""),
        ("/2015-03-31/functions", ""),
        ("/2015-03-31/functions/f", ""),
        ("/v2/apis/abc", ""),
        ("/restapis/abc", ""),
        ("/", "Action=DeleteQueue&QueueUrl=q"),
        ("/pages/x.html", "a=1&Action=DeleteTopic"),
        ("/pages/x.html", "%41ction=DeleteTopic"),
        ("/pages/service/granite/operation/DeleteAlarms", "AlarmNames=a"),
        ("/pages/service/granite/%6fperation/DeleteAlarms", ""),
        ("/pages/x", "X-Amz-Credential=100000000001/20260101/us-east-1/lambda/aws4_request"),
        ("/pages", ""),
        ("/", ""),
        ("/latest/meta-data/iam/security-credentials/", ""),
        ("/Clusters/x", ""),
        ("/clusters/x", ""),
    ],
)
def test_a_page_from_here_leads_to_nothing_else(path: str, query: str) -> None:
    assert not follows(path, query)
    assert not follows(path, query, host="pages.s3.localhost:4566") or path in ("/", "/pages")


@pytest.mark.parametrize(
    ("method", "changed"),
    [
        ("POST", {}),
        ("DELETE", {}),
        ("GET", {"dest": "iframe"}),
        ("GET", {"dest": "embed"}),
        ("GET", {"dest": "serviceworker"}),
        ("GET", {"dest": "empty", "mode": "cors"}),
        ("GET", {"dest": "empty", "mode": "no-cors"}),
        ("GET", {"site": "cross-site"}),
        ("GET", {"site": "same-site"}),
    ],
)
def test_a_script_from_here_reads_no_object(method: str, changed: dict[str, str]) -> None:
    assert not follows("/pages/x.html", method=method, **changed)


def test_this_origin_can_be_allowed_too() -> None:
    guard = Guard(origins=["http://127.0.0.1:4566"])
    assert not refused(guard, "127.0.0.1:4566", sec_fetch_site="same-origin", origin="http://127.0.0.1:4566")
    assert not refused(guard, "127.0.0.1:4566", sec_fetch_site="same-origin")
    assert refused(guard, "localhost:4566", sec_fetch_site="same-origin")
