"""Errors in the protocol that each SDK speaks, and what becomes of calls that the endpoint only passes on."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.conformance.fidelity import documented
from tests.conformance.lab import Lab, send

AREA = "AWS API calls"
LAMBDA = "lambda/latest/api/CommonErrors.html"
DYNAMODB = "amazondynamodb/latest/developerguide/Programming.Errors.html"
SQS = "AWSSimpleQueueService/latest/APIReference/CommonErrors.html"
S3 = "AmazonS3/latest/API/ErrorResponses.html"
EC2 = "AWSEC2/latest/APIReference/errors-overview.html"
IAM = "IAM/latest/APIReference/CommonErrors.html"
APIGATEWAY = "apigatewayv2/latest/api-reference/apis-apiid.html"
ACCOUNTS = "accounts/latest/reference/manage-acct-identifiers.html"


@documented(AREA, "REST-JSON: the SDK raises the service's own exception", LAMBDA)
def test_a_rest_json_error_is_the_services_exception(lab: Lab) -> None:
    client = lab.aws("lambda")
    with pytest.raises(client.exceptions.ResourceNotFoundException) as caught:
        client.get_function(FunctionName="nosuchfunction")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    gateway = lab.aws("apigatewayv2")
    with pytest.raises(gateway.exceptions.NotFoundException):
        gateway.get_api(ApiId="nosuchapi0")


@documented(AREA, "JSON 1.0 and 1.1: the SDK raises the service's own exception", DYNAMODB)
def test_a_json_error_is_the_services_exception(lab: Lab) -> None:
    dynamodb = lab.aws("dynamodb")
    with pytest.raises(dynamodb.exceptions.ResourceNotFoundException):
        dynamodb.get_item(TableName="nosuchtable", Key={"id": {"S": "a"}})
    secrets = lab.aws("secretsmanager")
    with pytest.raises(secrets.exceptions.ResourceNotFoundException):
        secrets.get_secret_value(SecretId="nosuchsecret")


@documented(AREA, "Query XML: the SDK raises the service's own exception", IAM)
def test_a_query_error_is_the_services_exception(lab: Lab) -> None:
    iam = lab.aws("iam")
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_role(RoleName="nosuchrole")
    rds = lab.aws("rds")
    with pytest.raises(rds.exceptions.DBInstanceNotFoundFault):
        rds.describe_db_instances(DBInstanceIdentifier="nosuchinstance")


@documented(AREA, "S3 and EC2 have XML errors of their own", S3)
def test_s3_and_ec2_errors(lab: Lab) -> None:
    s3 = lab.aws("s3", s3={"addressing_style": "path"})
    with pytest.raises(s3.exceptions.NoSuchBucket):
        s3.list_objects_v2(Bucket=lab.name("nosuch"))
    with pytest.raises(ClientError, match=r"InvalidVpcID\.NotFound"):
        lab.aws("ec2").describe_vpcs(VpcIds=["vpc-0123456789abcdef0"])


@documented(AREA, "A queue that does not exist is the SDK's exception, in JSON and in query", SQS)
def test_an_sqs_error(lab: Lab) -> None:
    sqs = lab.aws("sqs")
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.get_queue_url(QueueName="nosuchqueue")


@documented(AREA, "An error that the endpoint itself makes is one of the service's", LAMBDA)
def test_the_endpoints_own_errors_are_the_services(lab: Lab) -> None:
    client = lab.aws("lambda")
    with pytest.raises(client.exceptions.ResourceNotFoundException) as caught:
        lab.invoke("nosuchfunction")
    assert caught.value.response["Error"]["Code"] == "ResourceNotFoundException"
    assert caught.value.response["ResponseMetadata"]["RequestId"]


@documented(AREA, "Each account sees its own resources only", ACCOUNTS, "an access key of 12 digits is the account")
def test_each_account_sees_its_own_resources(lab: Lab, echo: str) -> None:
    other = Lab(lab.endpoint, "299999999999")
    assert lab.aws("sts").get_caller_identity()["Account"] == lab.account
    assert other.aws("sts").get_caller_identity()["Account"] == other.account
    client = other.aws("lambda")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        other.invoke(echo)
    other.function("def handler(event, context):\n    return 'the other'\n", FunctionName=echo)
    assert other.result(echo) == "the other"
    assert lab.result(echo, {})["statusCode"] == 200


@documented(AREA, "Each region has its own resources", ACCOUNTS)
def test_each_region_has_its_own_resources(lab: Lab) -> None:
    other = Lab(lab.endpoint, lab.account, "eu-central-1")
    source = (
        "import os\ndef handler(event, context):\n    return [os.environ['AWS_REGION'], context.invoked_function_arn]\n"
    )
    name = lab.name()
    other.function(source, FunctionName=name)
    assert other.result(name) == ["eu-central-1", other.arn(name)]
    client = lab.aws("lambda")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        lab.invoke(name)


@documented(AREA, "Objects are stored and read byte for byte, by signed URLs too", S3)
def test_objects_pass_through_byte_for_byte(lab: Lab) -> None:
    s3 = lab.aws("s3", s3={"addressing_style": "path"})
    bucket = lab.name("bucket")
    s3.create_bucket(Bucket=bucket)
    body = bytes(range(256)) * 20_000
    s3.put_object(Bucket=bucket, Key="a b/ü.bin", Body=body, ContentType="application/x-odd")
    stored = s3.get_object(Bucket=bucket, Key="a b/ü.bin")
    assert (stored["Body"].read(), stored["ContentType"]) == (body, "application/x-odd")
    part = s3.get_object(Bucket=bucket, Key="a b/ü.bin", Range="bytes=10-19")
    assert (part["ResponseMetadata"]["HTTPStatusCode"], part["Body"].read()) == (206, body[10:20])
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a b/ü.bin"})
    assert send("GET", url).body == body


@documented(AREA, "Items are written and read as they are", DYNAMODB)
def test_items_pass_through(lab: Lab) -> None:
    dynamodb = lab.aws("dynamodb")
    table = lab.name("table")
    dynamodb.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    item = {"id": {"S": "a"}, "n": {"N": "0.1234567890123456789012345678901234567"}, "b": {"B": b"\x00\xff"}}
    dynamodb.put_item(TableName=table, Item=item)
    assert dynamodb.get_item(TableName=table, Key={"id": {"S": "a"}})["Item"] == item
    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException):
        dynamodb.put_item(TableName=table, Item=item, ConditionExpression="attribute_not_exists(id)")
