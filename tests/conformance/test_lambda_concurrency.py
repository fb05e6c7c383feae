"""Concurrency: reserved, of the account, and what is refused."""

from __future__ import annotations

import time

import pytest

from tests.conformance.fidelity import documented
from tests.conformance.lab import Lab, eventually, together

AREA = "Lambda: concurrency"
CONCURRENCY = "lambda/latest/dg/lambda-concurrency.html"
RESERVED = "lambda/latest/dg/configuration-concurrency.html"
PROVISIONED = "lambda/latest/dg/provisioned-concurrency.html"
SLOW = "import time\ndef handler(event, context):\n    time.sleep(1)\n    return context.log_stream_name\n"


@documented(AREA, "A reserved concurrency of 0: TooManyRequestsException, 429, and nothing runs", RESERVED)
def test_a_reserved_concurrency_of_zero_refuses_all(lab: Lab) -> None:
    function = lab.function("n = 0\ndef handler(event, context):\n    global n\n    n += 1\n    return n\n")
    client = lab.aws("lambda")
    assert lab.result(function) == 1
    client.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
    with pytest.raises(client.exceptions.TooManyRequestsException) as caught:
        lab.invoke(function)
    response = caught.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    client.delete_function_concurrency(FunctionName=function)
    assert lab.result(function) in (1, 2)


@documented(AREA, "Over a reserved concurrency of n the next invocation is refused, not queued", RESERVED)
def test_over_the_reserved_concurrency_invocations_are_refused(lab: Lab) -> None:
    function = lab.function(SLOW)
    client = lab.aws("lambda")
    client.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=2)

    def call(_: int) -> str:
        try:
            return str(lab.result(function))
        except client.exceptions.TooManyRequestsException:
            return "refused"

    outcomes = together(5, call)
    assert outcomes.count("refused") == 3
    assert len(set(outcomes)) == 3, "two environments and the refused"


@documented(AREA, "Environments are added as requests come at the same time, and used again", CONCURRENCY)
def test_environments_are_added_and_used_again(lab: Lab) -> None:
    function = lab.function(SLOW.replace("sleep(1)", "sleep(3)"), Timeout=10)
    first = set(together(4, lambda _: lab.result(function)))
    second = set(together(3, lambda _: lab.result(function)))
    assert len(first) == 4
    assert second <= first


@documented(AREA, "One function's concurrency takes nothing of another's", CONCURRENCY)
def test_one_functions_limit_is_not_anothers(lab: Lab) -> None:
    limited, free = lab.function(SLOW), lab.function("def handler(event, context):\n    return 1\n")
    client = lab.aws("lambda")
    client.put_function_concurrency(FunctionName=limited, ReservedConcurrentExecutions=0)
    with pytest.raises(client.exceptions.TooManyRequestsException):
        lab.invoke(limited)
    assert lab.result(free) == 1


@documented(
    AREA,
    "Provisioned concurrency keeps environments ready",
    PROVISIONED,
    "as asked, up to eight a processor of this machine for all functions together: `AvailableProvisionedConcurrent"
    "Executions` counts those that are there, and `StatusReason` says so where they are fewer",
)
def test_provisioned_concurrency_starts_as_many_as_asked(lab: Lab) -> None:
    client = lab.aws("lambda")
    function = lab.function(
        "import os, time\nbegun = time.time()\n\n\ndef handler(event, context):\n    time.sleep(2)\n"
        "    return [begun, os.environ['AWS_LAMBDA_INITIALIZATION_TYPE'], context.log_stream_name]\n",
        Timeout=10,
    )
    version = client.publish_version(FunctionName=function)["Version"]
    provisioned = {"FunctionName": function, "Qualifier": version}
    put = client.put_provisioned_concurrency_config(**provisioned, ProvisionedConcurrentExecutions=3)
    assert (put["Status"], put["AvailableProvisionedConcurrentExecutions"]) == ("IN_PROGRESS", 0)
    eventually(lambda: client.get_provisioned_concurrency_config(**provisioned)["Status"] == "READY", "READY")
    assert client.get_provisioned_concurrency_config(**provisioned)["AvailableProvisionedConcurrentExecutions"] == 3
    invoked = time.time()
    answers = together(3, lambda _: lab.result(function, Qualifier=version))
    assert len({stream for _, _, stream in answers}) == 3
    assert all(begun < invoked and kind == "provisioned-concurrency" for begun, kind, _ in answers)
    client.delete_provisioned_concurrency_config(**provisioned)
    assert lab.result(function, Qualifier=version)[1] == "on-demand"


@documented(AREA, "What failed to be provisioned is not taken off what the function has reserved", PROVISIONED)
def test_what_failed_is_not_provisioned(lab: Lab) -> None:
    client = lab.aws("lambda")
    function = lab.function("import os\nif os.environ['no']:\n    raise ValueError\n", Environment=variables(no="yes"))
    version = client.publish_version(FunctionName=function)["Version"]
    client.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=1)
    provisioned = {"FunctionName": function, "Qualifier": version}
    client.put_provisioned_concurrency_config(**provisioned, ProvisionedConcurrentExecutions=1)
    eventually(lambda: client.get_provisioned_concurrency_config(**provisioned)["Status"] == "FAILED", "FAILED")
    client.update_function_configuration(FunctionName=function, Environment=variables(no=""))
    assert lab.invoke(function)["StatusCode"] == 200, "not throttled: nothing is provisioned"


def variables(**values: str) -> dict[str, dict[str, str]]:
    return {"Variables": values}


@documented(AREA, "What is provisioned for a version is taken off what the function has reserved", PROVISIONED)
def test_provisioned_concurrency(lab: Lab) -> None:
    source = "import os\ndef handler(event, context):\n    return os.environ['AWS_LAMBDA_INITIALIZATION_TYPE']\n"
    function, client = lab.function(source), lab.aws("lambda")
    version = client.publish_version(FunctionName=function)["Version"]
    assert lab.result(function, Qualifier=version) == "on-demand"
    client.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=1)
    client.put_provisioned_concurrency_config(
        FunctionName=function, Qualifier=version, ProvisionedConcurrentExecutions=1
    )
    assert lab.result(function, Qualifier=version) == "provisioned-concurrency"
    with pytest.raises(client.exceptions.TooManyRequestsException) as refused:
        lab.invoke(function)
    assert refused.value.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert "retryAfterSeconds" not in refused.value.response
