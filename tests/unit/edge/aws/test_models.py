"""What AWS's models say: the names of operations, REST requests as operations, and the status of errors."""

from __future__ import annotations

from collections.abc import Callable

import boto3
import pytest
from botocore.awsrequest import AWSRequest

from staticfire.edge.aws.models import UnknownName, common_status, model
from staticfire.edge.http1.messages import Request
from tests.unit.edge.kit import request


@pytest.mark.parametrize(
    ("service", "error", "status"),
    [
        ("dynamodb", "ProvisionedThroughputExceededException", 400),
        ("dynamodb", "ThrottlingException", 400),
        ("dynamodb", "RequestLimitExceeded", 400),
        ("dynamodb", "InternalServerError", 500),
        ("ec2", "RequestLimitExceeded", 503),
        ("lambda", "TooManyRequestsException", 429),
        ("lambda", "ServiceException", 500),
        ("lambda", "AccessDeniedException", 403),
        ("s3", "NoSuchKey", 404),
        ("s3", "SlowDown", 503),
        ("secretsmanager", "InternalServiceError", 500),
        ("cloudwatch", "InternalServiceFault", 500),
        ("sqs", "QueueDoesNotExist", 400),
        ("sns", "Throttled", 429),
    ],
)
def test_an_error_has_the_status_that_AWS_gives_it(service: str, error: str, status: int) -> None:
    assert model(service).status(error) == status


@pytest.mark.parametrize(
    ("call", "nearest"),
    [
        (lambda: model("dynamo"), "the nearest is 'dynamodb'"),
        (lambda: model("dynamodb").require("updateitem"), "the nearest is 'UpdateItem'"),
        (
            lambda: model("dynamodb").status("ProvisionedThroughputExceeded"),
            "nearest is 'ProvisionedThroughputExceededException'",
        ),
        (lambda: common_status("Throtling"), "the nearest is 'Throttling'"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(call: Callable[[], object], nearest: str) -> None:
    with pytest.raises(UnknownName, match=nearest):
        call()


@pytest.mark.parametrize(("name", "scope"), [("cloudwatch", "monitoring"), ("monitoring", "monitoring"), ("s3", "s3")])
def test_a_service_may_be_named_as_boto3_names_it(name: str, scope: str) -> None:
    assert model(name).scope == scope


def test_the_two_models_of_API_Gateway_are_one_service() -> None:
    for operation in ("CreateRestApi", "CreateApi"):
        model("apigateway").require(operation)


S3 = {"Bucket": "b", "Key": "a/b c"}


@pytest.mark.parametrize("style", ["path", "virtual"])
@pytest.mark.parametrize(
    ("service", "operation", "parameters"),
    [
        ("s3", "PutObject", S3),
        ("s3", "GetObject", S3),
        ("s3", "CopyObject", {**S3, "CopySource": "b/c"}),
        ("s3", "UploadPart", {**S3, "PartNumber": 1, "UploadId": "u"}),
        ("s3", "PutObjectTagging", {**S3, "Tagging": {"TagSet": []}}),
        ("s3", "ListObjects", {"Bucket": "b"}),
        ("s3", "ListObjectsV2", {"Bucket": "b"}),
        ("s3", "CreateBucket", {"Bucket": "b"}),
        ("s3", "ListBuckets", {}),
        ("lambda", "Invoke", {"FunctionName": "f:1"}),
        ("lambda", "GetFunction", {"FunctionName": "f"}),
        ("lambda", "GetFunctionConfiguration", {"FunctionName": "f"}),
        ("apigatewayv2", "GetRoutes", {"ApiId": "a"}),
    ],
)
def test_a_request_to_a_REST_service_is_the_operation_that_boto3_sends(
    service: str, operation: str, parameters: dict[str, object], style: str
) -> None:
    assert model(service).operation_of(sent_by_boto3(service, operation, parameters, style)) == operation


def sent_by_boto3(service: str, operation: str, parameters: dict[str, object], style: str) -> Request:
    client = boto3.client(
        service,
        endpoint_url="http://localhost:4566",
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=boto3.session.Config(s3={"addressing_style": style}),
    )
    sent: list[AWSRequest] = []

    class Caught(Exception):
        pass

    def catch(request: AWSRequest, **_: object) -> None:
        sent.append(request)
        raise Caught

    client.meta.events.register("before-send", catch)
    method = {name: key for key, name in client.meta.method_to_api_mapping.items()}[operation]
    with pytest.raises(Caught):
        getattr(client, method)(**parameters)
    [prepared] = sent
    host, _, target = prepared.url.removeprefix("http://").partition("/")
    headers = [(name.lower(), str(value)) for name, value in prepared.headers.items() if name.lower() != "host"]
    return request(prepared.method, f"/{target}", headers, host=host)
