"""A function's life: creation, updates, versions, deletion, and what AWS refuses."""

from __future__ import annotations

import io
import zipfile

import pytest

from tests.conformance.fidelity import recorded
from tests.conformance.lab import Lab, zipped
from tests.recorded.answers import Answers
from tests.recorded.functions import (
    ACTIVE,
    ARN,
    CODE,
    CODE_OF,
    CREATING,
    OTHER_CODE,
    UPDATING,
    active,
    answers_with,
    configuration,
    create,
    invalid,
    listed,
    not_there,
    updated,
)

AREA = "Lambda: functions (recorded)"
RUNTIMES = (
    "nodejs20.x, python3.14, provided.al2023, python3.12, python3.13, nodejs24.x, nodejs22.x, java25, python3.10, "
    "python3.11, java21, ruby3.3, ruby3.4, ruby3.2, python3.8, python3.9, java17, nodejs16.x, dotnet10, dotnet8, "
    "java11, dotnet6, nodejs18.x, provided.al2, java8.al2"
)


@recorded(AREA, "A function is Pending, then Active; an update is InProgress, then Successful", "2025-11-25")
def test_the_life_of_a_function(lab: Lab, name: str, answers: Answers) -> None:
    client = lab.aws("lambda")
    settings = {"Environment": {"Variables": {}}, "Timeout": 5, "MemorySize": 256}
    answers.match(create(lab, name, **settings), configuration("created", CREATING, **settings), 201)
    active(lab, name)
    answers.match(
        client.get_function(FunctionName=name),
        {"Code": CODE_OF, "Configuration": configuration("active", ACTIVE, **settings)},
    )
    settings = {
        "Description": "Changed-Description",
        "Environment": {"Variables": {"ENV_A": "a"}},
        "MemorySize": 512,
        "Runtime": "python3.11",
        "Timeout": 10,
    }
    answers.match(
        client.update_function_configuration(FunctionName=name, **settings),
        configuration("updating", UPDATING, **settings),
    )
    updated(lab, name)
    answers.match(
        client.get_function(FunctionName=name),
        {"Code": CODE_OF, "Configuration": configuration("updated", ACTIVE, **settings)},
    )
    settings["CodeSha256"] = "<sha256:2>"
    answers.match(
        client.update_function_code(FunctionName=name, ZipFile=zipped(OTHER_CODE)),
        configuration("code-updating", UPDATING, **settings),
    )
    updated(lab, name)
    answers.match(
        client.get_function(FunctionName=name),
        {"Code": CODE_OF, "Configuration": configuration("code-updated", ACTIVE, **settings)},
    )
    answers.match(client.delete_function(FunctionName=name), {"StatusCode": 204}, 204)
    not_there(answers, lambda: client.get_function(FunctionName=name))


@recorded(AREA, "An update that changes nothing is an update: InProgress, another RevisionId", "2025-11-25")
def test_an_update_that_changes_nothing(lab: Lab, name: str, answers: Answers) -> None:
    client = lab.aws("lambda")
    create(lab, name, Description="Initial description", Timeout=30)
    active(lab, name)
    changed = {"Description": "1st update description", "Timeout": 30}
    for update in ("first", "second"):
        answers.match(
            client.update_function_configuration(FunctionName=name, Description=changed["Description"]),
            configuration(f"{update}-updating", UPDATING, **changed),
        )
        updated(lab, name)
        answers.match(
            client.get_function_configuration(FunctionName=name), configuration(f"{update}-updated", ACTIVE, **changed)
        )


@recorded(AREA, "`Publish` at creation describes version 1 under the function's own ARN", "2025-11-25")
def test_publish_at_creation(lab: Lab, name: str, answers: Answers) -> None:
    client = lab.aws("lambda")
    answers.match(create(lab, name, Publish=True), configuration("created", CREATING, Version="1"), 201)
    active(lab, name)
    latest, first = configuration("latest", ACTIVE), configuration("1", ACTIVE, Version="1", FunctionArn=f"{ARN}:1")
    answers.match(client.get_function(FunctionName=name), {"Code": CODE_OF, "Configuration": latest})
    answers.match(client.get_function(FunctionName=name, Qualifier="1"), {"Code": CODE_OF, "Configuration": first})
    answers.match(
        client.get_function(FunctionName=name, Qualifier="$LATEST"),
        {"Code": CODE_OF, "Configuration": latest | {"FunctionArn": f"{ARN}:$LATEST"}},
    )
    versions = {
        "Versions": [
            listed("latest", FunctionArn=f"{ARN}:$LATEST"),
            listed("1", FunctionArn=f"{ARN}:1", Version="1"),
        ]
    }
    answers.match(client.list_versions_by_function(FunctionName=name), versions)
    answers.match(client.publish_version(FunctionName=name), first, 201)
    answers.match(client.list_versions_by_function(FunctionName=name), versions)


@recorded(AREA, "PublishVersion with another RevisionId or CodeSha256 than the latest is refused", "2025-11-25")
def test_publish_of_something_else(lab: Lab, name: str, answers: Answers) -> None:
    client = lab.aws("lambda")
    create(lab, name)
    active(lab, name)
    sha = client.get_function_configuration(FunctionName=name)["CodeSha256"]
    answers_with(
        answers,
        lambda: client.publish_version(FunctionName=name, RevisionId="wrongrevisionid"),
        "PreconditionFailedException",
        "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve "
        "the latest Revision Id",
        412,
    )
    answers_with(
        answers,
        lambda: client.publish_version(FunctionName=name, CodeSha256="somenonexistentsha256"),
        "InvalidParameterValueException",
        f"CodeSHA256 (somenonexistentsha256) is different from current CodeSHA256 in $LATEST ({sha}). Please try again "
        "with the CodeSHA256 in $LATEST.",
    )
    answers.match(
        client.publish_version(FunctionName=name, CodeSha256=sha),
        configuration("1", ACTIVE, Version="1", FunctionArn=f"{ARN}:1"),
        201,
    )


@recorded(AREA, "What is not there: function, version, alias; by name and by ARN", "2025-11-25")
@pytest.mark.parametrize("operation", ["get_function", "get_function_configuration"])
def test_what_is_not_there(lab: Lab, name: str, answers: Answers, operation: str) -> None:
    client = lab.aws("lambda")
    call = getattr(client, operation)
    not_there(answers, lambda: call(FunctionName=name))
    not_there(answers, lambda: call(FunctionName=name, Qualifier="live"), f"{ARN}:live")
    create(lab, name)
    not_there(answers, lambda: call(FunctionName=name, Qualifier="1221"), f"{ARN}:1221")
    not_there(answers, lambda: call(FunctionName=f"{lab.arn(name)}:live"), f"{ARN}:live")


@recorded(AREA, "A qualifier given twice must be the same one", "2025-11-25")
@pytest.mark.parametrize("operation", ["get_function", "get_function_configuration", "delete_function"])
def test_two_qualifiers(lab: Lab, name: str, answers: Answers, operation: str) -> None:
    call = getattr(lab.aws("lambda"), operation)
    answers_with(
        answers,
        lambda: call(FunctionName=f"{lab.arn(name)}:live", Qualifier="other"),
        "InvalidParameterValueException",
        "The derived qualifier from the function name does not match the specified qualifier.",
    )


@recorded(AREA, "The ARN of another region is refused with both regions' names", "2025-11-25")
@pytest.mark.parametrize(
    "operation",
    [
        "delete_function",
        "get_function",
        "get_function_code_signing_config",
        "get_function_concurrency",
        "get_function_configuration",
        "get_function_event_invoke_config",
        "get_function_url_config",
        "invoke",
    ],
)
def test_another_region(lab: Lab, name: str, answers: Answers, operation: str) -> None:
    call = getattr(lab.aws("lambda"), operation)
    elsewhere = f"arn:aws:lambda:ap-south-1:{lab.account}:function:{name}"
    text = f"Functions from 'ap-south-1' are not reachable in this region ('{lab.region}')"
    answers_with(answers, lambda: call(FunctionName=elsewhere), "ResourceNotFoundException", text, 404, "Message")


@recorded(AREA, "What cannot be created: role, runtime, architecture, zip", "2026-01-12")
def test_what_cannot_be_created(lab: Lab, name: str, answers: Answers) -> None:
    invalid(
        answers,
        lambda: create(lab, name, Role="r1"),
        "Value 'r1' at 'role' failed to satisfy constraint: Member must satisfy regular expression pattern: "
        r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+",
    )
    for runtime in ("non-existent-runtime", "PYTHON3.9"):
        answers_with(
            answers,
            lambda runtime=runtime: create(lab, name, Runtime=runtime),
            "InvalidParameterValueException",
            f"Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: "
            f"[{RUNTIMES}] or be a valid ARN",
        )
    invalid(
        answers,
        lambda: create(lab, name, Architectures=["x86_64", "arm64"]),
        "Value '[x86_64, arm64]' at 'architectures' failed to satisfy constraint: Member must have length less than or "
        "equal to 1",
    )
    invalid(
        answers,
        lambda: create(lab, name, Architectures=["X86_64"]),
        "Value '[X86_64]' at 'architectures' failed to satisfy constraint: Member must satisfy constraint: [Member "
        "must satisfy enum value set: [x86_64, arm64], Member must not be null]",
    )
    answers_with(
        answers,
        lambda: create(lab, name, Code={"ZipFile": b"this is not a zipfile, just a random string"}),
        "InvalidParameterValueException",
        "Could not unzip uploaded file. Please check your file, then try to upload again.",
    )


@recorded(AREA, "Code from S3 that is not there is refused, with S3's reason", "2025-11-25")
def test_code_that_is_not_in_s3(lab: Lab, name: str, answers: Answers) -> None:
    bucket = lab.name("bucket")
    lab.aws("s3").create_bucket(Bucket=bucket)
    answers_with(
        answers,
        lambda: create(lab, name, Code={"S3Bucket": lab.name("no-bucket"), "S3Key": "code.zip"}),
        "InvalidParameterValueException",
        "Error occurred while GetObject. S3 Error Code: NoSuchBucket. S3 Error Message: The specified bucket does not "
        "exist",
    )
    answers_with(
        answers,
        lambda: create(lab, name, Code={"S3Bucket": bucket, "S3Key": "non-existent.zip"}),
        "InvalidParameterValueException",
        "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist.",
    )


@recorded(AREA, "4 KB of variables, names counted, are the limit", "2025-11-25")
def test_variables_over_the_limit(lab: Lab, name: str, answers: Answers) -> None:
    value = "a" * 4096
    with pytest.raises(lab.aws("lambda").exceptions.InvalidParameterValueException) as refused:
        create(lab, name, Environment={"Variables": {"LARGE": value}})
    text = refused.value.response["message"]
    assert text.startswith(
        "Lambda was unable to configure your environment variables because the environment variables"
    )
    assert text.endswith(f'String measured: {{"LARGE":"{value}"}}')


def zip_of(megabytes: int) -> bytes:
    """A small zip that is large when it is unpacked."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("handler.py", CODE["handler.py"])
        archive.writestr("zeros", b"\0" * (megabytes << 20))
    return buffer.getvalue()


@recorded(AREA, "A zip of more than 262144000 bytes unpacked is refused at creation", "2025-11-25")
def test_a_zip_that_is_too_large_unpacked(lab: Lab, name: str, answers: Answers) -> None:
    answers_with(
        answers,
        lambda: create(lab, name, Code={"ZipFile": zip_of(251)}),
        "InvalidParameterValueException",
        "Unzipped size must be smaller than 262144000 bytes",
    )
