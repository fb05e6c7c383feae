"""Layers: versions, who may use them, and functions that name them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.fidelity import recorded
from tests.conformance.lab import Lab, zipped
from tests.recorded.answers import Answers
from tests.recorded.functions import active, answers_with, create, invalid, updated
from tests.recorded.test_functions import RUNTIMES
from tests.recorded.test_names import unlike

AREA = "Lambda: layers (recorded)"
WRONG = "InvalidParameterValueException"
NOT_FOUND = "ResourceNotFoundException"
NOTHING = "The resource you requested does not exist."
LAYER = "arn:aws:lambda:<region>:<account>:layer:<layer>"
CONTENT = zipped({"python/shared.py": "WORD = 'shared'\n"})
VERSION_ARN = (
    r"(arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:layer:[a-zA-Z0-9-_]+:"
    r"[0-9]+)|(arn:[a-zA-Z0-9-]+:lambda:::awslayer:[a-zA-Z0-9-_]+)"
)


@pytest.fixture
def layer(lab: Lab) -> str:
    """The name of the case's layer."""
    return lab.name("layer")


@pytest.fixture
def answers(lab: Lab, name: str, layer: str) -> Answers:
    return Answers(region=lab.region, account=lab.account, function=name, layer=layer)


def publish(lab: Lab, layer: str, **settings: Any) -> Any:
    request = {"LayerName": layer, "Content": {"ZipFile": CONTENT}, "CompatibleRuntimes": ["python3.12"]}
    return lab.aws("lambda").publish_layer_version(**request | settings)


def told(version: int, **changes: Any) -> dict[str, Any]:
    described = {
        "CompatibleRuntimes": ["python3.12"],
        "Content": {"CodeSha256": "<sha256:layer>", "CodeSize": "<size>", "Location": "<url>"},
        "CreatedDate": "<date>",
        "Description": "",
        "LayerArn": LAYER,
        "LayerVersionArn": f"{LAYER}:{version}",
        "Version": version,
        **changes,
    }
    return {name: value for name, value in described.items() if value is not None}


@recorded(AREA, "A layer's versions: counted on, newest first, used by a function after their deletion", "2025-11-25")
def test_the_life_of_a_layer(lab: Lab, name: str, layer: str, answers: Answers) -> None:
    client = lab.aws("lambda")
    settings = {
        "CompatibleArchitectures": ["x86_64"],
        "Description": "a description",
        "LicenseInfo": "a license",
    }
    for version in (1, 2):
        answers.match(publish(lab, layer, **settings), told(version, **settings), 201)
    arn = f"arn:aws:lambda:{lab.region}:{lab.account}:layer:{layer}"
    answers.match(client.get_layer_version(LayerName=layer, VersionNumber=1), told(1, **settings))
    answers.match(client.get_layer_version_by_arn(Arn=f"{arn}:1"), told(1, **settings))
    listed = [told(version, Content=None, LayerArn=None, **settings) for version in (2, 1)]
    answers.match(client.list_layer_versions(LayerName=layer), {"LayerVersions": listed})
    create(lab, name)
    active(lab, name)
    answer = client.update_function_configuration(FunctionName=name, Layers=[f"{arn}:1"])
    assert answer["Layers"] == [{"Arn": f"{arn}:1", "CodeSize": answer["Layers"][0]["CodeSize"]}]
    updated(lab, name)
    for version in (1, 2, 1):
        answers.match(client.delete_layer_version(LayerName=layer, VersionNumber=version), {}, 204)
    answers.match(client.list_layer_versions(LayerName=layer), {"LayerVersions": []})
    assert client.get_function_configuration(FunctionName=name)["Layers"] == answer["Layers"]
    answers.match(publish(lab, layer, **settings), told(3, **settings), 201)


@recorded(AREA, "A layer that is not there, a version below 1, an ARN without a version", "2026-01-12")
def test_layers_that_are_not_there(lab: Lab, layer: str, answers: Answers) -> None:
    client = lab.aws("lambda")
    publish(lab, layer)
    answers.match(client.list_layer_versions(LayerName="doesnotexist"), {"LayerVersions": []})
    for asked in ({"LayerName": "doesnotexist", "VersionNumber": 1}, {"LayerName": layer, "VersionNumber": 2}):
        call = lambda asked=asked: client.get_layer_version(**asked)  # noqa: E731
        answers_with(answers, call, NOT_FOUND, NOTHING, 404, "Message")
    for number in (-1, 0):
        call = lambda number=number: client.get_layer_version(LayerName=layer, VersionNumber=number)  # noqa: E731
        answers_with(answers, call, WRONG, "Layer Version Cannot be less than 1")
    arn = f"arn:aws:lambda:{lab.region}:{lab.account}:layer:{layer}"
    invalid(answers, lambda: client.get_layer_version_by_arn(Arn=arn), unlike(arn, "arn", VERSION_ARN))
    answers_with(answers, lambda: client.get_layer_version_by_arn(Arn=f"{arn}:2"), NOT_FOUND, NOTHING, 404, "Message")


@recorded(AREA, "What a layer is compatible with is checked, runtimes and architectures", "2026-01-12")
def test_what_a_layer_is_compatible_with(lab: Lab, layer: str, answers: Answers) -> None:
    invalid(
        answers,
        lambda: publish(lab, layer, CompatibleRuntimes=["wrong"], CompatibleArchitectures=["wrong", "x86_64"]),
        "Value '[wrong, x86_64]' at 'compatibleArchitectures' failed to satisfy constraint: Member must satisfy "
        "constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not be null]",
        f"Value '[wrong]' at 'compatibleRuntimes' failed to satisfy constraint: Member must satisfy enum value set: "
        f"[{RUNTIMES}]",
    )


@recorded(AREA, "Layers that a function cannot have: two versions of one, one that is not there, six", "2025-11-25")
def test_layers_that_a_function_cannot_have(lab: Lab, name: str, layer: str, answers: Answers) -> None:
    arns = [publish(lab, layer)["LayerVersionArn"] for _ in range(2)]
    base = f"arn:aws:lambda:{lab.region}:{lab.account}:layer:"

    def refused(layers: list[str], text: str) -> None:
        answers_with(answers, lambda: create(lab, name, Layers=layers), WRONG, text)

    for pair in (arns, [arns[0], arns[0]]):
        refused(
            pair,
            "Two different versions of the same layer are not allowed to be referenced in the same function. "
            f"{pair[0]} and {pair[1]} are versions of the same layer.",
        )
    for missing in (f"{base}doesnotexist:1", f"{base}{layer}:9"):
        refused([missing], f"Layer version {missing} does not exist.")
    refused([f"{base}layer{index}:1" for index in range(6)], "Cannot reference more than 5 layers.")
    invalid(
        answers,
        lambda: create(lab, name, Layers=[f"{base}{layer}"]),
        f"Value '[{base}{layer}]' at 'layers' failed to satisfy constraint: Member must satisfy constraint: [Member "
        "must have length less than or equal to 2048, Member must have length greater than or equal to 1, Member must "
        f"satisfy regular expression pattern: {VERSION_ARN}, Member must not be null]",
    )


@recorded(AREA, "A layer's policy: statements with a RevisionId that changes", "2025-11-25")
def test_the_policy_of_a_layer(lab: Lab, layer: str, answers: Answers) -> None:
    client = lab.aws("lambda")
    publish(lab, layer)
    version = {"LayerName": layer, "VersionNumber": 1}
    text = "No policy is associated with the given resource."
    answers_with(answers, lambda: client.get_layer_version_policy(**version), NOT_FOUND, text, 404, "Message")

    def statement(sid: str) -> dict[str, Any]:
        action = "lambda:GetLayerVersion"
        return {"Sid": sid, "Effect": "Allow", "Principal": "*", "Action": action, "Resource": f"{LAYER}:1"}

    add = {**version, "Action": "lambda:GetLayerVersion", "Principal": "*"}
    for sid in ("s1", "s2"):
        answers.match(
            client.add_layer_version_permission(StatementId=sid, **add),
            {"RevisionId": f"<uuid:{sid}>", "Statement": statement(sid)},
            201,
        )
    policy = {"Version": "2012-10-17", "Id": "default", "Statement": [statement("s1"), statement("s2")]}
    answers.match(client.get_layer_version_policy(**version), {"Policy": policy, "RevisionId": "<uuid:s2>"})
    text = (
        "The statement id (s1) provided already exists. Please provide a new statement id, or remove the existing "
        "statement."
    )
    answers_with(
        answers,
        lambda: client.add_layer_version_permission(StatementId="s1", **add),
        "ResourceConflictException",
        text,
        409,
    )
    text = (
        "The Revision Id provided does not match the latest Revision Id. Call the GetLayerPolicy API to retrieve the "
        "latest Revision Id"
    )
    answers_with(
        answers,
        lambda: client.add_layer_version_permission(StatementId="s3", RevisionId="wrong", **add),
        "PreconditionFailedException",
        text,
        412,
    )
    answers.match(client.remove_layer_version_permission(StatementId="s2", **version), {}, 204)
    policy["Statement"] = [statement("s1")]
    answers.match(client.get_layer_version_policy(**version), {"Policy": policy, "RevisionId": "<uuid:removed>"})
    text = f"Layer version arn:aws:lambda:{lab.region}:{lab.account}:layer:doesnotexist:1 does not exist."
    answers_with(
        answers,
        lambda: client.get_layer_version_policy(LayerName="doesnotexist", VersionNumber=1),
        NOT_FOUND,
        text,
        404,
        "Message",
    )
