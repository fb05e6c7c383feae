"""Who calls what, and errors that AWS's SDKs read back."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import botocore
import botocore.parsers
import botocore.session
import pytest
from botocore.model import ServiceModel

from staticfire.edge.aws.access_keys import AccessKeys, Caller
from staticfire.edge.aws.calls import DEFAULT_ACCOUNT, AwsError, Call, Callers, Scope, error_response
from staticfire.edge.http1.messages import Request
from tests.unit.edge.kit import request, signed

FORM = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")]


class Sessions:
    """The emulator's STS in memory."""

    def __init__(self, error: AwsError | None = None) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self.error = error

    async def account_of(self, key: str, region: str, token: str) -> str:
        self.asked.append((key, region, token))
        if self.error:
            raise self.error
        return "100000000042"


async def read(incoming: Request) -> Call:
    return await Callers(Sessions().account_of, AccessKeys("s")).call(incoming)


async def test_the_signature_names_account_region_and_service() -> None:
    call = await read(request("POST", headers=[signed("dynamodb"), ("x-amz-target", "DynamoDB_20120810.GetItem")]))
    assert (call.service, call.scope, call.operation) == ("dynamodb", Scope("100000000001", "eu-west-1"), "GetItem")


@pytest.mark.parametrize("key", ["test", "AKIAIOSFODNN7EXAMPLE", "12345678901", "1234567890123", ""])
async def test_a_key_that_is_no_account_number_is_the_default_account(key: str) -> None:
    assert (await read(request(headers=[signed("s3", account=key)]))).scope.account == DEFAULT_ACCOUNT


async def test_a_presigned_query_is_a_signature_too() -> None:
    credential = "100000000001%2F20260101%2Feu-west-1%2Fs3%2Faws4_request"
    call = await read(request(target=f"/b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={credential}"))
    assert (call.service, call.scope) == ("s3", Scope("100000000001", "eu-west-1"))


async def test_the_old_query_signature_of_s3_names_the_account() -> None:
    call = await read(request(target="/b/k?AWSAccessKeyId=100000000001&Signature=x&Expires=1"))
    assert (call.service, call.scope.account) == ("s3", "100000000001")


async def test_a_signature_for_several_regions_names_none() -> None:
    header = "AWS4-ECDSA-P256-SHA256 Credential=100000000001/20260101/s3/aws4_request, SignedHeaders=host, Signature=0"
    call = await read(request(headers=[("authorization", header)]))
    assert (call.service, call.scope) == ("s3", Scope("100000000001", "us-east-1"))


async def test_a_session_keys_account_is_asked_once() -> None:
    sessions = Sessions()
    callers = Callers(sessions.account_of, AccessKeys("s"))
    incoming = request(headers=[signed("sqs", account="ASIA0123"), ("x-amz-security-token", "t")])
    for _ in range(2):
        assert (await callers.call(incoming)).scope.account == "100000000042"
    assert sessions.asked == [("ASIA0123", "eu-west-1", "t")]


async def test_a_functions_key_is_known_here_and_the_emulator_is_not_asked() -> None:
    sessions, keys = Sessions(), AccessKeys("s")
    caller = Caller("100000000007", "arn:aws:iam::100000000007:role/r", "f", "1-1")
    incoming = request(headers=[signed("sqs", account=keys.issue(caller).key)])
    call = await Callers(sessions.account_of, keys).call(incoming)
    assert (call.caller, call.scope.account, sessions.asked) == (caller, "100000000007", [])
    assert "Credential=100000000007/" in incoming.headers.get("authorization")


async def test_a_session_that_the_emulator_does_not_know_is_the_default_account() -> None:
    callers = Callers(Sessions(AwsError(403, "InvalidClientTokenId", "unknown")).account_of, AccessKeys("s"))
    assert (await callers.call(request(headers=[signed("sqs", account="ASIA")]))).scope.account == DEFAULT_ACCOUNT


async def test_a_sessions_account_is_not_guessed_while_the_emulator_is_down() -> None:
    callers = Callers(Sessions(AwsError(503, "ServiceUnavailable", "down")).account_of, AccessKeys("s"))
    with pytest.raises(AwsError, match="ServiceUnavailable"):
        await callers.call(request(headers=[signed("sqs", account="ASIA")]))


@pytest.mark.parametrize(
    ("incoming", "operation"),
    [
        (request("POST", headers=[("x-amz-target", "Logs_20140328.PutLogEvents")]), "PutLogEvents"),
        (request("POST", headers=FORM, body=b"Version=1&Action=DescribeAlarms"), "DescribeAlarms"),
        (request(target="/?Action=GetCallerIdentity&Version=1"), "GetCallerIdentity"),
        (
            request("POST", "/service/GraniteServiceVersion20100801/operation/PutMetricData",
                    [("smithy-protocol", "rpc-v2-cbor")]),
            "PutMetricData",
        ),
        (request("POST", "/2015-03-31/functions", [signed("lambda")], b"{}"), None),
        (request("PUT", "/bucket/key?NotAction=x", [signed("s3")], b"Action=no"), None),
    ],
)  # fmt: skip
async def test_the_operation_is_where_its_protocol_puts_it(incoming: Request, operation: str | None) -> None:
    assert (await read(incoming)).operation == operation


@pytest.mark.parametrize(
    ("incoming", "service"),
    [
        (request("GET", "/2015-03-31/functions/f"), "lambda"),
        (request("GET", "/v2/apis"), "apigateway"),
        (request("POST", headers=[("x-amz-target", "AWSCognitoIdentityProviderService.InitiateAuth")]), "cognito-idp"),
        (request("POST", headers=[("x-amz-target", "DynamoDB_20120810.GetItem")]), "dynamodb"),
        (request(host="sqs.eu-west-1.amazonaws.com"), "sqs"),
        (request(host="sns.localhost:4566"), "sns"),
        (request(host="s3.us-east-1.localhost.localstack.cloud:4566"), "s3"),
        (request(host="bucket.s3.eu-west-1.amazonaws.com"), "s3"),
        (request("GET", "/bucket/v2/apis"), "s3"),
    ],
)
async def test_an_unsigned_calls_service_is_told_by_target_path_or_host(incoming: Request, service: str) -> None:
    assert (await read(incoming)).service == service


def model(service: str, version: str) -> ServiceModel:
    path = Path(botocore.__file__).parent / "data" / service / version / "service-2.json.gz"
    return ServiceModel(json.loads(gzip.decompress(path.read_bytes())), service)


def parsed(protocol: str, error: AwsError, call: Call, service: ServiceModel, operation: str) -> tuple[str, str]:
    """Code and message as botocore's own parser reads them."""
    response = error_response(error, call)
    received = {"status_code": response.status, "headers": dict(response.headers), "body": response.body}
    shape = service.operation_model(operation).output_shape
    read = botocore.parsers.create_parser(protocol).parse(received, shape)["Error"]
    return read["Code"], read["Message"]


ERROR = AwsError(400, "TooBadException", 'a <b> & "c" – ü')


@pytest.mark.parametrize(
    ("protocol", "service", "version", "operation", "headers"),
    [
        ("json", "dynamodb", "2012-08-10", "GetItem", [("x-amz-target", "DynamoDB_20120810.GetItem")]),
        ("rest-json", "lambda", "2015-03-31", "Invoke", []),
        ("rest-json", "apigatewayv2", "2018-11-29", "GetApi", []),
        ("query", "sns", "2010-03-31", "Publish", FORM),
        ("query", "rds", "2014-10-31", "DescribeDBInstances", FORM),
        ("ec2", "ec2", "2016-11-15", "DescribeVpcs", FORM),
        ("rest-xml", "s3", "2006-03-01", "GetObject", []),
        ("smithy-rpc-v2-cbor", "cloudwatch", "2010-08-01", "DescribeAlarms", [("smithy-protocol", "rpc-v2-cbor")]),
    ],
)
def test_an_error_is_what_the_callers_sdk_reads(
    protocol: str, service: str, version: str, operation: str, headers: list[tuple[str, str]]
) -> None:
    described = model(service, version)
    incoming = request("POST", headers=headers)
    call = Call(incoming, described.signing_name, Scope(), operation if headers else None)
    assert parsed(protocol, ERROR, call, described, operation) == (ERROR.code, ERROR.message)


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "TooManyRequestsException", "ServiceException"])
def test_lambdas_modelled_exceptions_have_their_members(code: str) -> None:
    described = model("lambda", "2015-03-31")
    error = AwsError(404, code, "what happened", fields={"Reason": "why"})
    body = error_response(error, Call(request(), "lambda", Scope())).body
    assert isinstance(body, bytes)
    members = described.shape_for(code).members
    message = next(name for name in members if name.lower() == "message")
    assert json.loads(body) == {"Type": "User", message: "what happened", "Reason": "why"}


def test_an_errors_headers_go_out_with_it() -> None:
    response = error_response(
        AwsError(429, "Slow", "down", headers={"retry-after": "1"}), Call(request(), "s3", Scope())
    )
    assert ("retry-after", "1") in response.headers
