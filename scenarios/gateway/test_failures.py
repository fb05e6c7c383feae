"""Upstreams that fail: what is tried again, what is not, and when an upstream is left alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from scenarios.gateway.lab import Configure, LineOf, Upstream, repeat, reply
from staticfire.testing.kit import ApiClient, wait_until

Fails = Callable[..., None]


@pytest.fixture(autouse=True)
def routes(configured: Configure, upstream: Upstream) -> None:
    """A configuration for each scenario, with it new environments: no breaker remembers the one before."""
    upstream.requests.clear()
    route = {"upstream": "server", "auth": "none"}
    configured(
        {
            "upstreams": {
                "server": {"url": f"{upstream.url}/base", "timeout_seconds": 1, "retries": 2, "rest_seconds": 1},
                "nobody": {"url": "http://127.0.0.1:9"},
                "nowhere": {"function": "there-is-no-such-function"},
            },
            "routes": {
                "ANY /server/{path+}": route,
                "ANY /nobody": {**route, "upstream": "nobody"},
                "GET /nowhere": {**route, "upstream": "nowhere"},
            },
        }
    )


@pytest.fixture
def fails(upstream: Upstream) -> Fails:
    """The first `times` requests for a path fail by a status, the others are answered."""

    def prepare(path: str, status: int, times: int) -> None:
        def behave(handler: BaseHTTPRequestHandler, request: dict[str, Any]) -> None:
            if len(upstream.asked(path)) <= times:
                reply(handler, status, b'{"from": "upstream"}')
            else:
                repeat(handler, request)

        upstream.behaviours[path] = behave

    return prepare


@pytest.mark.parametrize("status", [502, 503, 504])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_what_may_be_repeated_is_tried_again(
    api: ApiClient, upstream: Upstream, fails: Fails, method: str, status: int
) -> None:
    fails("/server/again", status, times=2)

    assert api.request(method, "/server/again").status == 200
    assert len(upstream.asked("/server/again")) == 3


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_what_may_act_twice_is_not_repeated(api: ApiClient, upstream: Upstream, fails: Fails, method: str) -> None:
    fails("/server/once", 503, times=1)

    answer = api.request(method, "/server/once")

    assert (answer.status, answer.json()) == (503, {"from": "upstream"})
    assert len(upstream.asked("/server/once")) == 1


@pytest.mark.parametrize("status", [400, 404, 409, 429, 500])
def test_an_answer_that_is_one_is_handed_on(api: ApiClient, upstream: Upstream, fails: Fails, status: int) -> None:
    fails("/server/final", status, times=9)

    assert api.get("/server/final").status == status
    assert len(upstream.asked("/server/final")) == 1


def test_a_redirect_is_the_clients_to_follow(api: ApiClient, upstream: Upstream) -> None:
    upstream.behaviours["/server/moved"] = lambda handler, _: reply(
        handler, 302, headers=(("location", "http://169.254.169.254/"),)
    )

    answer = api.request("GET", "/server/moved")

    assert (answer.status, answer.headers["location"]) == (302, "http://169.254.169.254/")


def test_an_upstream_that_is_slow_is_given_up(api: ApiClient, upstream: Upstream) -> None:
    def late(handler: BaseHTTPRequestHandler, request: dict[str, Any]) -> None:
        time.sleep(3)
        repeat(handler, request)

    upstream.behaviours["/server/slow"] = late

    answer = api.post("/server/slow")

    assert (answer.status, answer.json()["message"]) == (504, "The upstream did not answer in time.")
    assert len(upstream.asked("/server/slow")) == 1


def test_an_upstream_that_is_not_there_is_told_without_its_address(api: ApiClient) -> None:
    for path in ("/nobody", "/nowhere"):
        answer = api.get(path)
        assert (answer.status, answer.json()["message"]) == (502, "The upstream cannot be reached.")


def test_a_post_that_reached_nobody_is_tried_again(api: ApiClient, line_of: LineOf) -> None:
    answer = api.post("/nobody")

    assert answer.status == 502
    assert wait_until(lambda: line_of(answer), "the request's log line")["attempts"] == 3


def test_an_upstream_that_keeps_failing_is_left_alone_and_tried_again_later(
    api: ApiClient, upstream: Upstream, fails: Fails
) -> None:
    fails("/server/down", 503, times=5)

    failing = [api.post("/server/down") for _ in range(5)]
    resting = [api.post("/server/down") for _ in range(10)]

    assert [answer.json() for answer in failing] == [{"from": "upstream"}] * 5
    assert {answer.status for answer in resting} == {503}
    assert all("left alone" in answer.json()["message"] for answer in resting)
    assert all(int(answer.headers["retry-after"]) > 0 for answer in resting)
    assert len(upstream.asked("/server/down")) == 5
    assert api.get("/health/ready").json()["breakers"]["server"] == "open"

    wait_until(lambda: api.post("/server/down").status == 200, "the upstream tried again")

    assert len(upstream.asked("/server/down")) == 6
    assert api.get("/health/ready").json()["breakers"]["server"] == "closed"


def test_other_upstreams_are_not_left_alone_with_it(api: ApiClient, fails: Fails) -> None:
    fails("/server/down", 503, times=9)
    for _ in range(6):
        api.post("/server/down")

    assert api.get("/nobody").status == 502


def test_an_answer_that_is_too_large_for_a_function_is_told(api: ApiClient, upstream: Upstream) -> None:
    large = b"x" * (5 * 1024 * 1024)
    upstream.behaviours["/server/large"] = lambda handler, _: reply(handler, 200, large, "text/plain")

    assert api.post("/server/large").status == 502


def test_an_upstream_that_hangs_up_in_the_middle_is_told(api: ApiClient, upstream: Upstream) -> None:
    def hang_up(handler: BaseHTTPRequestHandler, _: object) -> None:
        handler.send_response(200)
        handler.send_header("content-length", "100")
        handler.end_headers()
        handler.wfile.write(b"half")
        handler.close_connection = True

    upstream.behaviours["/server/half"] = hang_up

    assert api.post("/server/half").status == 502
