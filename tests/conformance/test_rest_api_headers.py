"""Headers on their way through REST APIs: what is hidden, dropped, refused and renamed."""

from __future__ import annotations

import json

import pytest

from tests.conformance.fidelity import documented, recorded
from tests.conformance.lab import Lab
from tests.conformance.rest_lab import Rest

AREA = "REST API: headers"

# What a client sends, and nothing behind the API sees.
HIDDEN = {
    **{"Content-MD5": "m", "Max-Forwards": "3", "Proxy-Authenticate": "Basic", "Server": "s", "TE": "trailers"},
    **{"Trailer": "x", "WWW-Authenticate": "Basic"},
}
SEEN = {"Accept-Charset": "UTF-8", "Age": "7", "Pragma": "cache", "Referer": "https://example.com/", "Warn": "299"}
RENAMED = [
    *("Authorization", "Connection", "Content-Length", "Content-MD5", "Date", "Expect", "Host", "Max-Forwards"),
    *("Proxy-Authenticate", "Server", "Trailer", "Upgrade", "User-Agent", "WWW-Authenticate"),
]
# No server gets these, not even by a mapping.
OF_A_CONNECTION = ("Trailer", "Upgrade", "TE")
TOLD = ["Age", "Pragma", "Range", "Referer", "Via", "Warn"]
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def api(lab: Lab, backend: str, echo: str) -> Rest:
    api = Rest(lab)
    names = [*HIDDEN, *SEEN, "Via", "X-Forwarded-Proto", "X-Not-There"]
    template = json.dumps({name: f"$input.params('{name}')" for name in names})
    answers = {f"method.response.header.{name}": f"'told {name}'" for name in (*RENAMED, *TOLD, "Transfer-Encoding")}
    http = {"integrationHttpMethod": "POST", "uri": f"{backend}/echo"}
    api.method(
        "POST /mapped",
        {**http, "type": "HTTP", "requestTemplates": {"application/json": template}},
        {"200": {"responseParameters": answers}},
    )
    api.method("POST /passed", {**http, "type": "HTTP_PROXY"})
    api.method(
        "POST /joined/{part}",
        {
            **{"type": "HTTP_PROXY", "integrationHttpMethod": "POST", "uri": f"{backend}/echo?one={{place}}&two=a"},
            "requestParameters": {
                "integration.request.path.place": "method.request.path.part",
                "integration.request.querystring.two": "method.request.querystring.q",
                "integration.request.querystring.three": "method.request.header.not-there",
                "integration.request.header.via": "'mine'",
                "integration.request.header.x-q": "method.request.querystring.q",
            },
        },
        requestParameters=dict.fromkeys(
            ("method.request.path.part", "method.request.querystring.q", "method.request.header.not-there"), False
        ),
    )
    ours = {f"integration.request.header.{name}": f"'mapped {name}'" for name in (*OF_A_CONNECTION, "X-Mine")}
    for kind in ("HTTP", "HTTP_PROXY"):
        api.method(f"POST /mine/{kind}", {**http, "type": kind, "requestParameters": ours}, {"200": {}})
    api.proxy("POST /function", echo)
    for kind, name in (("HTTP", "Content-Length"), ("HTTP_PROXY", "Transfer-Encoding")):
        illegal = {f"integration.request.header.{name}": "'0'"}
        api.method(f"POST /{kind}", {**http, "type": kind, "requestParameters": illegal})
    for name in ("Authorization", "TE"):
        illegal = {f"integration.request.header.{name}": "'0'"}
        api.proxy(f"POST /{name}", echo, requestParameters=illegal)
    api.permit(echo)
    api.deploy()
    return api


@recorded(
    AREA,
    "Headers of the client's connection are seen by no template, no server and no function; others are",
    "2024-07-18",
)
@pytest.mark.parametrize("path", ["/passed", "/function"])
def test_what_is_seen(api: Rest, path: str) -> None:
    answer = api.send("POST", path, {**HIDDEN, **SEEN, **JSON}, "{}")
    assert answer.status == 200, answer.body
    seen = {name.lower(): value for name, value in answer.json()["headers"].items()}
    assert not seen.keys() & {name.lower() for name in HIDDEN}
    assert {name: seen.get(name.lower()) for name in SEEN} == SEEN


@recorded(AREA, "Of an HTTP integration's response, fourteen headers that mappings set come back renamed", "2024-07-17")
def test_mapped_headers(api: Rest) -> None:
    answer = api.send("POST", "/mapped", {**HIDDEN, **SEEN, "Via": "1.1 other", **JSON}, "{}")
    assert answer.status == 200, answer.body
    assert {name: answer.headers[f"x-amzn-Remapped-{name}"] for name in RENAMED} == {
        name: f"told {name}" for name in RENAMED
    }
    assert {name: answer.headers[name] for name in TOLD} == {name: f"told {name}" for name in TOLD}
    assert answer.headers.get("transfer-encoding") is None
    template = json.loads(answer.json()["body"])
    assert template == {
        **dict.fromkeys(HIDDEN, ""),
        **SEEN,
        "Via": "1.1 other",
        "X-Forwarded-Proto": "http",
        "X-Not-There": "",
    }


@recorded(AREA, "HTTP_PROXY adds mapped query parameters to those of the address and of the client", "2024-07-18")
def test_joined_query(api: Rest) -> None:
    answer = api.send("POST", "/joined/here?q=b&one=c", JSON, "{}")
    assert answer.json()["path"] == "/echo?one=here&two=a&q=b&one=c&two=b"
    headers = answer.json()["headers"]
    assert (headers["x-q"], "via" in headers) == ("b", False)
    assert answer.headers["X-Amzn-Trace-Id"] is None


@documented(
    AREA,
    "`Trailer`, `Upgrade` and `TE` reach no server, by no mapping; the request does",
    "apigateway/latest/developerguide/api-gateway-known-issues.html",
)
@pytest.mark.parametrize("kind", ["HTTP", "HTTP_PROXY"])
def test_headers_of_a_connection(api: Rest, kind: str) -> None:
    answer = api.send("POST", f"/mine/{kind}", JSON, "{}")
    assert answer.status == 200, answer.body
    got = {name.lower(): value for name, value in answer.json()["headers"].items()}
    assert got["x-mine"] == "mapped X-Mine"
    assert not got.keys() & {name.lower() for name in OF_A_CONNECTION}


@recorded(AREA, "A mapping of a header that is not the user's is a 500 when it is called", "2024-07-18")
@pytest.mark.parametrize("path", ["/HTTP", "/HTTP_PROXY", "/Authorization", "/TE"])
def test_illegal_mappings(api: Rest, path: str) -> None:
    answer = api.send("POST", path, JSON, "{}")
    assert (answer.status, answer.json()) == (500, {"message": "Internal server error"})
    assert answer.headers["x-amzn-ErrorType"] == "InternalServerErrorException"
