"""Requests find their upstreams, with what belongs to them and nothing else."""

from __future__ import annotations

import http.client
import json
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from scenarios.gateway.lab import Bearer, Configure, SessionOf, TokenOf, Upstream, reply
from staticfire.testing.kit import AccountFunctions, ApiClient, FunctionFailed, StackUnderTest

LIMIT = 64


@pytest.fixture(autouse=True, scope="module")
def routes(configured: Configure, upstream: Upstream, echo: str) -> None:
    configured(
        {
            "upstreams": {"server": {"url": f"{upstream.url}/base"}, "echo": {"function": echo}},
            "routes": {
                "ANY /any/{path+}": {"upstream": "server", "auth": "none"},
                "GET /any/special": {"upstream": "echo", "auth": "none"},
                "POST /small": {"upstream": "server", "auth": "none", "largest_body": LIMIT},
                "GET /only/get": {"upstream": "server", "auth": "none"},
                "GET /mine": {"upstream": "server", "auth": "any"},
                "ANY /stripped/{path+}": {"upstream": "server", "auth": "none", "strip_prefix": "/stripped"},
                "PUT /fn/things/{id}": {"upstream": "echo", "auth": "none", "strip_prefix": "/fn"},
                "GET /fn/crash": {"upstream": "echo", "auth": "none"},
            },
        }
    )


def test_a_request_reaches_its_server_whole(api: ApiClient) -> None:
    answer = api.post("/any/a/b%20c?d=e&f=%2Fg", body="héllo", headers={"content-type": "text/plain", "x-mine": "1"})

    assert answer.status == 200
    received = answer.json()
    assert (received["method"], received["target"]) == ("POST", "/base/any/a/b%20c?d=e&f=%2Fg")
    assert received["body"].encode("latin-1").decode() == "héllo"
    assert (received["headers"]["x-mine"], received["headers"]["content-type"]) == ("1", "text/plain")
    assert received["headers"]["x-request-id"] == answer.headers["x-request-id"]
    assert received["headers"]["x-forwarded-for"]
    assert received["headers"]["x-forwarded-host"] == api.url.split("/")[2]


def test_bytes_come_through_both_ways(api: ApiClient, upstream: Upstream) -> None:
    data = bytes(range(256))
    upstream.behaviours["/any/bytes"] = lambda handler, request: reply(
        handler, 200, request["body"].encode("latin-1"), "application/octet-stream"
    )

    assert api.post("/any/bytes", body=data, headers={"content-type": "application/octet-stream"}).body == data


def test_headers_of_one_connection_stay_there(api: ApiClient, upstream: Upstream) -> None:
    upstream.behaviours["/any/hops"] = lambda handler, request: reply(
        handler,
        200,
        json.dumps(request).encode(),
        headers=(("connection", "x-secret"), ("x-secret", "1"), ("keep-alive", "timeout=9"), ("x-kept", "2")),
    )

    answer = api.get("/any/hops", headers={"te": "trailers", "proxy-authorization": "Basic YTpi", "x-kept": "1"})

    assert not {"te", "proxy-authorization"} & set(answer.json()["headers"])
    assert answer.json()["headers"]["x-kept"] == "1"
    assert not {"x-secret", "keep-alive"} & set(answer.headers)
    assert answer.headers["x-kept"] == "2"


def test_nobody_can_pretend_to_be_authenticated(api: ApiClient) -> None:
    received = api.get("/any/x", headers={"x-authenticated-user": "root", "x-request-id": "mine"}).json()

    assert "x-authenticated-user" not in received["headers"]
    assert received["headers"]["x-request-id"] != "mine"


def test_an_upstream_learns_who_is_calling_and_never_the_credentials(
    api: ApiClient, user: str, token_of: TokenOf, session_of: SessionOf, bearer: Bearer
) -> None:
    session = session_of(user)
    by_token = api.get("/mine", headers=bearer(token_of(user)))
    by_session = api.get("/mine", headers=bearer(session))
    by_cookie = api.get("/mine", headers={"cookie": f"other=1; __Host-session={session}"})

    for answer in (by_token, by_session, by_cookie):
        assert answer.status == 200
        assert answer.json()["headers"]["x-authenticated-user"] == user
        assert "authorization" not in answer.json()["headers"]
        assert session not in answer.text
    assert by_cookie.json()["headers"]["cookie"] == "other=1"


def test_a_credential_of_the_upstreams_own_passes_where_anybody_may_call(
    api: ApiClient, session_of: SessionOf, user: str, bearer: Bearer
) -> None:
    assert api.get("/any/x", headers={"authorization": "Basic YTpi"}).json()["headers"]["authorization"] == "Basic YTpi"
    assert "authorization" not in api.get("/any/x", headers=bearer(session_of(user))).json()["headers"]


def test_a_prefix_is_stripped_where_the_route_says_so(api: ApiClient) -> None:
    assert api.get("/stripped/a/b").json()["target"] == "/base/a/b"


def test_a_function_gets_the_event_of_an_api_of_its_own(api: ApiClient) -> None:
    answer = api.request("PUT", "/fn/things/7?x=1", json={"a": "ü"}, headers={"cookie": "c=1; d=2"})

    assert (answer.status, answer.headers["x-echo"]) == (200, "yes")
    assert {cookie.strip() for cookie in answer.headers["set-cookie"].split(",")} == {"a=1", "b=2"}
    event = answer.json()
    assert (event["version"], event["routeKey"]) == ("2.0", "PUT /things/{id}")
    assert event["rawPath"].endswith("/things/7")
    assert event["pathParameters"] == {"id": "7"}
    assert event["rawQueryString"] == "x=1"
    assert event["cookies"] == ["c=1", "d=2"]
    assert json.loads(event["body"]) == {"a": "ü"}


def test_a_function_that_crashes_tells_the_client_nothing(api: ApiClient) -> None:
    answer = api.get("/fn/crash")

    assert (answer.status, answer.json()) == (500, {"message": "Internal Server Error"})


def test_the_more_specific_route_wins(api: ApiClient) -> None:
    assert api.get("/any/special").headers["x-echo"] == "yes"
    assert api.post("/any/special").json()["target"] == "/base/any/special"


@pytest.mark.parametrize("path", ["/", "/nowhere", "/any", "/only", "/auth/nothing"])
def test_an_unknown_path_is_not_found(api: ApiClient, path: str) -> None:
    assert api.get(path).status == 404


def test_another_method_is_not_allowed_and_told_which_is(api: ApiClient) -> None:
    answer = api.request("DELETE", "/only/get")

    assert (answer.status, answer.headers["allow"]) == (405, "GET")


@pytest.mark.parametrize(
    "path",
    [
        "/any/../only/get",
        "/any/%2e%2e/only/get",
        "/any/%2E./x",
        "/any/a%2f..%2fb",
        "/any/%252e%252e/x",
        "/any/%25252e%25252e/x",
        "/any/a%5c..%5cb",
        "/any/a%255cb",
        "/any/a%00b",
        "/any/a%0d%0aHost:%20evil",
    ],
)
def test_a_path_that_could_mean_another_one_is_refused(
    staticfire_stack: StackUnderTest, upstream: Upstream, path: str
) -> None:
    before = len(upstream.requests)
    parts = urlsplit(staticfire_stack.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    connection.request("GET", parts.path + path)  # a client that normalises nothing
    answer = connection.getresponse()
    connection.close()

    assert answer.status in (400, 404)
    assert len(upstream.requests) == before


def test_an_encoded_slash_is_a_slash(api: ApiClient) -> None:
    assert api.get("/any/a%2Fb").json()["target"] == "/base/any/a/b"


def test_a_host_in_the_request_chooses_no_upstream(api: ApiClient, upstream: Upstream) -> None:
    before = len(upstream.requests)

    answer = api.get("/any/http://169.254.169.254/latest/meta-data")

    assert answer.json()["target"].startswith("/base/any/http:")
    assert len(upstream.requests) == before + 1


def test_a_body_over_the_routes_limit_is_refused(api: ApiClient) -> None:
    assert api.post("/small", body="x" * LIMIT).status == 200

    answer = api.post("/small", body="x" * (LIMIT + 1))

    assert answer.status == 413
    assert str(LIMIT) in answer.json()["message"]


def test_a_wrong_configuration_does_not_start_and_every_problem_is_named(
    stack: StackUnderTest, configured: Configure, functions: AccountFunctions
) -> None:
    configured(
        {
            "upstreams": {"a": {"url": "ftp://x"}, "b": {}},
            "routes": {"GET /a": {"upstream": "c", "auth": "maybe"}, "GET /auth/x": {"upstream": "a", "auth": "none"}},
        }
    )

    with pytest.raises((FunctionFailed, ClientError)) as failed:
        functions.invoke(stack.outputs["api_function_name"], {})

    for problem in ("upstreams.a.url", "routes.GET /a.auth", "routes.GET /auth/x"):
        assert problem in str(failed.value)
