"""What Lambda does not take, in its words: settings that contradict each other, sources that are none."""

from __future__ import annotations

import json

import pytest

from tests.conformance.fidelity import documented
from tests.conformance.lab import Lab, zipped
from tests.conformance.test_lambda_described import refused
from tests.conformance.test_lambda_described import settings as described

AREA = "Lambda: what is refused"
INVALID = (400, "InvalidParameterValueException")
NOTHING = "def handler(event, context): return None\n"


@pytest.fixture(scope="module")
def function(lab: Lab) -> str:
    return lab.function(NOTHING)


@documented(
    AREA,
    "Levels of logs are settings of the format JSON alone",
    "lambda/latest/dg/monitoring-cloudwatchlogs-advanced.html",
)
@pytest.mark.parametrize("level", ["ApplicationLogLevel", "SystemLogLevel"])
def test_levels_of_text(lab: Lab, function: str, level: str) -> None:
    settings = {"LogFormat": "Text", level: "INFO"}
    assert refused(lab.aws("lambda").update_function_configuration, FunctionName=function, LoggingConfig=settings) == (
        *INVALID,
        'LogLevel is not supported when LogFormat is set to "Text". Remove LogLevel from your request or change the '
        'LogFormat to "JSON" and try again.',
    )


@documented(
    AREA,
    "`FunctionUrlAuthType` is a condition of lambda:InvokeFunctionUrl alone",
    "lambda/latest/api/API_AddPermission.html",
)
def test_auth_type_of_an_invocation(lab: Lab, function: str) -> None:
    permission = {"StatementId": "url", "Action": "lambda:InvokeFunction", "Principal": "*"}
    add = lab.aws("lambda").add_permission
    assert refused(add, FunctionName=function, FunctionUrlAuthType="NONE", **permission) == (
        *INVALID,
        "FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action",
    )


@documented(
    AREA,
    "SnapStart is for runtimes that have it: Java 11, Python 3.12, .NET 8, and later ones of each",
    "lambda/latest/dg/snapstart.html",
)
def test_snap_start_of_a_runtime_without(lab: Lab, function: str) -> None:
    change = lab.aws("lambda").update_function_configuration
    settings = {"Runtime": "python3.11", "SnapStart": {"ApplyOn": "PublishedVersions"}}
    expected = (*INVALID, "python3.11 is not supported for SnapStart enabled functions.")
    assert refused(change, FunctionName=function, **settings) == expected


@documented(
    AREA,
    "A code signing config that a function is made with is its own, and one that is not there is refused",
    "lambda/latest/api/API_CreateFunction.html",
)
def test_code_signing_at_creation(lab: Lab) -> None:
    client = lab.aws("lambda")
    profile = f"arn:aws:signer:{lab.region}:{lab.account}:/signing-profiles/p/abcdefghij"
    made = client.create_code_signing_config(AllowedPublishers={"SigningProfileVersionArns": [profile]})
    config = made["CodeSigningConfig"]["CodeSigningConfigArn"]
    function = lab.function(NOTHING, CodeSigningConfigArn=config)
    assert client.get_function_code_signing_config(FunctionName=function)["CodeSigningConfigArn"] == config
    gone = f"{config[:-17]}{'a' * 17}"
    status, code, message = refused(client.create_function, **described(lab, CodeSigningConfigArn=gone))
    assert (status, code) == (404, "CodeSigningConfigNotFoundException")
    assert message.endswith(f"{gone}.")


@documented(
    AREA,
    "A bucket is a destination of failures alone",
    "lambda/latest/api/API_DestinationConfig.html",
)
def test_bucket_on_success(lab: Lab, function: str) -> None:
    destination = {"OnSuccess": {"Destination": "arn:aws:s3:::results"}}
    put = lab.aws("lambda").put_function_event_invoke_config
    assert refused(put, FunctionName=function, DestinationConfig=destination) == (
        *INVALID,
        "The provided destination config DestinationConfig(onSuccess=OnSuccess(destination=arn:aws:s3:::results), "
        "onFailure=null) is invalid.",
    )


@documented(
    AREA,
    "What is no queue, stream or broker is not a source of events",
    "lambda/latest/api/API_CreateEventSourceMapping.html",
)
def test_unknown_source(lab: Lab, function: str) -> None:
    topic = f"arn:aws:sns:{lab.region}:{lab.account}:topic"
    create = lab.aws("lambda").create_event_source_mapping
    assert refused(create, FunctionName=function, EventSourceArn=topic) == (*INVALID, "Unrecognized event source.")


@documented(
    AREA,
    "A mapping has at most ten filters, which is what an account's quota of five can be raised to",
    "lambda/latest/dg/invocation-eventfiltering.html",
)
def test_many_filters(lab: Lab, function: str) -> None:
    sqs = lab.aws("sqs")
    queue = sqs.create_queue(QueueName=lab.name())["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    filters = [{"Pattern": json.dumps({"body": [str(number)]})} for number in range(11)]
    status, code, _ = refused(
        lab.aws("lambda").create_event_source_mapping,
        FunctionName=function,
        EventSourceArn=arn,
        FilterCriteria={"Filters": filters},
    )
    assert (status, code) == INVALID


@documented(
    AREA,
    "A version of a layer names at most 15 runtimes",
    "lambda/latest/api/API_PublishLayerVersion.html",
)
def test_many_runtimes(lab: Lab) -> None:
    layer = {"LayerName": lab.name(), "Content": {"ZipFile": zipped({"python/x.py": ""})}}
    status, code, message = refused(
        lab.aws("lambda", parameter_validation=False).publish_layer_version,
        **layer,
        CompatibleRuntimes=["python3.13"] * 16,
    )
    assert (status, code) == (400, "ValidationException")
    assert message.endswith(
        "'compatibleRuntimes' failed to satisfy constraint: Member must have length less than or equal to 15"
    )


@documented(AREA, "An invocation's answer names its trace", "lambda/latest/dg/services-xray.html")
@pytest.mark.parametrize("kind", ["RequestResponse", "Event"])
def test_the_trace_of_an_invocation(lab: Lab, function: str, kind: str) -> None:
    answer = lab.aws("lambda").invoke(FunctionName=function, InvocationType=kind)
    assert answer["ResponseMetadata"]["HTTPHeaders"]["x-amzn-trace-id"].lower().startswith("root=1-")
