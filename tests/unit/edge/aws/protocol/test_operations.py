"""Operations by AWS's models: botocore writes the requests and reads the answers, as any SDK would."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from botocore.awsrequest import AWSRequest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from staticfire.edge.aws.calls import AwsError, Call, Scope, error_response
from staticfire.edge.aws.models import model
from staticfire.edge.aws.protocol import Operations, Wording
from staticfire.edge.aws.protocol.validation import _expression
from staticfire.edge.http1.messages import Headers, Request

LOADER = Loader()  # keeps what it read: a model is a megabyte of JSON
FUNCTION = {"FunctionName": "f", "Role": "arn:aws:iam::123456789012:role/r", "Code": {"ZipFile": b"PK\x00\xff"}}


class Caller:
    """One operation of a service: what it got, and what botocore makes of its answer."""

    def __init__(self, service: str, operation: str, result: Mapping[str, Any] | None = None, **named: Any) -> None:
        self.service = service
        self.model = ServiceModel(LOADER.load_service_model(service, "service-2"))
        self.operation = self.model.operation_model(operation)
        self.got: dict[str, Any] = {}
        self.operations = Operations(service, {operation: self._carry}, **named)
        self._result = result

    async def _carry(self, call: Call, params: dict[str, Any]) -> Mapping[str, Any] | None:
        self.got = params
        return self._result

    def request(self, params: Mapping[str, Any]) -> Request:
        protocol = self.model.resolved_protocol
        sent = create_serializer(protocol, False).serialize_to_request(params, self.operation)
        path, _, literal = sent["url_path"].partition("?")
        query = "&".join(filter(None, (literal, urlencode(sent["query_string"], doseq=True))))
        body = AWSRequest("POST", "http://localhost", data=sent["body"]).prepare().body or b""
        headers = Headers((name.lower(), value) for name, value in sent["headers"].items())
        return Request(sent["method"], path, query, headers, body.encode() if isinstance(body, str) else body)

    async def __call__(self, params: Mapping[str, Any]) -> Any:
        return await self.send(self.request(params))

    async def send(self, request: Request) -> Any:
        form = self.model.resolved_protocol == "query"
        call = Call(request, self.service, Scope(), self.operation.name if form else None)
        try:
            response = await self.operations.answer(call)
        except AwsError as error:
            response = error_response(error, call)
        assert response is not None
        parsed = create_parser(self.model.resolved_protocol).parse(
            {"status_code": response.status, "headers": dict(response.headers), "body": response.body},
            self.operation.output_shape,
        )
        return parsed


@pytest.mark.parametrize(
    ("service", "operation", "params"),
    [
        ("lambda", "CreateFunction", {**FUNCTION, "Timeout": 3, "Publish": True, "Tags": {"a": "ü"}, "Layers": []}),
        (
            "lambda",
            "UntagResource",
            {"Resource": "arn:aws:lambda:us-east-1:123456789012:function:f", "TagKeys": ["a b", "c=d"]},
        ),
        ("lambda", "ListProvisionedConcurrencyConfigs", {"FunctionName": "f", "MaxItems": 3}),
        (
            "lambda",
            "GetFunction",
            {"FunctionName": "arn:aws:lambda:us-east-1:123456789012:function:f", "Qualifier": "$LATEST"},
        ),
        (
            "lambda",
            "CreateAlias",
            {
                "FunctionName": "f",
                "Name": "a",
                "FunctionVersion": "1",
                "RoutingConfig": {"AdditionalVersionWeights": {"2": 0.25}},
            },
        ),
        (
            "apigateway",
            "PutIntegration",
            {
                "restApiId": "r",
                "resourceId": "s",
                "httpMethod": "GET",
                "type": "AWS_PROXY",
                "requestParameters": {"a.b": "c"},
                "cacheKeyParameters": ["x"],
            },
        ),
        (
            "apigateway",
            "UpdateStage",
            {
                "restApiId": "r",
                "stageName": "s",
                "patchOperations": [{"op": "replace", "path": "/variables/a~1b", "value": "c"}],
            },
        ),
        ("apigatewayv2", "CreateRoute", {"ApiId": "a", "RouteKey": "GET /", "AuthorizationScopes": ["x"]}),
        (
            "sns",
            "Publish",
            {
                "TopicArn": "arn",
                "Message": "ü&<",
                "MessageAttributes": {"k": {"DataType": "Binary", "BinaryValue": b"\x00\xff"}},
            },
        ),
        (
            "iam",
            "CreateRole",
            {
                "RoleName": "r",
                "AssumeRolePolicyDocument": "{}",
                "Tags": [{"Key": "a", "Value": "b"}, {"Key": "c", "Value": "d"}],
            },
        ),
        ("elbv2", "CreateTargetGroup", {"Name": "n", "HealthCheckEnabled": False, "Port": 80}),
        ("autoscaling", "DescribeAutoScalingGroups", {"AutoScalingGroupNames": ["a", "b"], "MaxRecords": 5}),
    ],
)
async def test_what_an_sdk_sends_is_what_an_operation_gets(
    service: str, operation: str, params: dict[str, Any]
) -> None:
    caller = Caller(service, operation)
    await caller(params)
    assert caller.got == params


@pytest.mark.parametrize(
    ("service", "operation", "params", "result"),
    [
        (
            "lambda",
            "GetFunctionConfiguration",
            {"FunctionName": "f"},
            {
                "FunctionName": "f",
                "Timeout": 3,
                "Layers": [{"Arn": "a", "CodeSize": 5}],
                "Environment": {"Variables": {"A": "B"}},
            },
        ),
        (
            "lambda",
            "GetFunctionEventInvokeConfig",
            {"FunctionName": "f"},
            {"LastModified": datetime(2026, 11, 30, 12, 0, 0, 500000, UTC), "MaximumRetryAttempts": 0},
        ),
        (
            "lambda",
            "CreateEventSourceMapping",
            {"FunctionName": "f"},
            {"UUID": "u", "StartingPositionTimestamp": datetime(2026, 1, 1, tzinfo=UTC)},
        ),
        (
            "apigateway",
            "GetRestApis",
            {},
            {
                "items": [
                    {
                        "id": "a",
                        "endpointConfiguration": {"types": ["EDGE"]},
                        "createdDate": datetime(2026, 1, 1, tzinfo=UTC),
                    }
                ]
            },
        ),
        (
            "apigatewayv2",
            "GetApi",
            {"ApiId": "a"},
            {"ApiId": "a", "CreatedDate": datetime(2026, 1, 1, tzinfo=UTC), "DisableExecuteApiEndpoint": False},
        ),
        (
            "apigateway",
            "GetMethod",
            {"restApiId": "r", "resourceId": "s", "httpMethod": "GET"},
            {"apiKeyRequired": False, "methodResponses": {"200": {"statusCode": "200"}}},
        ),
        ("sns", "ListTopics", {}, {"Topics": [{"TopicArn": "a<&"}, {"TopicArn": "b"}], "NextToken": "n"}),
        ("sns", "GetTopicAttributes", {"TopicArn": "a"}, {"Attributes": {"Policy": "{}", "Owner": "1"}}),
        (
            "iam",
            "GetRole",
            {"RoleName": "r"},
            {
                "Role": {
                    "RoleName": "r",
                    "Path": "/",
                    "RoleId": "i",
                    "Arn": "a",
                    "CreateDate": datetime(2026, 1, 1, tzinfo=UTC),
                    "MaxSessionDuration": 3600,
                }
            },
        ),
        (
            "rds",
            "DescribeDBInstances",
            {},
            {"DBInstances": [{"DBInstanceIdentifier": "a", "MultiAZ": True}, {"DBInstanceIdentifier": "b"}]},
        ),
    ],
)
async def test_what_an_operation_answers_is_what_an_sdk_reads(
    service: str, operation: str, params: dict[str, Any], result: dict[str, Any]
) -> None:
    answer = await Caller(service, operation, _plain(result))(params)
    answer.pop("ResponseMetadata")
    assert answer == result


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


async def test_a_member_that_is_none_is_not_told_and_an_operation_that_tells_nothing_has_no_body() -> None:
    caller = Caller(
        "lambda", "GetAlias", {"Name": "a", "Description": None, "RoutingConfig": {"AdditionalVersionWeights": None}}
    )
    answer = await caller({"FunctionName": "f", "Name": "a"})
    assert (answer["Name"], answer["RoutingConfig"]) == ("a", {})
    assert "Description" not in answer
    deleted = Caller("lambda", "DeleteAlias")
    request = deleted.request({"FunctionName": "f", "Name": "a"})
    response = await deleted.operations.answer(Call(request, "lambda", Scope()))
    assert response is not None
    assert (response.status, response.body) == (204, b"")


async def test_an_operation_that_is_not_in_the_table_is_not_answered() -> None:
    operations = Operations("lambda", {})
    request = Caller("lambda", "GetAlias").request({"FunctionName": "f", "Name": "a"})
    assert await operations.answer(Call(request, "lambda", Scope())) is None
    assert await operations.answer(Call(Request("GET", "/nowhere"), "lambda", Scope())) is None


@pytest.mark.parametrize(
    ("operation", "params", "message"),
    [
        # Each as AWS was recorded.
        (
            "CreateFunction",
            {**FUNCTION, "Role": "r1"},
            "1 validation error detected: Value 'r1' at 'role' failed to satisfy constraint: Member must satisfy "
            r"regular expression pattern: arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+",
        ),
        (
            "CreateFunction",
            {**FUNCTION, "Architectures": ["x86_64", "arm64"]},
            "1 validation error detected: Value '[x86_64, arm64]' at 'architectures' failed to satisfy constraint: "
            "Member must have length less than or equal to 1",
        ),
        (
            "CreateFunction",
            {**FUNCTION, "Architectures": ["X86_64"]},
            "1 validation error detected: Value '[X86_64]' at 'architectures' failed to satisfy constraint: Member "
            "must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not be null]",
        ),
        (
            "CreateFunction",
            {**FUNCTION, "VpcConfig": {"SubnetIds": ["bad-1"]}},
            "1 validation error detected: Value '[bad-1]' at 'vpcConfig.subnetIds' failed to satisfy constraint: "
            "Member must satisfy constraint: [Member must have length less than or equal to 1024, Member must have "
            "length greater than or equal to 0, Member must satisfy regular expression pattern: subnet-[0-9a-z]*]",
        ),
        (
            "CreateFunction",
            {**FUNCTION, "SnapStart": {"ApplyOn": "invalidOption"}},
            "1 validation error detected: Value 'invalidOption' at 'snapStart.applyOn' failed to satisfy constraint: "
            "Member must satisfy enum value set: [PublishedVersions, None]",
        ),
        (
            "CreateAlias",
            {
                "FunctionName": "f",
                "Name": "a",
                "FunctionVersion": "1",
                "RoutingConfig": {"AdditionalVersionWeights": {"2": 2.0}},
            },
            "1 validation error detected: Value '{2=2.0}' at 'routingConfig.additionalVersionWeights' failed to "
            "satisfy "
            "constraint: Map value must satisfy constraint: [Member must have value less than or equal to 1.0, Member "
            "must have value greater than or equal to 0.0, Member must not be null]",
        ),
        (
            "CreateAlias",
            {
                "FunctionName": "f",
                "Name": "a",
                "FunctionVersion": "1",
                "RoutingConfig": {"AdditionalVersionWeights": {"$LATEST": 0.5}},
            },
            "1 validation error detected: Value '{$LATEST=0.5}' at 'routingConfig.additionalVersionWeights' failed to "
            "satisfy constraint: Map keys must satisfy constraint: [Member must have length less than or equal to "
            "1024, "
            "Member must have length greater than or equal to 1, Member must satisfy regular "
            "expression pattern: [0-9]+]",
        ),
        (
            "PutProvisionedConcurrencyConfig",
            {"FunctionName": "f", "Qualifier": "1", "ProvisionedConcurrentExecutions": 0},
            "1 validation error detected: Value '0' at 'provisionedConcurrentExecutions' failed to satisfy constraint: "
            "Member must have value greater than or equal to 1",
        ),
        (
            "CreateEventSourceMapping",
            {"FunctionName": "f", "StartingPosition": "invalid"},
            "1 validation error detected: Value 'invalid' at 'startingPosition' failed to satisfy constraint: Member "
            "must satisfy enum value set: [LATEST, AT_TIMESTAMP, TRIM_HORIZON]",
        ),
        (
            "CreateFunctionUrlConfig",
            {"FunctionName": "f", "AuthType": "NONE", "InvokeMode": "UNKNOWN"},
            "1 validation error detected: Value 'UNKNOWN' at 'invokeMode' failed to satisfy constraint: Member must "
            "satisfy enum value set: [RESPONSE_STREAM, BUFFERED]",
        ),
        (
            "PutFunctionRecursionConfig",
            {"FunctionName": "f", "RecursiveLoop": "InvalidValue"},
            "1 validation error detected: Value 'InvalidValue' at 'recursiveLoop' failed to satisfy constraint: Member "
            "must satisfy enum value set: [Terminate, Allow]",
        ),
        (
            "GetFunction",
            {"FunctionName": "f!", "Qualifier": "q" * 129},
            "2 validation errors detected: Value 'f!' at 'functionName' failed to satisfy constraint: Member must "
            "satisfy "
            r"regular expression pattern: "
            r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]"
            r"+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?; "
            f"Value '{'q' * 129}' at 'qualifier' failed to satisfy constraint: Member must have length less than or "
            "equal "
            "to 128",
        ),
    ],
)
async def test_what_is_wrong_is_said_as_AWS_says_it(operation: str, params: dict[str, Any], message: str) -> None:
    caller = Caller("lambda", operation)
    answer = await caller(params)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert answer["Error"] == {"Code": "ValidationException", "Message": message}
    assert caller.got == {}


async def test_what_is_required_and_absent_is_null() -> None:
    caller = Caller("lambda", "UntagResource")
    answer = await caller.send(
        Request("DELETE", "/2017-03-31/tags/arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Af")
    )
    assert answer["Error"]["Message"] == (
        "1 validation error detected: Value null at 'tagKeys' failed to satisfy constraint: Member must not be null"
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({**FUNCTION, "Code": {}, "Timeout": "3"}, "STRING_VALUE can not be converted to Integer"),
        ({**FUNCTION, "Code": {}, "Timeout": True}, "TRUE_VALUE can not be converted to Integer"),
        ({**FUNCTION, "Code": {}, "Handler": 3}, "NUMBER_VALUE can not be converted to String"),
        ({**FUNCTION, "Code": {"ZipFile": "%"}}, "Base64 encoded data could not be decoded."),
        ([], "Start of structure or map found where not expected."),
    ],
)
async def test_a_value_of_another_type_is_refused(body: object, message: str) -> None:
    caller = Caller("lambda", "CreateFunction")
    answer = await caller.send(Request("POST", "/2015-03-31/functions", body=json.dumps(body).encode()))
    assert answer["Error"] == {"Code": "SerializationException", "Message": message}


async def test_a_body_that_is_nested_without_end_is_refused() -> None:
    caller = Caller("lambda", "CreateFunction")
    answer = await caller.send(Request("POST", "/2015-03-31/functions", body=b"[" * 100_000))
    assert answer["Error"]["Code"] == "SerializationException"


async def test_a_service_may_word_things_otherwise_and_take_less() -> None:
    wording = Wording(
        patterns={"RoleArn": "role"},
        own={"CreateFunction.Runtime": lambda value: f"not {value}"},
        body_limits={"CreateFunction": 300},
    )
    caller = Caller("lambda", "CreateFunction", wording=wording)
    answer = await caller({**FUNCTION, "Runtime": "cobol"})
    assert answer["Error"]["Message"] == (
        "2 validation errors detected: Value 'cobol' at 'runtime' failed to satisfy constraint: not cobol; Value "
        "'arn:aws:iam::123456789012:role/r' at 'role' failed to satisfy constraint: Member must satisfy regular "
        "expression pattern: role"
    )
    answer = await caller({**FUNCTION, "Description": "x" * 200})
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert answer["Error"] == {
        "Code": "RequestEntityTooLargeException",
        "Message": "Request must be smaller than 300 bytes for the CreateFunction operation",
    }


@pytest.mark.parametrize("service", ["lambda", "apigateway", "apigatewayv2", "sns", "autoscaling"])
def test_every_pattern_of_a_service_can_be_read(service: str) -> None:
    shapes = Loader().load_service_model(service, "service-2")["shapes"]
    for shape in shapes.values():
        if "pattern" in shape:
            _expression(shape["pattern"])


def test_a_model_is_read_once() -> None:
    assert model("lambda") is model("lambda")
