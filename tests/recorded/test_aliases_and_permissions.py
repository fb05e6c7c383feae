"""Aliases, and who may invoke what."""

from __future__ import annotations

from typing import Any

from tests.conformance.fidelity import recorded
from tests.conformance.lab import Lab
from tests.recorded.answers import Answers
from tests.recorded.functions import (
    ACTIVE,
    ARN,
    CODE_OF,
    active,
    answers_with,
    configuration,
    create,
    invalid,
    not_there,
    updated,
)
from tests.recorded.test_names import QUALIFIER, unlike

AREA = "Lambda: aliases and permissions (recorded)"
WRONG = "InvalidParameterValueException"


def two_versions(lab: Lab, name: str) -> Any:
    client = lab.aws("lambda")
    create(lab, name)
    active(lab, name)
    client.publish_version(FunctionName=name)
    client.update_function_configuration(FunctionName=name, Environment={"Variables": {"testenv": "prod"}})
    updated(lab, name)
    client.publish_version(FunctionName=name)
    return client


def alias(name: str, revision: str, version: str = "1", description: str = "custom-alias", **more: Any) -> Any:
    return {
        "AliasArn": f"{ARN}:{name}",
        "Description": description,
        "FunctionVersion": version,
        "Name": name,
        "RevisionId": f"<uuid:{revision}>",
        **more,
    }


@recorded(AREA, "An alias tells its weights while it has some, and another RevisionId after each update", "2025-11-25")
def test_the_life_of_an_alias(lab: Lab, name: str, answers: Answers) -> None:
    client = two_versions(lab, name)
    weights = {"AdditionalVersionWeights": {"2": 0.2}}
    request = {"FunctionName": name, "FunctionVersion": "1", "Description": "custom-alias"}
    first, second, third = alias("first", "1"), alias("second", "2", "2"), alias("third", "3", description="")
    answers.match(
        client.create_alias(Name="first", RoutingConfig=weights, **request), first | {"RoutingConfig": weights}, 201
    )
    answers.match(client.get_alias(FunctionName=name, Name="first"), first | {"RoutingConfig": weights})
    answers.match(client.create_alias(Name="second", **request | {"FunctionVersion": "2"}), second, 201)
    answers.match(client.create_alias(FunctionName=name, FunctionVersion="1", Name="third"), third, 201)
    answers.match(
        client.list_aliases(FunctionName=name), {"Aliases": [first | {"RoutingConfig": weights}, second, third]}
    )
    described = configuration("version", ACTIVE, FunctionArn=f"{ARN}:first", Version="1")
    for asked in ({"FunctionName": name, "Qualifier": "first"}, {"FunctionName": f"{lab.arn(name)}:first"}):
        answers.match(client.get_function(**asked), {"Code": CODE_OF, "Configuration": described})
    first = alias("first", "4")
    answers.match(
        client.update_alias(FunctionName=name, Name="first", RoutingConfig={"AdditionalVersionWeights": {}}), first
    )
    answers.match(client.get_alias(FunctionName=name, Name="first"), first)
    answers.match(client.list_aliases(FunctionName=name, FunctionVersion="1"), {"Aliases": [first, third]})
    answers.match(client.delete_alias(FunctionName=name, Name="first"), {}, 204)
    answers.match(client.delete_alias(FunctionName=name, Name="first"), {}, 204)
    answers.match(client.list_aliases(FunctionName=name), {"Aliases": [second, third]})


@recorded(AREA, "Weights: one other version, from 0 to 1, not its own, and one that is there", "2025-11-25")
def test_weights_that_are_refused(lab: Lab, name: str, answers: Answers) -> None:
    two_versions(lab, name)
    client = lab.aws("lambda", parameter_validation=False)

    def weighing(weights: dict[str, float], version: str = "1", function: str = name) -> Any:
        return lambda: client.create_alias(
            FunctionName=function,
            FunctionVersion=version,
            Name="custom",
            RoutingConfig={"AdditionalVersionWeights": weights},
        )

    text = "Number of items in AdditionalVersionWeights cannot be greater than 1"
    answers_with(answers, weighing({"1": 0.8, "2": 0.2}), WRONG, text)
    for weight in (2, 2.0, -1):
        invalid(
            answers,
            weighing({"2": weight}),
            f"Value '{{2={float(weight)}}}' at 'routingConfig.additionalVersionWeights' failed to satisfy constraint: "
            "Map value must satisfy constraint: [Member must have value less than or equal to 1.0, Member must have "
            "value greater than or equal to 0.0, Member must not be null]",
        )
    text = "Invalid function version 1. Function version 1 is already included in routing configuration."
    answers_with(answers, weighing({"1": 0.5}), WRONG, text)
    not_there(answers, weighing({"2": 0.5}, version="10"), f"{ARN}:10")
    not_there(answers, weighing({"10": 0.5}), f"{ARN}:10")
    not_there(answers, weighing({"2": 0.5}, function="doesnotexist"), f"{lab.arn('doesnotexist')}:1")


def statement(sid: str, service: str = "s3", **more: Any) -> dict[str, Any]:
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": ARN,
        **more,
    }


@recorded(AREA, "Statements come and go one by one; with the last one goes the policy", "2025-11-25")
def test_the_life_of_a_policy(lab: Lab, name: str, answers: Answers) -> None:
    client = lab.aws("lambda")
    create(lab, name)
    bucket = "arn:aws:s3:::a-bucket"
    request = {"FunctionName": name, "Action": "lambda:InvokeFunction"}
    plain = statement("s3")
    limited = statement("sqs", "sqs", Condition={"ArnLike": {"AWS:SourceArn": bucket}})
    answers.match(
        client.add_permission(StatementId="s3", Principal="s3.amazonaws.com", **request), {"Statement": plain}, 201
    )
    answers.match(
        client.add_permission(StatementId="sqs", Principal="sqs.amazonaws.com", SourceArn=bucket, **request),
        {"Statement": limited},
        201,
    )
    policy = {"Version": "2012-10-17", "Id": "default"}
    answers.match(
        client.get_policy(FunctionName=name),
        {"Policy": policy | {"Statement": [plain, limited]}, "RevisionId": "<uuid:both>"},
    )
    text = "Statement non-existent is not found in resource policy."
    answers_with(
        answers,
        lambda: client.remove_permission(FunctionName=name, StatementId="non-existent"),
        "ResourceNotFoundException",
        text,
        404,
        "Message",
    )
    client.remove_permission(FunctionName=name, StatementId="sqs")
    answers.match(
        client.get_policy(FunctionName=name), {"Policy": policy | {"Statement": [plain]}, "RevisionId": "<uuid:one>"}
    )
    client.remove_permission(FunctionName=name, StatementId="s3")
    text = "The resource you requested does not exist."
    answers_with(
        answers, lambda: client.get_policy(FunctionName=name), "ResourceNotFoundException", text, 404, "Message"
    )


@recorded(AREA, "A permission that cannot be: its id, principal, qualifier, function", "2025-11-25")
def test_permissions_that_are_refused(lab: Lab, name: str, answers: Answers) -> None:
    client = lab.aws("lambda")
    create(lab, name)

    def adding(**changes: Any) -> Any:
        request = {
            "FunctionName": name,
            "Action": "lambda:InvokeFunction",
            "StatementId": "s3",
            "Principal": "s3.amazonaws.com",
        }
        return lambda: client.add_permission(**request | changes)

    invalid(answers, adding(StatementId="example.com"), unlike("example.com", "statementId", "([a-zA-Z0-9-_]+)"))
    text = "The derived qualifier from the function name does not match the specified qualifier."
    answers_with(answers, adding(FunctionName=f"{name}:live", Qualifier="42"), WRONG, text)
    text = "We currently do not support adding policies for $LATEST."
    answers_with(answers, adding(Qualifier="$LATEST"), WRONG, text)
    text = "The provided principal was invalid. Please check the principal and try again."
    answers_with(answers, adding(Principal="invalid.nonaws.com"), WRONG, text)
    not_there(answers, adding(FunctionName="doesnotexist"), lab.arn("doesnotexist"))
    not_there(answers, adding(Qualifier="nobody"), f"{ARN}:nobody", "Cannot find alias arn: ")
    not_there(answers, adding(Qualifier="42"), f"{ARN}:42")
    strange = "invalid-qualifier-with-?-char"
    invalid(answers, adding(Qualifier=strange), unlike(strange, "qualifier", QUALIFIER))
    not_there(answers, adding(Qualifier="valid-with-$-but-not-there"), f"{ARN}:valid-with-$-but-not-there")
    adding()()
    text = (
        "The statement id (s3) provided already exists. Please provide a new statement id, or remove the existing "
        "statement."
    )
    answers_with(answers, adding(), "ResourceConflictException", text, 409)
    not_there(
        answers,
        lambda: client.remove_permission(FunctionName="doesnotexist", StatementId="s3"),
        lab.arn("doesnotexist"),
        "No policy found for: ",
    )
