"""MiniStack's answers leave out what AWS's do, where Terraform would take away at each apply what nobody gave."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.edge.kit import Edge


@pytest.fixture(scope="module")
def edge(ministack_python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    edge = Edge(ministack_python, tmp_path_factory.mktemp("edge"))
    yield edge
    edge.end()


@pytest.fixture(scope="module")
def function(edge: Edge) -> str:
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("handler.py", "def handler(event, context):\n    return event\n")
    edge.client("lambda").create_function(
        FunctionName="f",
        Runtime="python3.12",
        Handler="handler.handler",
        Role="arn:aws:iam::000000000000:role/f",
        Code={"ZipFile": package.getvalue()},
    )
    return "f"


def test_an_authorizer_has_what_its_type_has(edge: Edge) -> None:
    client = edge.client("apigatewayv2")
    api = client.create_api(Name="a", ProtocolType="HTTP")["ApiId"]
    source = ["$request.header.Authorization"]
    jwt = {"Issuer": "https://login.example.com", "Audience": ["a"]}
    made = client.create_authorizer(
        ApiId=api, Name="jwt", AuthorizerType="JWT", IdentitySource=source, JwtConfiguration=jwt
    )
    authorizer = client.get_authorizer(ApiId=api, AuthorizerId=made["AuthorizerId"])
    assert authorizer["JwtConfiguration"] == jwt
    assert "AuthorizerPayloadFormatVersion" not in authorizer.keys() | made.keys()

    made = client.create_authorizer(
        ApiId=api,
        Name="lambda",
        AuthorizerType="REQUEST",
        IdentitySource=source,
        AuthorizerUri="arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/f/invocations",
        AuthorizerPayloadFormatVersion="2.0",
    )
    authorizer = client.get_authorizer(ApiId=api, AuthorizerId=made["AuthorizerId"])
    assert authorizer["AuthorizerPayloadFormatVersion"] == "2.0"
    assert "JwtConfiguration" not in authorizer.keys() | made.keys()


def test_an_age_that_nobody_gave_is_not_in_the_settings(edge: Edge, function: str) -> None:
    client = edge.client("lambda")
    made = client.put_function_event_invoke_config(FunctionName=function, MaximumRetryAttempts=0)
    settings = client.get_function_event_invoke_config(FunctionName=function)
    assert settings["MaximumRetryAttempts"] == 0
    assert "MaximumEventAgeInSeconds" not in settings.keys() | made.keys()
    client.put_function_event_invoke_config(FunctionName=function, MaximumEventAgeInSeconds=60)
    assert client.get_function_event_invoke_config(FunctionName=function)["MaximumEventAgeInSeconds"] == 60


def test_a_stream_is_read_by_the_hundred_and_a_queue_by_ten(edge: Edge, function: str) -> None:
    queue = edge.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    attributes = edge.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    table = edge.client("dynamodb").create_table(
        TableName="table",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )["TableDescription"]
    map_to = edge.client("lambda").create_event_source_mapping
    assert map_to(FunctionName=function, EventSourceArn=attributes["QueueArn"])["BatchSize"] == 10
    stream = map_to(FunctionName=function, EventSourceArn=table["LatestStreamArn"], StartingPosition="LATEST")
    assert stream["BatchSize"] == 100


def make_bucket(client: Any, name: str) -> None:
    client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": client.meta.region_name})


@pytest.mark.parametrize("versioned", [False, True])
def test_an_object_that_came_in_parts_has_its_tags(edge: Edge, versioned: bool) -> None:
    client, bucket = edge.client("s3"), f"parts-{versioned}".lower()
    make_bucket(client, bucket)
    if versioned:
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    address = {"Bucket": bucket, "Key": "layer.zip"}
    upload = client.create_multipart_upload(**address, Tagging="stack=todos&empty=")["UploadId"]
    part = client.upload_part(**address, UploadId=upload, PartNumber=1, Body=b"content")
    parts = [{"PartNumber": 1, "ETag": part["ETag"]}]
    client.complete_multipart_upload(**address, UploadId=upload, MultipartUpload={"Parts": parts})

    tags = {tag["Key"]: tag["Value"] for tag in client.get_object_tagging(**address)["TagSet"]}
    assert tags == {"stack": "todos", "empty": ""}


def test_an_upload_in_parts_with_too_many_tags_is_refused(edge: Edge) -> None:
    client = edge.client("s3")
    make_bucket(client, "tags")
    tagging = "&".join(f"t{number}=x" for number in range(11))
    with pytest.raises(client.exceptions.ClientError, match="cannot be greater than 10"):
        client.create_multipart_upload(Bucket="tags", Key="k", Tagging=tagging)
