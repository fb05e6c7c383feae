"""Who may call a route: JWT and Lambda authorizers, and IAM."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import jwt
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.conformance.fidelity import documented
from tests.conformance.lab import Answer, Api, Lab, eventually, send

AREA = "HTTP API: authorizers"
JWT = "apigateway/latest/developerguide/http-api-jwt-authorizer.html"
JWT_TROUBLE = "apigateway/latest/developerguide/http-api-troubleshooting-jwt.html"
LAMBDA = "apigateway/latest/developerguide/http-api-lambda-authorizer.html"
IAM = "apigateway/latest/developerguide/http-api-access-control-iam.html"
UNAUTHORIZED = {"message": "Unauthorized"}
FORBIDDEN = {"message": "Forbidden"}
AUDIENCE = "the-api"


@dataclass
class Issuer:
    """An OpenID Connect issuer on this machine: its metadata, its key set, its tokens."""

    url: str
    asked: list[str] = field(default_factory=list)
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))

    def documents(self) -> dict[str, Any]:
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
        return {
            "/.well-known/openid-configuration": {"issuer": self.url, "jwks_uri": f"{self.url}/keys"},
            "/keys": {"keys": [{**public, "kid": "key-1", "alg": "RS256", "use": "sig"}]},
        }

    def token(self, key: Any = None, kid: str = "key-1", algorithm: str = "RS256", **claims: Any) -> str:
        now = int(time.time())
        payload = {"iss": self.url, "aud": AUDIENCE, "sub": "user-1", "iat": now, "nbf": now - 10, "exp": now + 600}
        payload = {name: value for name, value in {**payload, **claims}.items() if value is not None}
        return jwt.encode(payload, key or self.key, algorithm, headers={"kid": kid})


@pytest.fixture(scope="module")
def issuer(this_machine: tuple[str, str]) -> Iterator[Issuer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append(self.path)
            document = made.documents().get(self.path)
            body = json.dumps(document).encode()
            self.send_response(200 if document else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    listening, host = this_machine
    server = ThreadingHTTPServer((listening, 0), Handler)
    made = Issuer(f"http://{host}:{server.server_port}")
    Thread(target=server.serve_forever, daemon=True).start()
    yield made
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def api(lab: Lab, echo: str, issuer: Issuer) -> Api:
    """`GET /` needs a token; `GET /scoped` one with the scope `read` or `admin`."""
    client = lab.aws("apigatewayv2")
    made = lab.api({"GET /open": echo})
    integration = client.get_integrations(ApiId=made.id)["Items"][0]["IntegrationId"]
    authorizer = client.create_authorizer(
        ApiId=made.id,
        Name="tokens",
        AuthorizerType="JWT",
        IdentitySource=["$request.header.Authorization"],
        JwtConfiguration={"Issuer": issuer.url, "Audience": [AUDIENCE, "another-api"]},
    )["AuthorizerId"]
    for route, scopes in (("GET /", []), ("GET /scoped", ["read", "admin"])):
        client.create_route(
            ApiId=made.id,
            RouteKey=route,
            Target=f"integrations/{integration}",
            AuthorizationType="JWT",
            AuthorizerId=authorizer,
            AuthorizationScopes=scopes,
        )
    return made


def bearing(api: Api, token: str, path: str = "/") -> Answer:
    return api.get(path, {"Authorization": f"Bearer {token}"})


@documented(AREA, "A valid token is let through; its claims and scopes are in the event", JWT)
def test_a_valid_token_is_let_through(api: Api, issuer: Issuer) -> None:
    answer = bearing(api, issuer.token(scope="read write", roles=["a", "b"], admin=True), "/scoped")
    assert answer.status == 200, answer.body
    authorizer = answer.json()["requestContext"]["authorizer"]["jwt"]
    assert authorizer["claims"]["sub"] == "user-1"
    assert authorizer["claims"]["iss"] == issuer.url
    assert all(isinstance(value, str) for value in authorizer["claims"].values())
    assert "read" in authorizer["scopes"]


@documented(AREA, "The token may come without `Bearer`", JWT)
def test_a_token_without_bearer_is_let_through(api: Api, issuer: Issuer) -> None:
    assert api.get("/", {"Authorization": issuer.token()}).status == 200


@documented(AREA, "The token may come in the query string, where the identity source says so", JWT)
def test_a_token_in_the_query_string(lab: Lab, echo: str, issuer: Issuer) -> None:
    client = lab.aws("apigatewayv2")
    made = lab.api({"GET /open": echo})
    authorizer = client.create_authorizer(
        ApiId=made.id,
        Name="query",
        AuthorizerType="JWT",
        IdentitySource=["$request.querystring.token"],
        JwtConfiguration={"Issuer": issuer.url, "Audience": [AUDIENCE]},
    )["AuthorizerId"]
    target = f"integrations/{client.get_integrations(ApiId=made.id)['Items'][0]['IntegrationId']}"
    client.create_route(
        ApiId=made.id, RouteKey="GET /", Target=target, AuthorizationType="JWT", AuthorizerId=authorizer
    )
    assert made.get(f"/?token={issuer.token()}").status == 200
    assert bearing(made, issuer.token()).status == 401


@documented(AREA, "A route without an authorizer asks for no token", JWT)
def test_an_open_route_asks_for_no_token(api: Api) -> None:
    assert "authorizer" not in api.event("GET", "/open")["requestContext"]


@documented(AREA, 'Without a token: 401 `{"message":"Unauthorized"}` and `www-authenticate: Bearer`', JWT_TROUBLE)
def test_without_a_token_the_answer_is_401(api: Api) -> None:
    answer = api.get("/")
    assert (answer.status, answer.json()) == (401, UNAUTHORIZED)
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.headers["apigw-requestid"]


NOW = int(time.time())
STRANGER = rsa.generate_private_key(65537, 2048)
BAD: dict[str, dict[str, Any]] = {
    "another audience": {"aud": "someone-else"},
    "another issuer": {"iss": "https://elsewhere.example.com"},
    "expired": {"exp": NOW - 3600},
    "not valid yet": {"nbf": NOW + 3600},
    "signed by a stranger": {"key": STRANGER},
    "an unknown key id": {"kid": "key-2"},
    "a symmetric algorithm": {"key": "secret" * 8, "algorithm": "HS256"},
}


@documented(AREA, "Audience, issuer, `exp`, `nbf`, `kid`, algorithm and signature are checked: 401", JWT)
@pytest.mark.parametrize("why", BAD)
def test_a_bad_token_is_refused(api: Api, issuer: Issuer, why: str) -> None:
    answer = bearing(api, issuer.token(**BAD[why]))
    assert (answer.status, answer.json()) == (401, UNAUTHORIZED)
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


@documented(AREA, "What is no token is refused", JWT)
@pytest.mark.parametrize("text", ["nonsense", "a.b.c", "Bearer", "Basic dXNlcjpwYXNz"])
def test_what_is_no_token_is_refused(api: Api, text: str) -> None:
    assert api.get("/", {"Authorization": text}).status == 401


@documented(AREA, "An unsigned token is refused", JWT)
def test_an_unsigned_token_is_refused(api: Api, issuer: Issuer) -> None:
    claims = {"iss": issuer.url, "aud": AUDIENCE, "exp": int(time.time()) + 600}
    assert bearing(api, jwt.encode(claims, "", "none", headers={"kid": "key-1"})).status == 401


@documented(AREA, "`client_id` stands in for a missing `aud`; where both are told, `aud` counts", JWT)
def test_client_id_stands_in_for_the_audience(api: Api, issuer: Issuer) -> None:
    assert bearing(api, issuer.token(aud=None, client_id=AUDIENCE)).status == 200
    assert bearing(api, issuer.token(aud="someone-else", client_id=AUDIENCE)).status == 401
    assert bearing(api, issuer.token(aud=None)).status == 401
    assert bearing(api, issuer.token(aud=["x", "another-api"])).status == 200


@documented(AREA, 'A token with none of the route\'s scopes: 403 `{"message":"Forbidden"}`', JWT)
@pytest.mark.parametrize("claims", [{}, {"scope": "write"}, {"scp": ["write"]}])
def test_without_a_scope_the_answer_is_403(api: Api, issuer: Issuer, claims: dict[str, Any]) -> None:
    answer = bearing(api, issuer.token(**claims), "/scoped")
    assert (answer.status, answer.json()) == (403, FORBIDDEN)


@documented(AREA, "One of the route's scopes is enough, in `scope` or in `scp`", JWT)
@pytest.mark.parametrize("claims", [{"scope": "x admin"}, {"scp": ["admin"]}, {"scp": "read"}])
def test_one_scope_is_enough(api: Api, issuer: Issuer, claims: dict[str, Any]) -> None:
    assert bearing(api, issuer.token(**claims), "/scoped").status == 200


@documented(AREA, "The issuer's keys are fetched once and kept", JWT)
def test_keys_are_kept(api: Api, issuer: Issuer) -> None:
    assert bearing(api, issuer.token()).status == 200
    before = len(issuer.asked)
    for _ in range(5):
        assert bearing(api, issuer.token()).status == 200
    assert len(issuer.asked) == before


@documented(AREA, "An issuer that cannot be reached is no permission", JWT)
def test_an_unreachable_issuer_is_no_permission(lab: Lab, echo: str, issuer: Issuer) -> None:
    client = lab.aws("apigatewayv2")
    made = lab.api({"GET /open": echo})
    authorizer = client.create_authorizer(
        ApiId=made.id,
        Name="dead",
        AuthorizerType="JWT",
        IdentitySource=["$request.header.Authorization"],
        JwtConfiguration={"Issuer": "http://127.0.0.1:9", "Audience": [AUDIENCE]},
    )["AuthorizerId"]
    target = f"integrations/{client.get_integrations(ApiId=made.id)['Items'][0]['IntegrationId']}"
    client.create_route(
        ApiId=made.id, RouteKey="GET /", Target=target, AuthorizationType="JWT", AuthorizerId=authorizer
    )
    assert bearing(made, issuer.token(iss="http://127.0.0.1:9")).status == 401


GATE = """
    calls = []

    def handler(event, context):
        calls.append(1)
        if event is None or "calls" in event:
            return len(calls)
        headers = event["headers"]
        word = {name.lower(): value for name, value in headers.items()}.get("authorization", "")
        if word == "crash":
            raise ValueError("secret")
        if word == "malformed":
            return {"what": "is this"}
        seen = {"seen": sorted(event), "type": event["type"], "identity": event.get("identitySource")}
        if SIMPLE:
            return {"isAuthorized": word == "open sesame", "context": {**seen, "n": 1, "b": True}}
        arn = event.get("routeArn") or event["methodArn"]
        return {
            "principalId": "user-1",
            "policyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Action": "execute-api:Invoke",
                        "Effect": "Allow" if word == "open sesame" else "Deny",
                        "Resource": arn,
                    }
                ],
            },
            "context": {"arn": arn, "type": event["type"]},
        }
"""


@dataclass
class Gated:
    api: Api
    gate: str
    authorizer: str


def gated(lab: Lab, echo: str, *, simple: bool, version: str = "2.0", ttl: int = 0, **settings: Any) -> Gated:
    client = lab.aws("apigatewayv2")
    gate = lab.function(f"SIMPLE = {simple}\n" + GATE.replace("\n    ", "\n"))
    made = lab.api({"GET /open": echo})
    uri = f"arn:aws:apigateway:{lab.region}:lambda:path/2015-03-31/functions/{lab.arn(gate)}/invocations"
    authorizer = client.create_authorizer(
        **{
            "ApiId": made.id,
            "Name": "gate",
            "AuthorizerType": "REQUEST",
            "AuthorizerUri": uri,
            "AuthorizerPayloadFormatVersion": version,
            "IdentitySource": ["$request.header.Authorization"],
            "AuthorizerResultTtlInSeconds": ttl,
            **({"EnableSimpleResponses": simple} if version == "2.0" else {}),
            **settings,
        }
    )["AuthorizerId"]
    lab.permit(made.id, gate, f"arn:aws:execute-api:{lab.region}:{lab.account}:{made.id}/authorizers/{authorizer}")
    target = f"integrations/{client.get_integrations(ApiId=made.id)['Items'][0]['IntegrationId']}"
    for route in ("GET /a", "GET /b"):
        client.create_route(
            ApiId=made.id, RouteKey=route, Target=target, AuthorizationType="CUSTOM", AuthorizerId=authorizer
        )
    return Gated(made, gate, authorizer)


def calls(lab: Lab, gate: str) -> int:
    """How often the authorizer was called, this call not counted."""
    return int(lab.result(gate, {"calls": True})) - 1


@pytest.fixture(scope="module")
def simple(lab: Lab, echo: str) -> Gated:
    return gated(lab, echo, simple=True)


@pytest.fixture(scope="module")
def policy(lab: Lab, echo: str) -> Gated:
    return gated(lab, echo, simple=False)


@documented(AREA, "A simple response lets through or refuses with 403; its context is in the event", LAMBDA)
def test_a_simple_response_decides(simple: Gated) -> None:
    answer = simple.api.get("/a", {"Authorization": "open sesame"})
    assert answer.status == 200, answer.body
    context = answer.json()["requestContext"]["authorizer"]["lambda"]
    assert (context["type"], context["identity"], context["n"], context["b"]) == ("REQUEST", ["open sesame"], 1, True)
    assert {"version", "routeArn", "routeKey", "rawPath", "requestContext"} <= set(context["seen"])
    refused = simple.api.get("/a", {"Authorization": "open barley"})
    assert (refused.status, refused.json()) == (403, FORBIDDEN)


@documented(AREA, "A policy lets through or refuses with 403", LAMBDA)
def test_a_policy_decides(lab: Lab, policy: Gated) -> None:
    answer = policy.api.get("/a", {"Authorization": "open sesame"})
    assert answer.status == 200, answer.body
    context = answer.json()["requestContext"]["authorizer"]["lambda"]
    api = policy.api.id
    assert context["arn"] == f"arn:aws:execute-api:{lab.region}:{lab.account}:{api}/$default/GET/a"
    refused = policy.api.get("/a", {"Authorization": "no"})
    assert (refused.status, refused.json()) == (403, FORBIDDEN)


@documented(AREA, "Format 1.0 of an authorizer: `methodArn`, and a policy as the answer", LAMBDA)
def test_an_authorizer_of_format_1_0(lab: Lab, echo: str) -> None:
    made = gated(lab, echo, simple=False, version="1.0")
    answer = made.api.get("/a", {"Authorization": "open sesame"})
    assert answer.status == 200, answer.body
    assert answer.json()["requestContext"]["authorizer"]["lambda"]["type"] == "REQUEST"
    assert made.api.get("/a", {"Authorization": "no"}).status == 403


@documented(AREA, "Without its identity source a request is answered 401, and the authorizer is not called", LAMBDA)
def test_without_an_identity_source_the_authorizer_is_not_called(lab: Lab, simple: Gated) -> None:
    before = calls(lab, simple.gate)
    answer = simple.api.get("/a")
    assert (answer.status, answer.json()) == (401, UNAUTHORIZED)
    assert calls(lab, simple.gate) == before + 1


@documented(AREA, "Identity sources: header, query string, context and stage variable", LAMBDA)
def test_every_kind_of_identity_source(lab: Lab, echo: str) -> None:
    sources = [
        "$request.querystring.user",
        "$context.routeKey",
        "$stageVariables.kind",
        "$request.header.authorization",
    ]
    made = gated(lab, echo, simple=True, IdentitySource=sources)
    assert made.api.get("/a?user=7", {"Authorization": "open sesame"}).status == 401, "no such stage variable yet"
    lab.aws("apigatewayv2").update_stage(ApiId=made.api.id, StageName="$default", StageVariables={"kind": "k"})
    answer = made.api.get("/a?user=7", {"Authorization": "open sesame"})
    assert answer.status == 200, answer.body
    context = answer.json()["requestContext"]["authorizer"]["lambda"]
    assert context["identity"] == ["7", "GET /a", "k", "open sesame"]
    assert made.api.get("/a", {"Authorization": "open sesame"}).status == 401


@documented(AREA, "An answer is kept for the TTL, by its identity sources, for all routes", LAMBDA)
def test_an_answer_is_kept(lab: Lab, echo: str) -> None:
    made = gated(lab, echo, simple=True, ttl=300)
    for path in ("/a", "/a", "/b"):
        assert made.api.get(path, {"Authorization": "open sesame"}).status == 200
    assert calls(lab, made.gate) == 1
    assert [made.api.get("/a", {"Authorization": "no"}).status for _ in range(2)] == [403, 403]
    assert calls(lab, made.gate) == 3, "one call for each identity, and one that asked for the count"


@documented(AREA, "`$context.routeKey` among the sources keeps answers route by route", LAMBDA)
def test_answers_may_be_kept_route_by_route(lab: Lab, echo: str) -> None:
    sources = ["$request.header.Authorization", "$context.routeKey"]
    made = gated(lab, echo, simple=True, ttl=300, IdentitySource=sources)
    for path in ("/a", "/a", "/b"):
        assert made.api.get(path, {"Authorization": "open sesame"}).status == 200
    assert calls(lab, made.gate) == 2


@documented(AREA, "With a TTL of 0 every request calls the authorizer", LAMBDA)
def test_without_a_ttl_nothing_is_kept(lab: Lab, echo: str) -> None:
    made = gated(lab, echo, simple=True)
    for _ in range(3):
        assert made.api.get("/a", {"Authorization": "open sesame"}).status == 200
    assert calls(lab, made.gate) == 3


@documented(AREA, "An authorizer that fails or answers nonsense: 500, and nothing of the failure in it", LAMBDA)
@pytest.mark.parametrize("word", ["crash", "malformed"])
def test_a_failing_authorizer_is_an_internal_error(simple: Gated, policy: Gated, word: str) -> None:
    for made in (simple, policy):
        answer = made.api.get("/a", {"Authorization": word})
        assert (answer.status, answer.json()) == (500, {"message": "Internal Server Error"})


@documented(AREA, "Without permission to invoke the authorizer: 500", LAMBDA)
def test_without_permission_for_the_authorizer_the_answer_is_500(lab: Lab, echo: str) -> None:
    made = gated(lab, echo, simple=True)
    client = lab.aws("lambda")
    for statement in json.loads(client.get_policy(FunctionName=made.gate)["Policy"])["Statement"]:
        client.remove_permission(FunctionName=made.gate, StatementId=statement["Sid"])
    answer = made.api.get("/a", {"Authorization": "open sesame"})
    assert (answer.status, answer.json()) == (500, {"message": "Internal Server Error"})


def signed(lab: Lab, api: Api, path: str, key: Mapping[str, str]) -> Answer:
    """A request as an SDK signs it, to the API's own host."""
    host = f"{api.id}.execute-api.{lab.region}.amazonaws.com"
    request = AWSRequest("GET", f"http://{host}{path}", headers={"host": host})
    credentials = Credentials(key["AccessKeyId"], key["SecretAccessKey"])
    SigV4Auth(credentials, "execute-api", lab.region).add_auth(request)
    return send("GET", lab.endpoint + path, dict(request.headers.items()))


@documented(AREA, "IAM authorization checks a SigV4 signature and the caller's policy", IAM)
def test_iam_authorization_asks_the_signature_and_the_policy(lab: Lab, echo: str) -> None:
    api = lab.api({"GET /pets": echo, "GET /owners": echo}, route={"AuthorizationType": "AWS_IAM"})
    iam, name = lab.aws("iam"), lab.name("user")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    assert signed(lab, api, "/pets", key).status == 403
    resource = f"arn:aws:execute-api:{lab.region}:{lab.account}:{api.id}/*/GET/pets"
    statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": resource}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName=name, PolicyName="pets", PolicyDocument=policy)
    eventually(lambda: signed(lab, api, "/pets", key).status == 200, "a policy that counts")
    answer = signed(lab, api, "/pets", key)
    assert answer.json()["requestContext"]["authorizer"]["iam"]["userArn"].endswith(f":user/{name}")
    for refused in (
        signed(lab, api, "/owners", key),
        signed(lab, api, "/pets", {**key, "SecretAccessKey": "another"}),
        api.get("/pets"),
    ):
        assert (refused.status, refused.json()) == (403, {"message": "Forbidden"})
