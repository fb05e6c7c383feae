"""Routes with AWS_IAM: the signature is computed anew, and the caller's policies are asked."""

from __future__ import annotations

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from staticfire.edge.aws.calls import AwsError
from staticfire.edge.aws.issued_keys import IssuedKey
from staticfire.edge.http1.messages import Headers, Request
from tests.unit.edge.services.apigateway.kit import ACCOUNT, REGION, Answer, Api, Lab

USER = IssuedKey("AKIAUSERUSERUSERUSER", "secret", ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/ann", "AIDAANN")
FORBIDDEN = (403, {"message": "Forbidden"})


async def signed(lab: Lab, api: Api, path: str = "/pets", secret: str = USER.secret) -> Answer:
    host = f"{api.id}.execute-api.{REGION}.amazonaws.com"
    request = AWSRequest("GET", f"https://{host}{path}", headers={"host": host})
    SigV4Auth(Credentials(USER.key, secret), "execute-api", REGION).add_auth(request)
    headers = Headers([(name.lower(), value) for name, value in request.headers.items()])
    return await lab.send(Request("GET", path, "", headers))


@pytest.fixture
async def guarded(lab: Lab) -> Api:
    await lab.issued.keep(USER)
    return await lab.api({"GET /pets": "echo", "GET /owners": "echo"}, route={"authorizationType": "AWS_IAM"})


async def test_a_user_with_a_policy_gets_through_and_the_event_names_them(lab: Lab, guarded: Api) -> None:
    resource = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{guarded.id}/*/GET/pets"
    lab.iam.add("User", "ann", pets={"Statement": [{"Effect": "Allow", "Action": "*", "Resource": resource}]})
    answer = await signed(lab, guarded)
    assert answer.status == 200
    assert answer.json()["requestContext"]["authorizer"]["iam"]["userArn"] == USER.arn
    denied = await signed(lab, guarded, "/owners")
    assert (denied.status, denied.json()) == FORBIDDEN


async def test_a_wrong_secret_and_no_signature_are_forbidden(lab: Lab, guarded: Api) -> None:
    lab.iam.add("User", "ann", all={"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
    for answer in (await signed(lab, guarded, secret="another"), await guarded.send("GET", "/pets")):
        assert (answer.status, answer.json()) == FORBIDDEN
    assert lab.functions.events == []
    assert (await signed(lab, guarded)).status == 200


async def test_events_of_format_1_0_have_the_identity(lab: Lab) -> None:
    await lab.issued.keep(USER)
    lab.iam.add("User", "ann", all={"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
    settings = {"payloadFormatVersion": "1.0"}
    api = await lab.api({"GET /pets": "echo"}, route={"authorizationType": "AWS_IAM"}, integration=settings)
    context = (await signed(lab, api)).json()["requestContext"]
    assert (context["identity"]["userArn"], context["identity"]["accessKey"]) == (USER.arn, USER.key)
    assert "authorizer" not in context


async def test_where_iam_cannot_be_read_a_rest_api_answers_as_for_its_own_fault(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(*_: object, **__: object) -> None:
        raise AwsError(503, "ServiceUnavailable", "MiniStack is gone")

    await lab.issued.keep(USER)
    monkeypatch.setattr(lab.iam, "query", lost)
    made = await lab.call("POST", "/restapis", {"name": "r"})
    at = f"/restapis/{made['id']}/resources/{made['rootResourceId']}/methods/GET"
    await lab.call("PUT", at, {"authorizationType": "AWS_IAM"})
    await lab.call("PUT", f"{at}/integration", {"type": "HTTP_PROXY", "httpMethod": "GET", "uri": "http://a"})
    await lab.call("POST", f"/restapis/{made['id']}/deployments", {"stageName": "prod"})
    answer = await signed(lab, Api(lab, made["id"], "prod"), "/prod")
    assert (answer.status, answer.json()) == (500, {"message": "Internal server error"})
    assert lab.client.requests == []
