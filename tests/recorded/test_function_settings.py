"""What hangs on a function: its URL, its asynchronous invocation's settings, concurrency, tags."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.fidelity import recorded
from tests.conformance.lab import Lab
from tests.recorded.answers import Answers
from tests.recorded.functions import ARN, active, answers_with, create, invalid, not_there
from tests.recorded.test_names import unlike

AREA = "Lambda: URLs, asynchronous settings, concurrency, tags (recorded)"
WRONG = "InvalidParameterValueException"
NOT_FOUND = "ResourceNotFoundException"
NOTHING = "The resource you requested does not exist."
DERIVED = "The derived qualifier from the function name does not match the specified qualifier."
OF_AN_ALIAS = r"((?!^\d+$)^[0-9a-zA-Z-_]+$)"


def missing(answers: Answers, call: Any, text: str) -> None:
    answers_with(answers, call, NOT_FOUND, text, 404, "Message")


@recorded(
    AREA, "A URL's configuration: created, told, changed, gone; only GetFunctionUrlConfig tells the mode", "2025-11-25"
)
def test_the_life_of_a_url(lab: Lab, name: str, answers: Answers) -> None:
    client = lab.aws("lambda")
    create(lab, name)
    url = {"AuthType": "NONE", "CreationTime": "<date>", "FunctionArn": ARN, "FunctionUrl": "<url>"}
    answers.match(client.create_function_url_config(FunctionName=name, AuthType="NONE"), url, 201)
    answers_with(
        answers,
        lambda: client.create_function_url_config(FunctionName=name, AuthType="NONE"),
        "ResourceConflictException",
        f"Failed to create function url config for [functionArn = {lab.arn(name)}]. Error message:  FunctionUrlConfig "
        "exists for this Lambda function",
        409,
    )
    answers.match(
        client.get_function_url_config(FunctionName=name),
        url | {"InvokeMode": "BUFFERED", "LastModifiedTime": "<date>"},
    )
    answers.match(
        client.update_function_url_config(FunctionName=name, AuthType="AWS_IAM"),
        url | {"AuthType": "AWS_IAM", "LastModifiedTime": "<date>"},
    )
    answers.match(client.delete_function_url_config(FunctionName=name), {}, 204)
    missing(answers, lambda: client.get_function_url_config(FunctionName=name), NOTHING)


@recorded(AREA, "A URL belongs to a function or an alias: not to a version, not to `$LATEST`", "2025-11-25")
@pytest.mark.parametrize("verb", ["create", "get", "update", "delete"])
def test_urls_that_are_refused(lab: Lab, name: str, answers: Answers, verb: str) -> None:
    client = lab.aws("lambda")
    create(lab, name)
    operation = getattr(client, f"{verb}_function_url_config")
    settings = {"AuthType": "NONE"} if verb in ("create", "update") else {}
    nobody = "Function does not exist" if settings else NOTHING
    missing(answers, lambda: operation(FunctionName="doesnotexist", **settings), nobody)
    missing(answers, lambda: operation(FunctionName=lab.arn("doesnotexist"), **settings), nobody)
    missing(answers, lambda: operation(FunctionName=name, Qualifier="nobody", **settings), nobody)
    for qualifier in ("1", "$LATEST"):
        invalid(
            answers,
            lambda qualifier=qualifier: operation(FunctionName=name, Qualifier=qualifier, **settings),
            unlike(qualifier, "qualifier", OF_AN_ALIAS),
        )
    answers_with(answers, lambda: operation(FunctionName=f"{name}:live", Qualifier="other", **settings), WRONG, DERIVED)


def asynchronous(qualifier: str = "$LATEST", **settings: Any) -> dict[str, Any]:
    return {
        "DestinationConfig": {"OnFailure": {}, "OnSuccess": {}},
        "FunctionArn": f"{ARN}:{qualifier}",
        "LastModified": "<date>",
        **settings,
    }


@recorded(AREA, "Put replaces asynchronous settings, Update adds to them; only what was set is told", "2025-11-25")
def test_the_life_of_asynchronous_settings(lab: Lab, name: str, answers: Answers) -> None:
    client = lab.aws("lambda")
    create(lab, name)
    put, update = client.put_function_event_invoke_config, client.update_function_event_invoke_config
    answers.match(put(FunctionName=name, MaximumRetryAttempts=0), asynchronous(MaximumRetryAttempts=0))
    answers.match(put(FunctionName=name, MaximumEventAgeInSeconds=60), asynchronous(MaximumEventAgeInSeconds=60))
    both = asynchronous(MaximumEventAgeInSeconds=60, MaximumRetryAttempts=1)
    answers.match(update(FunctionName=name, MaximumRetryAttempts=1), both)
    answers.match(client.get_function_event_invoke_config(FunctionName=name, Qualifier="$LATEST"), both)
    answers.match(client.list_function_event_invoke_configs(FunctionName=name), {"FunctionEventInvokeConfigs": [both]})
    active(lab, name)
    client.publish_version(FunctionName=name)
    none = f"The function {lab.arn(name)}:1 doesn't have an EventInvokeConfig"
    missing(answers, lambda: client.get_function_event_invoke_config(FunctionName=name, Qualifier="1"), none)
    answers.match(
        put(FunctionName=f"{name}:1", MaximumEventAgeInSeconds=120), asynchronous("1", MaximumEventAgeInSeconds=120)
    )
    answers.match(client.delete_function_event_invoke_config(FunctionName=name), {}, 204)
    none = f"The function {lab.arn(name)}:$LATEST doesn't have an EventInvokeConfig"
    missing(answers, lambda: client.delete_function_event_invoke_config(FunctionName=name), none)
    missing(answers, lambda: update(FunctionName=name, MaximumRetryAttempts=0), none)


@recorded(AREA, "Asynchronous settings that cannot be: empty, of nothing, towards nothing or itself", "2025-11-25")
def test_asynchronous_settings_that_are_refused(lab: Lab, name: str, answers: Answers) -> None:
    client = lab.aws("lambda")
    create(lab, name)

    def putting(**settings: Any) -> Any:
        return lambda: client.put_function_event_invoke_config(**{"FunctionName": name} | settings)

    def to(arn: str, when: str = "OnSuccess") -> dict[str, Any]:
        return {"DestinationConfig": {when: {"Destination": arn}}}

    nobody = "The function doesn't exist."
    missing(answers, putting(FunctionName="doesnotexist", MaximumRetryAttempts=0), nobody)
    missing(answers, putting(Qualifier="nobody", MaximumRetryAttempts=0), nobody)
    text = "You must specify at least one of error handling or destination setting."
    answers_with(answers, putting(), WRONG, text)
    arn = lab.arn("doesnotexist")
    answers_with(answers, putting(**to(arn)), WRONG, f"The destination ARN {arn} is invalid.")
    text = "You can't specify the function as a destination for itself."
    answers_with(answers, putting(**to(lab.arn(name))), WRONG, text)
    arn = lab.arn(name).replace(":lambda:", ":iam:")
    answers_with(
        answers,
        putting(**to(arn)),
        WRONG,
        f"The provided destination config DestinationConfig(onSuccess=OnSuccess(destination={arn}), onFailure=null) is "
        "invalid.",
    )
    arn = lab.arn(name).replace(":lambda:", ":_-/!lambda:")
    pattern = (
        r"$|kafka://([^.]([a-zA-Z0-9\-_.]{0,248}))|arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\-])+:((eusc-)?[a-z]{2}((-gov)|"
        r"(-iso([a-z]?)))?-[a-z]+-\d{1})?:(\d{12})?:(.*)"
    )
    invalid(answers, putting(**to(arn, "OnFailure")), unlike(arn, "destinationConfig.onFailure.destination", pattern))
    answers_with(
        answers, putting(FunctionName=f"{name}:1", Qualifier="$LATEST", MaximumRetryAttempts=0), WRONG, DERIVED
    )


@recorded(AREA, "Reserved concurrency: put, told, gone; of functions only", "2025-11-25")
def test_reserved_concurrency(lab: Lab, name: str, answers: Answers) -> None:
    client = lab.aws("lambda")
    create(lab, name)
    put = client.put_function_concurrency
    for reserved in (0, 1):
        expected = {"ReservedConcurrentExecutions": reserved}
        answers.match(put(FunctionName=name, ReservedConcurrentExecutions=reserved), expected)
    answers.match(client.get_function_concurrency(FunctionName=name), {"ReservedConcurrentExecutions": 1})
    answers.match(client.delete_function_concurrency(FunctionName=name), {}, 204)
    answers.match(client.get_function_concurrency(FunctionName=name), {})
    not_there(
        answers,
        lambda: put(FunctionName="doesnotexist", ReservedConcurrentExecutions=1),
        f"{lab.arn('doesnotexist')}:$LATEST",
    )
    text = (
        "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. "
        "Please specify either a function name or an unqualified function ARN."
    )
    answers_with(answers, lambda: put(FunctionName=f"{lab.arn(name)}:1", ReservedConcurrentExecutions=1), WRONG, text)


@recorded(AREA, "Provisioned concurrency is a version's or an alias's, not both's", "2025-11-25")
def test_provisioned_concurrency(lab: Lab, name: str, answers: Answers) -> None:
    client = lab.aws("lambda")
    create(lab, name)
    active(lab, name)
    client.publish_version(FunctionName=name)
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    started = {
        "AllocatedProvisionedConcurrentExecutions": 0,
        "AvailableProvisionedConcurrentExecutions": 0,
        "LastModified": "<date>",
        "RequestedProvisionedConcurrentExecutions": 1,
        "Status": "IN_PROGRESS",
    }

    def putting(qualifier: str, **changes: Any) -> Any:
        request = {"FunctionName": name, "Qualifier": qualifier, "ProvisionedConcurrentExecutions": 1}
        return lambda: client.put_provisioned_concurrency_config(**request | changes)

    answers.match(putting("1")(), started, 202)
    text = "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version"
    answers_with(answers, putting("live"), "ResourceConflictException", text, 409)
    answers.match(client.delete_provisioned_concurrency_config(FunctionName=name, Qualifier="1"), {}, 204)
    answers_with(
        answers,
        lambda: client.get_provisioned_concurrency_config(FunctionName=name, Qualifier="1"),
        "ProvisionedConcurrencyConfigNotFoundException",
        "No Provisioned Concurrency Config found for this function",
        404,
    )
    answers.match(putting("live")(), started, 202)
    text = "Version is pointed by a Provisioned Concurrency alias"
    answers_with(answers, putting("1"), "ResourceConflictException", text, 409)
    client.delete_alias(FunctionName=name, Name="live")
    answers.match(client.list_provisioned_concurrency_configs(FunctionName=name), {"ProvisionedConcurrencyConfigs": []})
    text = "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
    answers_with(answers, putting("$LATEST"), WRONG, text)
    not_there(answers, putting("nobody"), f"{ARN}:nobody", "Cannot find alias arn: ")
    not_there(answers, putting("10"), f"{ARN}:10")
    text = "The function resource provided must be an alias or a published version."
    answers_with(
        answers, lambda: client.get_provisioned_concurrency_config(FunctionName=name, Qualifier="$LATEST"), WRONG, text
    )


@recorded(AREA, "Tags are added, overwritten and taken off one by one", "2025-11-25")
def test_the_life_of_tags(lab: Lab, name: str, answers: Answers) -> None:
    client = lab.aws("lambda")
    create(lab, name, Tags={"testtag": "custom-value"})
    arn = lab.arn(name)
    assert client.get_function(FunctionName=name)["Tags"] == {"testtag": "custom-value"}
    answers.match(client.list_tags(Resource=arn), {"Tags": {"testtag": "custom-value"}})
    answers.match(client.tag_resource(Resource=arn, Tags={"A": "tag-a", "testtag": "other"}), {}, 204)
    answers.match(client.list_tags(Resource=arn), {"Tags": {"A": "tag-a", "testtag": "other"}})
    answers.match(client.untag_resource(Resource=arn, TagKeys=["testtag", "never"]), {}, 204)
    answers.match(client.list_tags(Resource=arn), {"Tags": {"A": "tag-a"}})
    client.untag_resource(Resource=arn, TagKeys=["A"])
    answers.match(client.list_tags(Resource=arn), {"Tags": {}})
    assert "Tags" not in client.get_function(FunctionName=name)


@recorded(AREA, "Tags are a function's, not a version's or an alias's", "2025-11-25")
def test_tags_that_are_refused(lab: Lab, name: str, answers: Answers) -> None:
    client = lab.aws("lambda")
    for call in (
        lambda: client.tag_resource(Resource=lab.arn(name), Tags={"A": "a"}),
        lambda: client.untag_resource(Resource=lab.arn(name), TagKeys=["A"]),
        lambda: client.list_tags(Resource=lab.arn(name)),
    ):
        not_there(answers, call)
    text = "Tags on function aliases and versions are not supported. Please specify a function ARN."
    answers_with(answers, lambda: client.tag_resource(Resource=f"{lab.arn(name)}:live", Tags={"A": "a"}), WRONG, text)
