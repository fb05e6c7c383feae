"""What AWS takes for a function's name and qualifier, and how it refuses the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance.fidelity import recorded
from tests.conformance.lab import Lab
from tests.recorded.answers import Answers
from tests.recorded.functions import answers_with, create, invalid, not_there

AREA = "Lambda: names and qualifiers (recorded)"

_UP_TO_FUNCTION = (
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?"
)
NAME_TO_CREATE = _UP_TO_FUNCTION + r"([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?"
NAME = _UP_TO_FUNCTION + r"([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
QUALIFIER = r"\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+"

OPERATIONS = ["get_function", "delete_function", "invoke"]

NO_NAMES = {
    "one character that is none": "*",
    "a character that is none": "my-function!",
    "a partial ARN without an account": "invalid-account:function:my-function",
    "no region": "arn:aws:lambda:invalid-region:{account}:function:my-function",
    "another service": "arn:aws:ec2:{region}:{account}:instance:i-1234567890abcdef0",
    "two qualifiers": "arn:aws:lambda:{region}:{account}:function:my-function:1:2",
    "two qualifiers in a partial ARN": "function:my-function:$LATEST:extra",
    "a region missing": "arn:aws:lambda::{account}:function:my-function",
    "an account missing": "arn:aws:lambda:{region}::function:my-function",
    "$LATEST misspelled": "arn:aws:lambda:{region}:{account}:function:my-function:$LATES",
}


def unlike(value: str, member: str, pattern: str) -> str:
    constraint = f"Member must satisfy regular expression pattern: {pattern}"
    return f"Value '{value}' at '{member}' failed to satisfy constraint: {constraint}"


def longer(value: str, member: str, limit: int) -> str:
    constraint = f"Member must have length less than or equal to {limit}"
    return f"Value '{value}' at '{member}' failed to satisfy constraint: {constraint}"


@pytest.fixture
def call(request: pytest.FixtureRequest, lab: Lab) -> Callable[..., Any]:
    operation = getattr(lab.aws("lambda"), request.param)
    return lambda name, **qualifier: operation(FunctionName=name, **qualifier)


@recorded(AREA, "What is no function's name or ARN is refused with the pattern it fails", "2025-11-25")
@pytest.mark.parametrize("written", NO_NAMES.values(), ids=NO_NAMES.keys())
@pytest.mark.parametrize("call", OPERATIONS, indirect=True)
def test_no_name(lab: Lab, answers: Answers, call: Callable[..., Any], written: str) -> None:
    name = written.format(region=lab.region, account=lab.account)
    invalid(answers, lambda: call(name), unlike(name, "functionName", NAME))


@recorded(AREA, "CreateFunction takes no dots in a name, and no `$LATEST.PUBLISHED`", "2025-11-25")
@pytest.mark.parametrize("written", NO_NAMES.values(), ids=NO_NAMES.keys())
def test_no_name_to_create(lab: Lab, answers: Answers, written: str) -> None:
    name = written.format(region=lab.region, account=lab.account)
    invalid(answers, lambda: create(lab, name), unlike(name, "functionName", NAME_TO_CREATE))


@recorded(AREA, "A qualifier is refused with its pattern, or its length", "2025-11-25")
@pytest.mark.parametrize("call", OPERATIONS, indirect=True)
def test_no_qualifier(answers: Answers, call: Callable[..., Any]) -> None:
    invalid(answers, lambda: call("my-function", Qualifier="invalid!"), unlike("invalid!", "qualifier", QUALIFIER))
    long = "a" * 129
    invalid(answers, lambda: call("my-function", Qualifier=long), longer(long, "qualifier", 128))


@recorded(AREA, "Two problems are told together, in no particular order", "2025-11-25")
@pytest.mark.parametrize("call", OPERATIONS, indirect=True)
def test_two_problems(lab: Lab, answers: Answers, call: Callable[..., Any]) -> None:
    name, qualifier = f"arn:aws:lambda:invalid-region:{lab.account}:function:my-function-{'a' * 170}", "a" * 129
    invalid(
        answers,
        lambda: call(name, Qualifier=qualifier),
        longer(qualifier, "qualifier", 128),
        unlike(name, "functionName", NAME),
    )


@recorded(AREA, "CreateFunction: at most 140 characters of ARN, 64 of name", "2025-11-25")
def test_too_long_to_create(lab: Lab, answers: Answers) -> None:
    name = f"arn:aws:lambda:invalid-region:{lab.account}:function:my-function{'a' * 170}"
    invalid(
        answers,
        lambda: create(lab, name),
        longer(name, "functionName", 140),
        unlike(name, "functionName", NAME_TO_CREATE),
    )
    name = "a" * 65
    text = f"1 validation error detected: {longer(name, 'functionName', 64)}"
    answers_with(answers, lambda: create(lab, name), "InvalidParameterValueException", text)


@recorded(AREA, "Too long a name to create is a name of no function to ask for", "2025-11-25")
def test_a_long_name_is_not_there(lab: Lab, answers: Answers) -> None:
    client, name = lab.aws("lambda"), "a" * 65
    arn = lab.arn(name)
    not_there(answers, lambda: client.get_function(FunctionName=name), arn)
    not_there(answers, lambda: client.delete_function(FunctionName=name), arn)
    not_there(answers, lambda: client.invoke(FunctionName=name), f"{arn}:$LATEST")


@recorded(AREA, "The word `function` alone is a name", "2025-11-25")
def test_the_word_function(lab: Lab, answers: Answers) -> None:
    client = lab.aws("lambda")
    not_there(answers, lambda: client.get_function(FunctionName="function"), lab.arn("function"))
    not_there(answers, lambda: client.invoke(FunctionName="function"), f"{lab.arn('function')}:$LATEST")


@recorded(AREA, "`$latest` is an alias that is not there; DeleteFunction knows none", "2025-11-25")
def test_latest_in_lower_case(lab: Lab, answers: Answers) -> None:
    client, arn = lab.aws("lambda"), lab.arn("my-function")
    options = {"FunctionName": "my-function", "Qualifier": "$latest"}
    not_there(answers, lambda: client.get_function(**options), f"{arn}:$latest")
    not_there(answers, lambda: client.invoke(**options), f"{arn}:$latest")


@recorded(AREA, "An alias cannot be deleted as a function, nor `$LATEST` alone", "2025-11-25")
def test_what_is_not_deleted(lab: Lab, answers: Answers) -> None:
    client, wrong = lab.aws("lambda"), "InvalidParameterValueException"
    text = "Deletion of aliases is not currently supported."
    answers_with(answers, lambda: client.delete_function(FunctionName="my-function", Qualifier="a" * 65), wrong, text)
    text = "$LATEST version cannot be deleted without deleting the function."
    answers_with(answers, lambda: client.delete_function(FunctionName="f", Qualifier="$LATEST"), wrong, text)
