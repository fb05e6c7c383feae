"""Signed requests that are no AWS API calls: what botocore signs is taken, and nothing else; and what policies say."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from staticfire.edge.aws.access_keys import AccessKeys, Caller
from staticfire.edge.aws.calls import AwsError, Call, Scope
from staticfire.edge.aws.identity_policies import IdentityPolicies
from staticfire.edge.aws.issued_keys import IssuedKey, IssuedKeys, KeyMaker
from staticfire.edge.aws.signed_callers import SignedCallers
from staticfire.edge.http1.messages import Headers, Request, Response
from staticfire.edge.store import Store
from tests.unit.edge.iam_kit import MemoryIam

ACCOUNT = "111111111111"
USER = IssuedKey("AKIAUSERUSERUSERUSER", "secret", ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/team/ann", "AIDAANN")
API = f"arn:aws:execute-api:us-east-1:{ACCOUNT}:abc/prod/GET/pets"
INVOKE = "execute-api:Invoke"
MAY = {"Statement": {"Effect": "Allow", "Action": INVOKE, "Resource": "*"}}
MAY_NOT = {"Statement": {"Effect": "Deny", "Action": INVOKE, "Resource": "*"}}


class Bench:
    def __init__(self, store: Store) -> None:
        self.iam = MemoryIam()
        self.access_keys = AccessKeys("s")
        self.issued = IssuedKeys(store)
        self.policies = IdentityPolicies(self.iam)
        self.callers = SignedCallers(self.access_keys, self.issued, self.policies)

    def caller(self, request: Request, body: bytes = b"", **more: Any) -> Any:
        return self.callers.caller(request, body, service="execute-api", region="us-east-1", **more)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    store = Store(tmp_path / "edge.sqlite")
    bench = Bench(store)
    await bench.issued.keep(USER)
    yield bench
    await store.close()


def signed(
    url: str = "https://abc.execute-api.localhost/prod/pets",
    *,
    method: str = "GET",
    body: bytes = b"",
    key: str = USER.key,
    secret: str = USER.secret,
    token: str | None = None,
    service: str = "execute-api",
    presigned: int | None = None,
    change: Callable[[AWSRequest], None] = lambda described: None,
    **headers: str,
) -> Request:
    described = AWSRequest(method, url, {name.replace("_", "-"): value for name, value in headers.items()}, body)
    change(described)
    credentials = Credentials(key, secret, token)
    if presigned is None:
        SigV4Auth(credentials, service, "us-east-1").add_auth(described)
    else:
        SigV4QueryAuth(credentials, service, "us-east-1", presigned).add_auth(described)
    parts = urlsplit(described.url)
    sent = [("host", parts.netloc), *((name.lower(), value) for name, value in described.headers.items())]
    return Request(method, parts.path, parts.query, Headers(sent), body)


def refused(bench: Bench, request: Request, body: bytes = b"", **more: Any) -> tuple[str, str]:
    with pytest.raises(AwsError) as error:
        bench.caller(request, body, **more)
    assert error.value.status == 403
    return error.value.code, error.value.message


@pytest.mark.parametrize(
    "url",
    [
        "https://abc.execute-api.localhost/prod/pets",
        "https://abc.execute-api.localhost/prod/a%20b/%7Bx%7D/%2F?q=a%20b&q=%3D&empty=&A=1&a=2",
        "https://abc.execute-api.localhost:4566/_aws/execute-api/abc/prod/%40connections/a%3D",
        "https://abc.execute-api.localhost/prod//pets/./x/../y/",
        "https://abc.execute-api.localhost/prod/@connections/aG9sYQ=?x=%C3%A4",
    ],
)
@pytest.mark.parametrize("presigned", [None, 60])
async def test_what_botocore_signs_is_taken(bench: Bench, url: str, presigned: int | None) -> None:
    body = b"" if presigned else b"{}"  # botocore's presigner moves a body into the query
    caller = bench.caller(signed(url, method="POST", body=body, presigned=presigned), body)
    assert (caller.arn, caller.account, caller.user_id) == (USER.arn, ACCOUNT, "AIDAANN")


async def test_whoever_has_another_secret_is_refused(bench: Bench) -> None:
    code, message = refused(bench, signed(secret="guessed"))
    assert code == "InvalidSignatureException"
    assert message.startswith("The request signature we calculated does not match the signature you provided.")
    assert "The Canonical String for this request should have been\n'GET\n/prod/pets\n\nhost:" in message


@pytest.mark.parametrize("presigned", [None, 60])
@pytest.mark.parametrize("what", ["method", "path", "query", "host", "body", "header"])
async def test_what_was_changed_after_it_was_signed_is_refused(bench: Bench, what: str, presigned: int | None) -> None:
    body = b"" if presigned else b"mine"
    request = signed(method="POST", body=body, x_amz_meta="1", presigned=presigned)
    assert bench.caller(request, body)
    body = b"yours" if what == "body" else body
    if what in ("method", "path"):
        setattr(request, what, {"method": "DELETE", "path": "/prod/others"}[what])
    elif what == "query":
        request.query += "&admin=1" if request.query else "admin=1"
    elif what in ("host", "header"):
        request.headers.replace("host" if what == "host" else "x-amz-meta", "2")
    assert refused(bench, request, body)[0] == "InvalidSignatureException"


async def test_a_body_that_is_not_signed_may_be_any(bench: Bench) -> None:
    request = signed(method="POST", x_amz_content_sha256="UNSIGNED-PAYLOAD")
    assert bench.caller(request, b"anything")
    claimed = signed(method="POST", body=b"mine", x_amz_content_sha256="0" * 64)
    assert refused(bench, claimed, b"mine")[0] == "InvalidSignatureException"


async def test_a_signature_is_of_these_minutes(bench: Bench) -> None:
    now = datetime.now(UTC)
    request = signed()
    assert bench.caller(request, now=now + timedelta(minutes=4))
    assert "Signature expired: " in refused(bench, request, now=now + timedelta(minutes=6))[1]
    assert "Signature not yet current: " in refused(bench, request, now=now - timedelta(minutes=6))[1]
    presigned = signed(presigned=3600)
    assert bench.caller(presigned, now=now + timedelta(minutes=59))
    assert "Signature expired: " in refused(bench, presigned, now=now + timedelta(minutes=61))[1]


async def test_a_signature_is_for_one_service_and_region(bench: Bench) -> None:
    message = refused(bench, signed(service="lambda"))[1]
    assert message == "Credential should be scoped to correct service: 'execute-api'."
    with pytest.raises(AwsError, match="Credential should be scoped to a valid region, not 'us-east-1'"):
        bench.callers.caller(signed(), b"", service="execute-api", region="eu-west-1")


@pytest.mark.parametrize(
    ("authorization", "code", "message"),
    [
        ("", "MissingAuthenticationTokenException", "Missing Authentication Token"),
        ("Bearer x", "IncompleteSignatureException", "Unsupported AWS 'algorithm': 'Bearer'."),
        ("AWS4-HMAC-SHA256 junk", "IncompleteSignatureException", "not a valid key=value pair"),
        ("AWS4-HMAC-SHA256 Credential=a", "IncompleteSignatureException", "requires 'Signature' parameter."),
        ("AWS4-ECDSA-P256-SHA256 Credential=a", "IncompleteSignatureException", "SigV4A"),
        (
            "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=0",
            "IncompleteSignatureException",
            "must have exactly 5",
        ),
    ],
)
async def test_what_cannot_be_read_is_refused(bench: Bench, authorization: str, code: str, message: str) -> None:
    headers = [("host", "a"), ("x-amz-date", "20260101T000000Z")]
    headers += [("authorization", authorization)] if authorization else []
    code_of_it, message_of_it = refused(bench, Request("GET", "/", "", Headers(headers)))
    assert code_of_it == code
    assert message in message_of_it


async def test_keys_end(bench: Bench) -> None:
    session = IssuedKey(
        "ASIASESSIONSESSIONAA",
        "s",
        ACCOUNT,
        f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/me",
        "AROA:me",
        "token",
        datetime.now(UTC).timestamp() + 60,
    )
    await bench.issued.keep(session)
    request = signed(key=session.key, secret="s", token="token")
    assert bench.caller(request).arn == session.arn
    later = datetime.now(UTC) + timedelta(minutes=2)
    assert refused(bench, request, now=later)[0] == "ExpiredTokenException"
    for other in (signed(key=session.key, secret="s"), signed(key=session.key, secret="s", token="another")):
        assert refused(bench, other)[0] == "UnrecognizedClientException"
    await bench.issued.drop(USER.key)
    assert refused(bench, signed())[0] == "UnrecognizedClientException"


async def test_an_accounts_number_is_its_root_and_a_functions_key_its_role(bench: Bench) -> None:
    assert bench.caller(signed(key=ACCOUNT, secret="test")).arn == f"arn:aws:iam::{ACCOUNT}:root"
    assert bench.caller(signed(key="test", secret="test")).account == "000000000000"
    key, secret, token = bench.access_keys.issue(Caller(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:role/r", "f", "1-1"))
    caller = bench.caller(signed(key=key, secret=secret, token=token))
    assert caller.arn == f"arn:aws:sts::{ACCOUNT}:assumed-role/r/f"
    assert refused(bench, signed(key=key, secret="guessed", token=token))[0] == "InvalidSignatureException"


@pytest.mark.parametrize(
    ("identity", "resource", "may"),
    [
        ({}, None, False),
        ({"p": MAY}, None, True),
        ({"p": MAY, "q": MAY_NOT}, None, False),
        ({}, {"Effect": "Allow", "Principal": {"AWS": USER.arn}}, True),
        ({}, {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}}, True),
        ({"p": MAY}, {"Effect": "Deny", "Principal": "*"}, False),
        ({"p": MAY_NOT}, {"Effect": "Allow", "Principal": "*"}, False),
    ],
)
async def test_within_an_account_the_caller_or_the_resource_allows(
    bench: Bench, identity: dict[str, Any], resource: dict[str, Any] | None, may: bool
) -> None:
    bench.iam.add("User", "ann", **identity)
    policy = {"Statement": [{"Action": INVOKE, "Resource": "*", **resource}]} if resource else None
    caller = bench.caller(signed())
    assert await bench.callers.allowed(caller, INVOKE, API, resource_policy=policy) is may


async def test_across_accounts_both_must_allow(bench: Bench) -> None:
    other = API.replace(ACCOUNT, "222222222222")
    policy = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": INVOKE, "Resource": "*"}]}
    bench.iam.add("User", "ann", p=MAY)
    caller = bench.caller(signed())
    assert await bench.callers.allowed(caller, INVOKE, other, resource_policy=policy)
    assert not await bench.callers.allowed(caller, INVOKE, other)
    bench.iam.add("User", "ann")
    bench.policies.forget()
    assert not await bench.callers.allowed(caller, INVOKE, other, resource_policy=policy)


async def test_groups_managed_policies_boundaries_and_sessions_count(bench: Bench) -> None:
    caller = bench.caller(signed())
    bench.iam.add("User", "ann")
    bench.iam.add("Group", "team", p=MAY)
    bench.iam.groups["ann"] = ["team"]
    assert await bench.callers.allowed(caller, INVOKE, API)
    bench.iam.managed["arn:boundary"] = {"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}
    bench.iam.boundaries["User", "ann"] = "arn:boundary"
    bench.policies.forget()
    refusal = await bench.callers.refusal(caller, INVOKE, API)
    assert refusal is not None
    assert refusal.message == (
        f"User: {USER.arn} is not authorized to perform: execute-api:Invoke on resource: "
        "arn:aws:execute-api:us-east-1:********1111:abc/prod/GET/pets"
    )
    arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/me"
    bench.iam.add("Role", "reader")
    bench.iam.attached["Role", "reader"] = ["arn:aws:iam::aws:policy/AdministratorAccess"]
    for policies, may in ((), True), (('{"Statement": []}',), False):
        await bench.issued.keep(IssuedKey("ASIA234567234567", "s", ACCOUNT, arn, "AROA:me", "t", policies=policies))
        session = bench.caller(signed(key="ASIA234567234567", secret="s", token="t"))
        assert await bench.callers.allowed(session, INVOKE, API) is may


async def test_a_role_that_iam_does_not_have_is_its_accounts_root_and_nobody_needs_the_resources_policy(
    bench: Bench,
) -> None:
    key, secret, token = bench.access_keys.issue(Caller(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:role/r", "f", "1-1"))
    assert await bench.callers.allowed(bench.caller(signed(key=key, secret=secret, token=token)), INVOKE, API)
    assert not await bench.callers.allowed(None, INVOKE, API)
    policy = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": INVOKE, "Resource": "*"}]}
    assert await bench.callers.allowed(None, INVOKE, API, resource_policy=policy)


class Answering(MemoryIam):
    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.data = data

    async def forward(self, scope: Scope, service: str, request: Request) -> Response:
        return Response(200, raw=b"HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\n\r\n" + self.data)


async def test_secrets_are_learned_from_the_answers_that_tell_them(bench: Bench) -> None:
    made = (
        b"<CreateAccessKeyResponse xmlns='x'><AccessKey><UserName>bob</UserName><AccessKeyId>AKIABOB</AccessKeyId>"
        b"<SecretAccessKey>bobs</SecretAccessKey></AccessKey></CreateAccessKeyResponse>"
    )
    assumed = (
        b"<AssumeRoleResponse xmlns='x'><Credentials><AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>roles"
        b"</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>"
        b"<AssumedRoleUser><AssumedRoleId>AROA:me</AssumedRoleId><Arn>arn:aws:sts::222222222222:assumed-role/r/me</Arn>"
        b"</AssumedRoleUser></AssumeRoleResponse>"
    )
    for operation, service, answer in (("CreateAccessKey", "iam", made), ("AssumeRole", "sts", assumed)):
        iam = Answering(answer)
        iam.add("User", "bob")
        request = Request("POST", "/", "", Headers(), f"Action={operation}&Policy=%7B%7D".encode())
        response = await KeyMaker(iam, bench.issued).answer(Call(request, service, Scope(ACCOUNT), operation))
        assert response is not None
        assert response.raw.endswith(answer)
    bob, role = bench.issued.get("AKIABOB"), bench.issued.get("ASIAROLE")
    assert bob is not None
    assert role is not None
    assert (bob.secret, bob.user_id, bob.expires) == ("bobs", "AIDABOB", None)
    assert (role.secret, role.account, role.token, role.policies) == ("roles", "222222222222", "t", ("{}",))
    ended = Request("POST", "/", "", Headers(), b"Action=DeleteAccessKey&AccessKeyId=AKIABOB")
    await KeyMaker(Answering(b"<x/>"), bench.issued).answer(Call(ended, "iam", Scope(ACCOUNT), "DeleteAccessKey"))
    assert bench.issued.get("AKIABOB") is None
