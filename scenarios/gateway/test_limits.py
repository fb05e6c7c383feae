"""Rate limits: exact under concurrency, by user and by address, and what happens without their table."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from scenarios.gateway.lab import Bearer, Configure, SessionOf, TokenOf, Upstream
from staticfire.testing.kit import AccountFaults, ApiClient, AwsClients, StackUnderTest, wait_until

LIMIT = 50
HOUR = 3600


@pytest.fixture(autouse=True, scope="module")
def routes(configured: Configure, upstream: Upstream, uncounted: None) -> None:
    server = {"upstream": "server", "auth": "none"}
    configured(
        {
            "upstreams": {"server": {"url": f"{upstream.url}/base"}},
            "limits": {
                "fifty": {"requests": LIMIT, "seconds": HOUR, "by": "all"},
                "each": {"requests": 2, "seconds": HOUR, "by": "user"},
                "address": {"requests": 3, "seconds": HOUR, "by": "ip"},
                "quick": {"requests": 3, "seconds": 2, "by": "user"},
                "open": {"requests": 1, "seconds": HOUR, "by": "all"},
                "closed": {"requests": 1, "seconds": HOUR, "by": "all", "refuses_unknown": True},
            },
            "routes": {
                "GET /fifty": {**server, "limit": "fifty"},
                "GET /each": {**server, "auth": "any", "limit": "each"},
                "GET /address": {**server, "limit": "address"},
                "GET /address-too": {**server, "limit": "address"},
                "GET /quick": {**server, "auth": "jwt", "limit": "quick"},
                "GET /open": {**server, "limit": "open"},
                "GET /closed": {**server, "limit": "closed"},
            },
        }
    )


@pytest.fixture(scope="module")
def uncounted(stack: StackUnderTest) -> None:
    """No hits from before: a run may have been here within the hour."""
    client, table = stack.aws("dynamodb"), stack.outputs["limits_table_name"]
    for item in client.scan(TableName=table, ConsistentRead=True)["Items"]:
        key = {name: item[name] for name in ("limiter_key", "window_start")}
        client.delete_item(TableName=table, Key=key)


def test_of_200_parallel_calls_against_a_limit_of_50_exactly_50_pass(api: ApiClient, upstream: Upstream) -> None:
    with ThreadPoolExecutor(40) as threads:
        answers = list(threads.map(lambda _: api.get("/fifty"), range(200)))

    assert Counter(answer.status for answer in answers) == {200: LIMIT, 429: 200 - LIMIT}
    assert len(upstream.asked("/fifty")) == LIMIT


def test_every_answer_tells_the_limit_and_what_is_left_of_it(
    api: ApiClient, user: str, token_of: TokenOf, bearer: Bearer
) -> None:
    answers = [api.get("/each", headers=bearer(token_of(user))) for _ in range(3)]

    assert [answer.status for answer in answers] == [200, 200, 429]
    assert {answer.headers["ratelimit-policy"] for answer in answers} == {f'"each";q=2;w={HOUR}'}
    assert [answer.headers["ratelimit"].split(";")[:2] for answer in answers] == [
        ['"each"', "r=1"],
        ['"each"', "r=0"],
        ['"each"', "r=0"],
    ]
    assert 0 < int(answers[2].headers["retry-after"]) <= 2 * HOUR
    assert answers[2].headers["ratelimit"].endswith(f"t={answers[2].headers['retry-after']}")
    assert all("retry-after" not in answer.headers for answer in answers[:2])
    assert answers[2].json()["message"]


def test_each_user_has_a_limit_of_their_own_however_they_are_known(
    api: ApiClient, user: str, token_of: TokenOf, session_of: SessionOf, bearer: Bearer
) -> None:
    session = session_of(user)

    mine = [api.get("/each", headers=bearer(token)).status for token in (token_of(user), session, token_of(user))]
    others = api.get("/each", headers=bearer(token_of(f"{user}-2"))).status

    assert (mine, others) == ([200, 200, 429], 200)


def test_routes_that_share_a_limit_share_its_hits(api: ApiClient) -> None:
    statuses = [api.get(path).status for path in ("/address", "/address-too", "/address", "/address-too")]

    assert statuses == [200, 200, 200, 429]


def test_as_the_window_slides_requests_pass_again(api: ApiClient, user: str, token_of: TokenOf, bearer: Bearer) -> None:
    headers = bearer(token_of(user))
    wait_until(lambda: api.get("/quick", headers=headers).status == 429, "a refusal")

    wait_until(lambda: api.get("/quick", headers=headers).status == 200, "room in the window")


def test_without_its_table_a_limit_lets_pass_or_refuses_as_it_says(api: ApiClient, faults: AccountFaults) -> None:
    with faults("dynamodb", "UpdateItem", kind="error", status=503, code="ServiceUnavailable"):
        passed = [api.get("/open") for _ in range(2)]
        refused = api.get("/closed")

    assert [answer.status for answer in passed] == [200, 200]
    assert all("ratelimit" not in answer.headers for answer in passed)
    assert refused.status == 503
    assert int(refused.headers["retry-after"]) > 0


def test_hits_go_by_themselves_when_they_no_longer_count(
    api: ApiClient, staticfire_stack: StackUnderTest, aws: AwsClients, user: str, token_of: TokenOf, bearer: Bearer
) -> None:
    table = staticfire_stack.outputs["limits_table_name"]
    assert api.get("/each", headers=bearer(token_of(user))).status == 200

    items = aws("dynamodb").scan(TableName=table, ConsistentRead=True)["Items"]
    items = [item for item in items if item["limiter_key"]["S"] == f"each#user:{user}"]

    assert sum(int(item.get("hits", {"N": "0"})["N"]) for item in items) == 1
    for item in items:
        assert int(item["expires_at"]["N"]) >= int(item["window_start"]["N"]) + 2 * HOUR
    ttl = aws("dynamodb").describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    assert (ttl["TimeToLiveStatus"], ttl["AttributeName"]) == ("ENABLED", "expires_at")
