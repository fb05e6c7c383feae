"""What Lambda tells of functions, and refuses: each answer is one that AWS was recorded to give."""

from __future__ import annotations

import io
import json
import urllib.request
import zipfile
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.conformance.fidelity import documented
from tests.conformance.lab import Lab, eventually, zipped

AREA = "Lambda: what is described"
CREATE = "lambda/latest/api/API_CreateFunction.html"
UPDATE = "lambda/latest/api/API_UpdateFunctionConfiguration.html"
PUBLISH = "lambda/latest/api/API_PublishVersion.html"
ALIAS = "lambda/latest/api/API_CreateAlias.html"
LAYER = "lambda/latest/api/API_PublishLayerVersion.html"
PERMISSION = "lambda/latest/api/API_AddPermission.html"
CONCURRENCY = "lambda/latest/api/API_PutFunctionConcurrency.html"
PROVISIONED = "lambda/latest/api/API_PutProvisionedConcurrencyConfig.html"
EVENT_INVOKE = "lambda/latest/api/API_PutFunctionEventInvokeConfig.html"
URL = "lambda/latest/api/API_CreateFunctionUrlConfig.html"
LIST = "lambda/latest/api/API_ListFunctions.html"
TAGS = "lambda/latest/api/API_TagResource.html"
SEEN = "2025-11-25"

OTHER_ACCOUNT = "300000000001"
PROVIDER = "arn:aws:lambda:us-east-1:200000000000:capacity-provider:p"
NOTHING = "def handler(event, context): return None\n"
UNDER_WAY = ("LastUpdateStatus", "LastUpdateStatusReason", "LastUpdateStatusReasonCode")


def refused(call: Callable[..., Any], **arguments: Any) -> tuple[int, str, str]:
    """Status, code and message of the error that a call is answered with."""
    with pytest.raises(ClientError) as error:
        call(**arguments)
    answer = error.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer["Error"]["Message"]


def settings(lab: Lab, **changed: Any) -> dict[str, Any]:
    return {
        "FunctionName": lab.name(),
        "Runtime": "python3.13",
        "Role": lab.role(),
        "Handler": "app.handler",
        "Code": {"ZipFile": zipped({"app.py": NOTHING})},
        **changed,
    }


@documented(AREA, "A new function is Pending; Active, it has another RevisionId", CREATE, recorded=SEEN)
def test_a_new_function(lab: Lab) -> None:
    client = lab.aws("lambda")
    made = client.create_function(**settings(lab))
    made.pop("ResponseMetadata")
    name, data = made["FunctionName"], zipped({"app.py": NOTHING})
    revision, modified = made.pop("RevisionId"), made.pop("LastModified")
    assert modified.endswith("+0000")
    assert made.pop("RuntimeVersionConfig")["RuntimeVersionArn"].startswith(f"arn:aws:lambda:{lab.region}::runtime:")
    assert len(made.pop("CodeSha256")) == 44
    expected = {
        "Architectures": ["x86_64"],
        "CodeSize": len(data),
        "Description": "",
        "EphemeralStorage": {"Size": 512},
        "FunctionArn": lab.arn(name),
        "FunctionName": name,
        "Handler": "app.handler",
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"},
        "MemorySize": 128,
        "PackageType": "Zip",
        "Role": lab.role(),
        "Runtime": "python3.13",
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "Timeout": 3,
        "TracingConfig": {"Mode": "PassThrough"},
        "Version": "$LATEST",
    }
    pending = {
        "State": "Pending",
        "StateReason": "The function is being created.",
        "StateReasonCode": "Creating",
    }
    assert made == {**expected, **pending}
    lab.settled(name)
    active = client.get_function_configuration(FunctionName=name)
    assert active["RevisionId"] != revision
    assert {key: active[key] for key in ("State", "LastUpdateStatus")} == {
        "State": "Active",
        "LastUpdateStatus": "Successful",
    }
    assert not active.keys() & {"StateReason", "StateReasonCode", *UNDER_WAY[1:], "KMSKeyArn", "Layers", "VpcConfig"}


@documented(AREA, "A change is InProgress; until it is over, the next one is refused", UPDATE, recorded=SEEN)
def test_one_change_at_a_time(lab: Lab) -> None:
    name = lab.function(NOTHING)
    client = lab.aws("lambda", user_agent_extra="impatient")
    client.meta.events.unregister("after-call.lambda.UpdateFunctionConfiguration", lab._over)
    before = client.get_function_configuration(FunctionName=name)["RevisionId"]
    changed = client.update_function_configuration(FunctionName=name, Timeout=11)
    assert {key: changed[key] for key in ("State", *UNDER_WAY)} == {
        "State": "Active",
        "LastUpdateStatus": "InProgress",
        "LastUpdateStatusReason": "The function is being created.",
        "LastUpdateStatusReasonCode": "Creating",
    }
    assert refused(client.update_function_configuration, FunctionName=name, Timeout=12) == (
        409,
        "ResourceConflictException",
        "The operation cannot be performed at this time. An update is in progress for resource: " + lab.arn(name),
    )
    lab.settled(name)
    over = client.get_function_configuration(FunctionName=name)
    assert len({before, changed["RevisionId"], over["RevisionId"]}) == 3
    assert over["Timeout"] == 11


@documented(AREA, "What is told names the version, as it was asked for", PUBLISH, recorded=SEEN)
def test_qualified_arns(lab: Lab) -> None:
    client = lab.aws("lambda")
    name = lab.name()
    made = client.create_function(**settings(lab, FunctionName=name, Publish=True))
    assert (made["Version"], made["FunctionArn"]) == ("1", lab.arn(name))
    lab.settled(name)
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    by_qualifier = {
        qualifier: client.get_function(FunctionName=name, Qualifier=qualifier)["Configuration"]
        for qualifier in ("$LATEST", "1", "live")
    }
    assert {key: value["FunctionArn"] for key, value in by_qualifier.items()} == {
        key: lab.arn(f"{name}:{key}") for key in by_qualifier
    }
    assert by_qualifier["live"]["Version"] == "1"
    listed = client.list_versions_by_function(FunctionName=name)["Versions"]
    assert [one["FunctionArn"] for one in listed] == [lab.arn(f"{name}:$LATEST"), lab.arn(f"{name}:1")]
    assert not listed[0].keys() & {"State", "LastUpdateStatus", "RuntimeVersionConfig"}
    assert client.publish_version(FunctionName=name)["Version"] == "1", "nothing changed"


@documented(AREA, "GetFunction tells where the code can be fetched, without a signature", CREATE, recorded=SEEN)
def test_the_codes_location(lab: Lab) -> None:
    name = lab.function(NOTHING)
    described = lab.aws("lambda").get_function(FunctionName=name)
    assert described["Code"]["RepositoryType"] == "S3"
    with urllib.request.urlopen(described["Code"]["Location"], timeout=60) as answer:
        data = answer.read()
    assert len(data) == described["Configuration"]["CodeSize"]
    assert zipfile.ZipFile(io.BytesIO(data)).namelist() == ["app.py"]


REFUSED: list[tuple[str, dict[str, Any], int, str, str]] = [
    (
        "a role that is no ARN",
        {"Role": "r1"},
        400,
        "ValidationException",
        "1 validation error detected: Value 'r1' at 'role' failed to satisfy constraint: Member must "
        "satisfy regular expression pattern: "
        "arn:(aws[a-zA-Z-]*)?:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+",
    ),
    (
        "a runtime that is over",
        {"Runtime": "python3.7"},
        400,
        "InvalidParameterValueException",
        "The runtime parameter of python3.7 is no longer supported for creating or updating AWS Lambda "
        "functions. We recommend you use a supported runtime while creating or updating functions.",
    ),
    (
        "a runtime that is none",
        {"Runtime": "PYTHON3.9"},
        400,
        "InvalidParameterValueException",
        "Value PYTHON3.9 at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: "
        "[nodejs20.x, python3.14, provided.al2023, python3.12, python3.13, nodejs24.x, nodejs22.x, java25, "
        "python3.10, python3.11, java21, ruby3.3, ruby3.4, ruby3.2, python3.8, python3.9, java17, "
        "nodejs16.x, dotnet10, dotnet8, java11, dotnet6, nodejs18.x, provided.al2, java8.al2] or be a "
        "valid ARN",
    ),
    (
        "a time-out over 900 s",
        {"Timeout": 901},
        400,
        "ValidationException",
        "1 validation error detected: Value '901' at 'timeout' failed to satisfy constraint: Member must "
        "have value less than or equal to 900",
    ),
    (
        "a name of 65 letters",
        {"FunctionName": "a" * 65},
        400,
        "InvalidParameterValueException",
        f"1 validation error detected: Value '{'a' * 65}' at 'functionName' failed to satisfy constraint: Member "
        "must have length less than or equal to 64",
    ),
    (
        "two architectures",
        {"Architectures": ["x86_64", "arm64"]},
        400,
        "ValidationException",
        "1 validation error detected: Value '[x86_64, arm64]' at 'architectures' failed to satisfy "
        "constraint: Member must have length less than or equal to 1",
    ),
    (
        "what is no zip",
        {"Code": {"ZipFile": b"no zip"}},
        400,
        "InvalidParameterValueException",
        "Could not unzip uploaded file. Please check your file, then try to upload again.",
    ),
    (
        "a zip over 50 MB",
        {"Code": {"ZipFile": b"x" * 52428801}},
        413,
        "RequestEntityTooLargeException",
        "Zipped size must be smaller than 52428800 bytes",
    ),
    (
        "a bucket that is not there",
        {"Code": {"S3Bucket": "nowhere-at-all-x", "S3Key": "k"}},
        400,
        "InvalidParameterValueException",
        "Error occurred while GetObject. S3 Error Code: NoSuchBucket. S3 Error Message: The specified "
        "bucket does not exist",
    ),
    (
        "variables over 4 KB",
        {"Environment": {"Variables": {"SMALL": "ok", "LARGE": "x" * 4096}}},
        400,
        "InvalidParameterValueException",
        "Lambda was unable to configure your environment variables because the environment variables you have provided "
        "exceeded the 4KB limit. String measured: " + '{"SMALL":"ok","LARGE":"' + "x" * 4096 + '"}',
    ),
    (
        "a subnet that is not there",
        {"VpcConfig": {"SubnetIds": ["subnet-0123456789abcdef0"], "SecurityGroupIds": ["sg-1"]}},
        400,
        "InvalidParameterValueException",
        "Error occurred while DescribeSubnets. EC2 Error Code: InvalidSubnetID.NotFound. EC2 Error "
        "Message: The subnet ID 'subnet-0123456789abcdef0' does not exist",
    ),
]


@documented(AREA, "CreateFunction refuses what cannot be, in these words", CREATE, recorded=SEEN)
@pytest.mark.parametrize("case", REFUSED, ids=[case[0] for case in REFUSED])
def test_what_create_function_refuses(lab: Lab, case: tuple[str, dict[str, Any], int, str, str]) -> None:
    _, changed, *answer = case
    assert list(refused(lab.aws("lambda").create_function, **settings(lab, **changed))) == answer


@documented(AREA, "More than 10,240 MB of /tmp is refused, at creation and later", CREATE)
def test_ephemeral_storage(lab: Lab) -> None:
    client = lab.aws("lambda")
    name = lab.function(NOTHING)
    too_much = {"Size": 10_241}
    problem = "Value '10241' at 'ephemeralStorage.size' failed to satisfy constraint: Member must have value less than"
    answer = [400, "ValidationException", f"1 validation error detected: {problem} or equal to 10240"]
    assert list(refused(client.create_function, **settings(lab, EphemeralStorage=too_much))) == answer
    assert list(refused(client.update_function_configuration, FunctionName=name, EphemeralStorage=too_much)) == answer
    most = client.update_function_configuration(FunctionName=name, EphemeralStorage={"Size": 10_240})
    assert most["EphemeralStorage"] == {"Size": 10_240}


@documented(AREA, "Code comes one way: an image by its address, a zip as bytes or from S3", CREATE)
@pytest.mark.parametrize(
    "changed",
    [
        {"PackageType": "Image"},
        {"Code": {"ImageUri": "1.dkr.ecr.us-east-1.amazonaws.com/a:b"}},
        {"Code": {"ZipFile": zipped({"app.py": NOTHING}), "S3Bucket": "bucket", "S3Key": "key"}},
    ],
    ids=["an image as a zip", "a zip as an image", "a zip twice"],
)
def test_sources_of_code(lab: Lab, changed: dict[str, Any]) -> None:
    status, code, _ = refused(lab.aws("lambda").create_function, **settings(lab, **changed))
    assert (status, code) == (400, "InvalidParameterValueException")


@documented(AREA, "A variable that Lambda sets itself is refused", UPDATE)
def test_reserved_variables(lab: Lab) -> None:
    call = lab.aws("lambda").create_function
    _, code, message = refused(call, **settings(lab, Environment={"Variables": {"AWS_REGION": "x"}}))
    assert code == "InvalidParameterValueException"
    assert message.endswith("Reserved keys used in this request: AWS_REGION")


@documented(AREA, "A wrong CodeSha256 or RevisionId publishes nothing", PUBLISH, recorded=SEEN)
def test_preconditions(lab: Lab) -> None:
    client = lab.aws("lambda")
    name = lab.function(NOTHING)
    sha256 = client.get_function_configuration(FunctionName=name)["CodeSha256"]
    assert refused(client.publish_version, FunctionName=name, CodeSha256="other") == (
        400,
        "InvalidParameterValueException",
        f"CodeSHA256 (other) is different from current CodeSHA256 in $LATEST ({sha256}). "
        "Please try again with the CodeSHA256 in $LATEST.",
    )
    assert refused(client.publish_version, FunctionName=name, RevisionId="other") == (
        412,
        "PreconditionFailedException",
        "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve "
        "the latest Revision Id",
    )
    assert len(client.list_versions_by_function(FunctionName=name)["Versions"]) == 1


@documented(AREA, "An alias points to versions that are there, each once", ALIAS, recorded=SEEN)
def test_what_an_alias_may_point_to(lab: Lab) -> None:
    client = lab.aws("lambda")
    name = lab.function(NOTHING)
    client.publish_version(FunctionName=name)

    def answer(version: str, **weights: float) -> tuple[int, str, str]:
        routing = {"AdditionalVersionWeights": {key[1:]: weight for key, weight in weights.items()}}
        return refused(
            client.create_alias, FunctionName=name, Name="live", FunctionVersion=version, RoutingConfig=routing
        )

    assert answer("99") == (404, "ResourceNotFoundException", f"Function not found: {lab.arn(name)}:99")
    assert answer("1", v1=0.5)[2] == (
        "Invalid function version 1. Function version 1 is already included in routing configuration."
    )
    assert answer("1", v2=0.5, v3=0.1)[2] == "Number of items in AdditionalVersionWeights cannot be greater than 1"
    assert answer("1", v2=2.0)[2] == (
        "1 validation error detected: Value '{2=2.0}' at 'routingConfig.additionalVersionWeights' failed to satisfy "
        "constraint: Map value must satisfy constraint: [Member must have value less than or equal to 1.0, Member must "
        "have value greater than or equal to 0.0, Member must not be null]"
    )
    client.delete_alias(FunctionName=name, Name="never-there")
    missing = refused(client.get_alias, FunctionName=name, Name="never-there")
    assert missing[2] == f"Cannot find alias arn: {lab.arn(name)}:never-there"


@documented(AREA, "A function is found by its own account and region only", CREATE, recorded=SEEN)
def test_whose_function_it_is(lab: Lab) -> None:
    client = lab.aws("lambda")
    name = lab.function(NOTHING)
    arn = lab.arn(name)
    assert client.get_function(FunctionName=f"{lab.account}:function:{name}")["Configuration"]["FunctionArn"] == arn
    other = arn.replace(lab.region, "ap-southeast-1")
    assert refused(client.get_function, FunctionName=other) == (
        404,
        "ResourceNotFoundException",
        f"Functions from 'ap-southeast-1' are not reachable in this region ('{lab.region}')",
    )
    assert refused(client.get_function, FunctionName=f"{arn}:1", Qualifier="2") == (
        400,
        "InvalidParameterValueException",
        "The derived qualifier from the function name does not match the specified qualifier.",
    )
    assert refused(client.invoke, FunctionName="nope") == (
        404,
        "ResourceNotFoundException",
        f"Function not found: {lab.arn('nope')}:$LATEST",
    )


@documented(AREA, "Another account describes a function where its policy allows just that", PERMISSION)
def test_another_accounts_function(lab: Lab) -> None:
    client, name = lab.aws("lambda"), lab.function(NOTHING)
    other = boto3.client(
        "lambda",
        endpoint_url=lab.endpoint,
        region_name=lab.region,
        aws_access_key_id=OTHER_ACCOUNT,
        aws_secret_access_key="test",
    )
    arn = lab.arn(name)
    assert refused(other.get_function_configuration, FunctionName=arn)[:2] == (403, "AccessDeniedException")
    client.add_permission(
        FunctionName=name, StatementId="o", Action="lambda:GetFunctionConfiguration", Principal=OTHER_ACCOUNT
    )
    assert other.get_function_configuration(FunctionName=arn)["FunctionArn"] == arn
    assert refused(other.delete_function, FunctionName=arn)[:2] == (403, "AccessDeniedException")


@documented(AREA, "A layer's versions count on; a deleted one stays with its functions", LAYER, recorded=SEEN)
def test_layers(lab: Lab) -> None:
    client, name = lab.aws("lambda"), lab.name("layer")
    data = zipped({"python/word.py": "WORD = 'layer'\n"})
    made = [client.publish_layer_version(LayerName=name, Content={"ZipFile": data}) for _ in range(2)]
    assert [one["Version"] for one in made] == [1, 2]
    assert not made[0].keys() & {"CompatibleRuntimes", "CompatibleArchitectures", "LicenseInfo"}
    function = lab.function("from word import WORD\ndef handler(event, context): return WORD\n")
    arns = [one["LayerVersionArn"] for one in made]
    both = refused(client.update_function_configuration, FunctionName=function, Layers=arns)
    assert both[2] == (
        "Two different versions of the same layer are not allowed to be referenced in the same function. "
        f"{arns[0]} and {arns[1]} are versions of the same layer."
    )
    none = refused(client.update_function_configuration, FunctionName=function, Layers=[arns[0][:-1] + "9"])
    assert none[2] == f"Layer version {arns[0][:-1]}9 does not exist."
    client.update_function_configuration(FunctionName=function, Layers=arns[:1])
    client.delete_layer_version(LayerName=name, VersionNumber=1)
    assert refused(client.get_layer_version, LayerName=name, VersionNumber=1)[2] == (
        "The resource you requested does not exist."
    )
    assert lab.result(function) == "layer"
    assert [one["Version"] for one in client.list_layer_versions(LayerName=name)["LayerVersions"]] == [2]


@documented(AREA, "A statement id is the qualifier's own", PERMISSION, recorded=SEEN)
def test_permissions_by_qualifier(lab: Lab) -> None:
    client = lab.aws("lambda")
    name = lab.function(NOTHING)
    client.publish_version(FunctionName=name)
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    allow = {
        "FunctionName": name,
        "StatementId": "s3",
        "Action": "lambda:InvokeFunction",
        "Principal": "s3.amazonaws.com",
        "SourceArn": "arn:aws:s3:::bucket",
    }
    client.add_permission(**allow)
    added = json.loads(client.add_permission(**allow, Qualifier="live")["Statement"])
    assert added == {
        "Sid": "s3",
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": lab.arn(f"{name}:live"),
        "Condition": {"ArnLike": {"AWS:SourceArn": "arn:aws:s3:::bucket"}},
    }
    again = refused(client.add_permission, **allow)
    assert again[:2] == (409, "ResourceConflictException")
    latest = refused(client.add_permission, **allow, Qualifier="$LATEST")
    assert latest[2] == "We currently do not support adding policies for $LATEST."
    client.remove_permission(FunctionName=name, StatementId="s3")
    assert refused(client.get_policy, FunctionName=name)[2] == "The resource you requested does not exist."
    assert client.get_policy(FunctionName=name, Qualifier="live")["RevisionId"]


@documented(AREA, "An account keeps 100 for the functions that reserve nothing", CONCURRENCY, recorded=SEEN)
def test_reserved_concurrency(lab: Lab) -> None:
    client = lab.aws("lambda")
    name = lab.function(NOTHING)
    limit = client.get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
    assert refused(client.put_function_concurrency, FunctionName=name, ReservedConcurrentExecutions=limit - 50) == (
        400,
        "InvalidParameterValueException",
        "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below "
        "its minimum value of [100].",
    )
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=2)
    assert client.get_function(FunctionName=name)["Concurrency"] == {"ReservedConcurrentExecutions": 2}
    client.delete_function_concurrency(FunctionName=name)
    assert "ReservedConcurrentExecutions" not in client.get_function_concurrency(FunctionName=name)


@documented(
    AREA, "Provisioned concurrency is a version's or an alias', READY after a while", PROVISIONED, recorded=SEEN
)
def test_provisioned_concurrency(lab: Lab) -> None:
    client = lab.aws("lambda")
    name = lab.function(NOTHING)
    client.publish_version(FunctionName=name)
    put = {"FunctionName": name, "ProvisionedConcurrentExecutions": 1}
    assert refused(client.put_provisioned_concurrency_config, **put, Qualifier="$LATEST")[2] == (
        "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
    )
    begun = client.put_provisioned_concurrency_config(**put, Qualifier="1")
    assert (begun["Status"], begun["AvailableProvisionedConcurrentExecutions"]) == ("IN_PROGRESS", 0)
    get = {"FunctionName": name, "Qualifier": "1"}
    eventually(lambda: client.get_provisioned_concurrency_config(**get)["Status"] == "READY", "READY")
    client.delete_provisioned_concurrency_config(**get)
    assert refused(client.get_provisioned_concurrency_config, **get) == (
        404,
        "ProvisionedConcurrencyConfigNotFoundException",
        "No Provisioned Concurrency Config found for this function",
    )


@documented(AREA, "An event invoke config tells what was given, and both destinations", EVENT_INVOKE, recorded=SEEN)
def test_event_invoke_config(lab: Lab) -> None:
    client = lab.aws("lambda")
    name = lab.function(NOTHING)
    put = client.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=0)
    config = {key: put[key] for key in ("DestinationConfig", "FunctionArn", "MaximumRetryAttempts")}
    assert config == {
        "DestinationConfig": {"OnFailure": {}, "OnSuccess": {}},
        "FunctionArn": lab.arn(f"{name}:$LATEST"),
        "MaximumRetryAttempts": 0,
    }
    assert "MaximumEventAgeInSeconds" not in put
    updated = client.update_function_event_invoke_config(FunctionName=name, MaximumEventAgeInSeconds=60)
    assert (updated["MaximumRetryAttempts"], updated["MaximumEventAgeInSeconds"]) == (0, 60)
    itself = {"OnSuccess": {"Destination": lab.arn(name)}}
    call = client.put_function_event_invoke_config
    assert refused(call, FunctionName=name, DestinationConfig=itself)[2] == (
        "You can't specify the function as a destination for itself."
    )
    client.delete_function_event_invoke_config(FunctionName=name)
    assert refused(client.get_function_event_invoke_config, FunctionName=name)[2] == (
        f"The function {lab.arn(name)}:$LATEST doesn't have an EventInvokeConfig"
    )


@documented(AREA, "A function and each of its aliases has one URL", URL, recorded=SEEN)
def test_function_url_configs(lab: Lab) -> None:
    client = lab.aws("lambda")
    name = lab.function(NOTHING)
    made = client.create_function_url_config(FunctionName=name, AuthType="NONE")
    assert "InvokeMode" not in made
    assert refused(client.create_function_url_config, FunctionName=name, AuthType="NONE") == (
        409,
        "ResourceConflictException",
        f"Failed to create function url config for [functionArn = {lab.arn(name)}]. Error message:  FunctionUrlConfig "
        "exists for this Lambda function",
    )
    config = client.get_function_url_config(FunctionName=name)
    assert (config["InvokeMode"], config["FunctionUrl"]) == ("BUFFERED", made["FunctionUrl"])
    assert refused(client.get_function_url_config, FunctionName=name, Qualifier="none")[:2] == (
        404,
        "ResourceNotFoundException",
    )
    client.delete_function_url_config(FunctionName=name)
    assert client.list_function_url_configs(FunctionName=name)["FunctionUrlConfigs"] == []


@documented(AREA, "Tags are the function's, at most 50; each change is a revision", TAGS, recorded=SEEN)
def test_tags(lab: Lab) -> None:
    client = lab.aws("lambda")
    name = lab.function(NOTHING, Tags={"a": "1"})
    arn = lab.arn(name)
    before = client.get_function(FunctionName=name)
    assert before["Tags"] == {"a": "1"}
    client.tag_resource(Resource=arn, Tags={"b": "2"})
    after = client.get_function(FunctionName=name)
    assert after["Tags"] == {"a": "1", "b": "2"}
    assert after["Configuration"]["RevisionId"] != before["Configuration"]["RevisionId"]
    many = {f"key-{number}": "x" for number in range(49)}
    assert refused(client.tag_resource, Resource=arn, Tags=many)[2] == "Number of tags exceeds resource tag limit."
    assert refused(client.tag_resource, Resource=f"{arn}:1", Tags={"c": "3"})[2] == (
        "Tags on function aliases and versions are not supported. Please specify a function ARN."
    )
    client.untag_resource(Resource=arn, TagKeys=["a", "b"])
    assert "Tags" not in client.get_function(FunctionName=name)


@documented(
    AREA,
    "Functions run on managed instances, are durable, and have tenants",
    CREATE,
    "not done: refused with an error that says so",
)
@pytest.mark.parametrize(
    "asked",
    [
        {"CapacityProviderConfig": {"LambdaManagedInstancesCapacityProviderConfig": {"CapacityProviderArn": PROVIDER}}},
        {"DurableConfig": {"ExecutionTimeout": 60}},
        {"TenancyConfig": {"TenantIsolationMode": "PER_TENANT"}},
    ],
    ids=lambda asked: next(iter(asked)),
)
def test_what_is_not_available(lab: Lab, asked: dict[str, Any]) -> None:
    client = lab.aws("lambda")
    _, code, message = refused(client.create_function, **settings(lab, **asked))
    assert code == "InvalidParameterValueException"
    assert message.endswith("not available here.")


@documented(AREA, "A marker that no page gave, or that another list gave, is refused", LIST)
def test_markers(lab: Lab) -> None:
    client = lab.aws("lambda")
    for _ in range(2):
        client.create_function(**settings(lab))
    marker = client.list_functions(MaxItems=1)["NextMarker"]
    assert len(client.list_functions(MaxItems=1, Marker=marker)["Functions"]) == 1
    expected = (400, "InvalidParameterValueException", "Invalid pagination key.")
    for call, other in (
        (client.list_functions, "x"),
        (client.list_functions, marker[:-4]),
        (client.list_layers, marker),
    ):
        assert refused(call, Marker=other) == expected


@documented(AREA, "A dead-letter queue or topic that is not there is refused", CREATE)
def test_a_dead_letter_target_that_is_not_there(lab: Lab) -> None:
    client = lab.aws("lambda")
    name = lab.function(NOTHING)
    for service, call in (("sqs", "SendMessage on SQS"), ("sns", "Publish on SNS")):
        target = {"TargetArn": lab.arn(name).replace(":lambda:", f":{service}:").replace("function:", "")}
        expected = f"The provided execution role does not have permissions to call {call}"
        for operation, members in (
            (client.create_function, settings(lab)),
            (client.update_function_configuration, {"FunctionName": name}),
        ):
            answer = refused(operation, **members, DeadLetterConfig=target)
            assert answer == (400, "InvalidParameterValueException", expected)
    assert "DeadLetterConfig" not in client.get_function_configuration(FunctionName=name)


@documented(AREA, "A destination that is not there is refused", EVENT_INVOKE)
def test_a_destination_that_is_not_there(lab: Lab) -> None:
    client = lab.aws("lambda")
    name = lab.function(NOTHING)
    for service in ("sqs", "sns"):
        arn = lab.arn(name).replace(":lambda:", f":{service}:").replace("function:", "")
        config = {"OnFailure": {"Destination": arn}}
        answer = refused(client.put_function_event_invoke_config, FunctionName=name, DestinationConfig=config)
        assert answer == (400, "InvalidParameterValueException", f"The destination ARN {arn} is invalid.")
