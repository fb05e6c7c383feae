"""Throttling of stages and routes: a token bucket of `burst` tokens, filled at `rate` a second."""

from __future__ import annotations

import time

from tests.conformance.fidelity import documented
from tests.conformance.lab import Api, Lab, eventually, together

AREA = "HTTP API: throttling"
PAGE = "apigateway/latest/developerguide/http-api-throttling.html"
LIMITED = {"message": "Too Many Requests"}


def statuses(api: Api, path: str, count: int) -> list[int]:
    return sorted(answer.status for answer in together(count, lambda _: api.get(path)))


@documented(AREA, 'Over burst and rate a request is answered 429 `{"message":"Too Many Requests"}`', PAGE)
def test_over_the_burst_requests_are_refused(lab: Lab, echo: str) -> None:
    settings = {"DefaultRouteSettings": {"ThrottlingBurstLimit": 5, "ThrottlingRateLimit": 0.01}}
    api = lab.api({"$default": echo}, stage_settings=settings)
    assert statuses(api, "/", 20) == [200] * 5 + [429] * 15
    answer = api.get("/")
    assert (answer.status, answer.json()) == (429, LIMITED)
    assert answer.headers["apigw-requestid"]


@documented(AREA, "The bucket fills again at the rate", PAGE)
def test_the_bucket_fills_again(lab: Lab, echo: str) -> None:
    settings = {"DefaultRouteSettings": {"ThrottlingBurstLimit": 1, "ThrottlingRateLimit": 4}}
    api = lab.api({"$default": echo}, stage_settings=settings)
    started = time.monotonic()
    served = 0

    def filled_twice() -> bool:
        nonlocal served
        served += api.get("/").status == 200
        return served == 3

    eventually(filled_twice, "a third request served")
    assert served <= 1 + 4 * (time.monotonic() - started) + 1


@documented(AREA, "A route's own limits count before those of the stage", PAGE)
def test_a_routes_own_limits_count_first(lab: Lab, echo: str) -> None:
    api = lab.api(
        {"GET /tight": echo, "GET /wide": echo},
        stage_settings={
            "DefaultRouteSettings": {"ThrottlingBurstLimit": 1000, "ThrottlingRateLimit": 1000},
            "RouteSettings": {"GET /tight": {"ThrottlingBurstLimit": 2, "ThrottlingRateLimit": 0.01}},
        },
    )
    assert statuses(api, "/tight", 6) == [200] * 2 + [429] * 4
    assert statuses(api, "/wide", 10) == [200] * 10


@documented(AREA, "A throttled request does not reach the function", PAGE)
def test_a_throttled_request_does_not_reach_the_function(lab: Lab) -> None:
    function = lab.function("seen = []\ndef handler(event, context):\n    seen.append(1)\n    return len(seen)\n")
    settings = {"DefaultRouteSettings": {"ThrottlingBurstLimit": 1, "ThrottlingRateLimit": 0.01}}
    api = lab.api({"$default": function}, stage_settings=settings)
    assert [api.get("/").status for _ in range(4)] == [200, 429, 429, 429]
    assert lab.result(function) == 2


@documented(AREA, "An update of the limits counts at once", PAGE)
def test_changed_limits_count_at_once(lab: Lab, echo: str) -> None:
    settings = {"DefaultRouteSettings": {"ThrottlingBurstLimit": 1, "ThrottlingRateLimit": 0.01}}
    api = lab.api({"$default": echo}, stage_settings=settings)
    assert [api.get("/").status for _ in range(2)] == [200, 429]
    lab.aws("apigatewayv2").update_stage(
        ApiId=api.id,
        StageName=api.stage,
        DefaultRouteSettings={"ThrottlingBurstLimit": 100, "ThrottlingRateLimit": 100},
    )
    assert statuses(api, "/", 10) == [200] * 10


@documented(AREA, "An unrelated change of the API does not fill the bucket", PAGE)
def test_an_unrelated_change_does_not_fill_the_bucket(lab: Lab, echo: str) -> None:
    settings = {"DefaultRouteSettings": {"ThrottlingBurstLimit": 1, "ThrottlingRateLimit": 0.01}}
    api = lab.api({"$default": echo}, stage_settings=settings)
    assert [api.get("/").status for _ in range(2)] == [200, 429]
    lab.aws("apigatewayv2").update_api(ApiId=api.id, Description="another word")
    assert api.get("/").status == 429
