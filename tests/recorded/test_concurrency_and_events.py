"""What becomes of provisioned concurrency, of events without a taker, and of what an invocation says of itself."""

from __future__ import annotations

import base64
import json
import random
import string
from typing import Any

import pytest

from tests.conformance.fidelity import documented, recorded
from tests.conformance.lab import Lab, eventually, zipped
from tests.recorded.answers import Answers
from tests.recorded.functions import ARN, active, create, invalid, not_there, updated

AREA = "Lambda: provisioned concurrency, events, sessions (recorded)"
VARIABLES = "lambda/latest/api/API_Environment.html"
FAILING = {"handler.py": "raise ValueError('no')\n\n\ndef handler(event, context):\n    return event\n"}


def status(lab: Lab, name: str, qualifier: str) -> Any:
    return lab.aws("lambda").get_provisioned_concurrency_config(FunctionName=name, Qualifier=qualifier)


def provision(lab: Lab, name: str, qualifier: str, count: int = 1) -> None:
    request = {"FunctionName": name, "Qualifier": qualifier, "ProvisionedConcurrentExecutions": count}
    lab.aws("lambda").put_provisioned_concurrency_config(**request)
    eventually(lambda: status(lab, name, qualifier)["Status"] != "IN_PROGRESS", "an end of the initialisation")


@recorded(AREA, "Provisioned concurrency whose initialisation fails is FAILED, and says why", "2026-02-17")
def test_an_initialisation_that_fails(lab: Lab, name: str, answers: Answers) -> None:
    create(lab, name, Code={"ZipFile": zipped(FAILING)}, Publish=True)
    active(lab, name)
    provision(lab, name, "1")
    answers.match(
        status(lab, name, "1"),
        {
            "AllocatedProvisionedConcurrentExecutions": 0,
            "AvailableProvisionedConcurrentExecutions": 0,
            "LastModified": "<date>",
            "RequestedProvisionedConcurrentExecutions": 1,
            "Status": "FAILED",
            "StatusReason": "FUNCTION_ERROR_INIT_FAILURE",
        },
    )


@recorded(
    AREA,
    "What is provisioned for an alias moves with it, and is there meanwhile; its version is another revision",
    "2023-03-21",
)
def test_an_alias_that_moves(lab: Lab, name: str, answers: Answers) -> None:
    client = lab.aws("lambda")
    create(lab, name, Publish=True)
    active(lab, name)
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    before = client.get_function_configuration(FunctionName=name, Qualifier="1")["RevisionId"]
    provision(lab, name, "live")
    assert client.get_function_configuration(FunctionName=name, Qualifier="live")["RevisionId"] != before
    client.update_function_configuration(FunctionName=name, Timeout=10)
    updated(lab, name)
    client.publish_version(FunctionName=name)
    client.update_alias(FunctionName=name, Name="live", FunctionVersion="2")
    answers.match(
        status(lab, name, "live"),
        {
            "AllocatedProvisionedConcurrentExecutions": 1,
            "AvailableProvisionedConcurrentExecutions": 1,
            "LastModified": "<date>",
            "RequestedProvisionedConcurrentExecutions": 1,
            "Status": "IN_PROGRESS",
        },
    )


@recorded(AREA, "Whether a function is there is looked at before the concurrency that it is to reserve", "2025-11-25")
def test_reserving_for_nobody(lab: Lab, name: str, answers: Answers) -> None:
    client = lab.aws("lambda", parameter_validation=False)
    not_there(
        answers,
        lambda: client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=-1),
        f"{ARN}:$LATEST",
    )


@recorded(AREA, "A dead-letter queue stays if nothing is said of its target", "2024-03-21")
def test_a_dead_letter_queue_stays(lab: Lab, name: str) -> None:
    client, queue = lab.aws("lambda"), lab.queue()
    create(lab, name, DeadLetterConfig={"TargetArn": queue.arn})
    active(lab, name)
    answer = client.update_function_configuration(FunctionName=name, DeadLetterConfig={})
    assert answer["DeadLetterConfig"] == {"TargetArn": queue.arn}
    updated(lab, name)
    answer = client.update_function_configuration(FunctionName=name, DeadLetterConfig={"TargetArn": ""})
    assert "DeadLetterConfig" not in answer


@recorded(AREA, "The log tail is what was written: an error's last line has no line feed", "2024-03-21")
def test_the_tail_of_an_error(lab: Lab) -> None:
    function = lab.function("def handler(event, context):\n    raise ValueError('no')\n")
    answer = lab.invoke(function, LogType="Tail")
    request_id = answer["ResponseMetadata"]["RequestId"]
    tail = base64.b64decode(answer["LogResult"]).decode()
    assert f"raise ValueError('no')END RequestId: {request_id}\n" in tail


@recorded(AREA, "The role's session is named like the function, and longer if one character is all", "2025-11-24")
@pytest.mark.parametrize(("length", "session"), [(1, "{}@lambda_function"), (2, "{}")])
def test_the_session(lab: Lab, length: int, session: str) -> None:
    name = "".join(random.choices(string.ascii_letters, k=length))
    source = "import boto3\ndef handler(event, context):\n    return boto3.client('sts').get_caller_identity()['Arn']\n"
    lab.function(source, FunctionName=name)
    try:
        role = lab.role().rpartition("/")[2]
        assert lab.result(name) == f"arn:aws:sts::{lab.account}:assumed-role/{role}/{session.format(name)}"
    finally:
        lab.aws("lambda").delete_function(FunctionName=name)


@recorded(AREA, "Another account tags a function whose policy allows it", "2025-11-24")
def test_tags_of_another_account(lab: Lab, name: str) -> None:
    create(lab, name)
    other, arn = Lab(lab.endpoint, f"29{lab.account[2:]}"), lab.arn(name)
    client = other.aws("lambda")
    with pytest.raises(client.exceptions.ClientError) as refused:
        client.list_tags(Resource=arn)
    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"
    lab.aws("lambda").add_permission(FunctionName=name, StatementId="other", Action="lambda:*", Principal=other.account)
    client.tag_resource(Resource=arn, Tags={"foo": "bar"})
    assert client.list_tags(Resource=arn)["Tags"] == {"foo": "bar"}
    client.untag_resource(Resource=arn, TagKeys=["foo"])
    assert client.list_tags(Resource=arn)["Tags"] == {}


@documented(AREA, "Variables with names that are refused are not repeated: they may be secrets", VARIABLES)
def test_variables_are_not_repeated(lab: Lab, name: str, answers: Answers) -> None:
    invalid(
        answers,
        lambda: create(lab, name, Environment={"Variables": {"A": json.dumps({"password": "secret"})}}),
        "Value at 'environment.variables' failed to satisfy constraint: Map keys must satisfy constraint: [Member must "
        "satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]",
    )
