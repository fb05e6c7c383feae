"""Invoke: types, qualifiers, limits, and what the answer carries."""

from __future__ import annotations

import base64
import json

import pytest

from tests.conformance.fidelity import documented
from tests.conformance.lab import Lab

AREA = "Lambda: invoke"
INVOKE = "lambda/latest/api/API_Invoke.html"
SYNC = "lambda/latest/dg/invocation-sync.html"
LIMITS = "lambda/latest/dg/gettingstarted-limits.html"
HANDLER = "lambda/latest/dg/python-handler.html"
RUNTIMES = "lambda/latest/dg/lambda-runtimes.html"
STREAMING = "lambda/latest/dg/configuration-response-streaming.html"
URLS = "lambda/latest/dg/urls-configuration.html"
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def mirror(lab: Lab) -> str:
    """A function that returns its event."""
    return lab.function("def handler(event, context):\n    return event\n")


@documented(AREA, "RequestResponse answers 200, the payload and the version that ran", INVOKE)
def test_a_synchronous_invocation(lab: Lab, mirror: str) -> None:
    answer = lab.invoke(mirror, {"a": [1, 2.5, None, "ü"]})
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert "FunctionError" not in answer
    assert json.loads(answer["Payload"].read()) == {"a": [1, 2.5, None, "ü"]}
    assert answer["ResponseMetadata"]["RequestId"]


@documented(AREA, "The request id of the answer is the one in the function's context", SYNC)
def test_the_request_id_is_the_functions(lab: Lab) -> None:
    function = lab.function("def handler(event, context):\n    return context.aws_request_id\n")
    answer = lab.invoke(function)
    assert json.loads(answer["Payload"].read()) == answer["ResponseMetadata"]["RequestId"]


@documented(AREA, "A function that returns nothing answers `null`; without a payload the event is `{}`", HANDLER)
def test_nothing_is_null(lab: Lab, mirror: str) -> None:
    assert lab.aws("lambda").invoke(FunctionName=mirror, Payload=b"null")["Payload"].read() == b"null"
    assert json.loads(lab.aws("lambda").invoke(FunctionName=mirror)["Payload"].read()) == {}


@documented(AREA, "LogType Tail answers the last 4 KB of the log in base64", INVOKE)
def test_the_log_tail(lab: Lab) -> None:
    source = "def handler(event, context):\n    print('x' * 6000)\n    print('the last word')\n"
    answer = lab.invoke(lab.function(source), LogType="Tail")
    tail = base64.b64decode(answer["LogResult"])
    assert b"the last word" in tail
    assert b"REPORT RequestId: " in tail
    assert len(tail) <= 4096
    assert "LogResult" not in lab.invoke(lab.function(source))


@documented(AREA, "DryRun answers 204 and does not run the function", INVOKE)
def test_a_dry_run_runs_nothing(lab: Lab) -> None:
    function = lab.function("n = []\ndef handler(event, context):\n    n.append(1)\n    return len(n)\n")
    assert lab.invoke(function, InvocationType="DryRun")["StatusCode"] == 204
    assert lab.result(function) == 1


@documented(AREA, "A function that does not exist: ResourceNotFoundException, 404, naming it", INVOKE)
@pytest.mark.parametrize("kind", ["RequestResponse", "Event", "DryRun"])
def test_an_unknown_function_is_not_found(lab: Lab, kind: str) -> None:
    client = lab.aws("lambda")
    with pytest.raises(client.exceptions.ResourceNotFoundException) as caught:
        lab.invoke("no-such-function", InvocationType=kind)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    assert f"Function not found: {lab.arn('no-such-function')}" in caught.value.response["Error"]["Message"]


@documented(AREA, "An unknown version or alias is not found", INVOKE)
@pytest.mark.parametrize("qualifier", ["7", "nosuchalias"])
def test_an_unknown_qualifier_is_not_found(lab: Lab, mirror: str, qualifier: str) -> None:
    client = lab.aws("lambda")
    with pytest.raises(client.exceptions.ResourceNotFoundException, match=f"{mirror}:{qualifier}"):
        lab.invoke(mirror, Qualifier=qualifier)


@documented(AREA, "A function is named by its name, its partial ARN or its ARN", INVOKE)
def test_a_function_has_three_names(lab: Lab, mirror: str) -> None:
    for name in (
        mirror,
        f"{lab.account}:function:{mirror}",
        lab.arn(mirror),
        f"{mirror}:$LATEST",
        lab.arn(f"{mirror}:$LATEST"),
    ):
        assert lab.result(name, "x") == "x"


@documented(AREA, "A payload that is no JSON: InvalidRequestContentException, and nothing runs", INVOKE)
def test_a_payload_must_be_json(lab: Lab, mirror: str) -> None:
    client = lab.aws("lambda")
    with pytest.raises(
        client.exceptions.InvalidRequestContentException, match="Could not parse request body into json"
    ):
        client.invoke(FunctionName=mirror, Payload=b"{not json")


@documented(AREA, "A synchronous request over 6 MB: RequestTooLargeException, 413", LIMITS)
def test_a_request_over_6_mb_is_too_large(lab: Lab, mirror: str) -> None:
    client = lab.aws("lambda")
    with pytest.raises(client.exceptions.RequestTooLargeException) as caught:
        lab.invoke(mirror, "x" * (6 * MIB + 1024))
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert len(lab.result(mirror, "x" * (5 * MIB))) == 5 * MIB


@documented(AREA, "An asynchronous request over 1 MB: RequestTooLargeException", LIMITS)
def test_an_event_over_its_limit_is_too_large(lab: Lab, mirror: str) -> None:
    client = lab.aws("lambda")
    with pytest.raises(client.exceptions.RequestTooLargeException):
        lab.invoke(mirror, "x" * (MIB + 1024), InvocationType="Event")


@documented(AREA, "A response over 6 MB: `Function.ResponseSizeTooLarge`", LIMITS)
def test_a_response_over_6_mb_is_too_large(lab: Lab) -> None:
    function = lab.function("def handler(event, context):\n    return 'x' * event\n")
    failed = lab.failure(function, 6 * MIB + 1024)
    assert failed["errorType"] == "Function.ResponseSizeTooLarge"
    assert "exceeded maximum allowed payload size" in failed["errorMessage"]
    assert lab.result(function, 3) == "xxx"


@documented(AREA, "A client context reaches the function's context", INVOKE)
def test_a_client_context_reaches_the_function(lab: Lab) -> None:
    source = "def handler(event, context):\n    return [context.client_context.custom, context.client_context.env]\n"
    context = base64.b64encode(json.dumps({"custom": {"a": 1}, "env": {"b": "2"}}).encode()).decode()
    assert lab.result(lab.function(source), ClientContext=context) == [{"a": 1}, {"b": "2"}]


@documented(
    AREA,
    "Functions run on Java, .NET and Ruby too",
    RUNTIMES,
    "refused with an error that says what runs",
)
@pytest.mark.parametrize("runtime", ["java21", "ruby3.3"])
def test_another_runtime_is_refused_clearly(lab: Lab, runtime: str) -> None:
    client = lab.aws("lambda")
    function = lab.function({"code": ""}, "code.handler", Runtime=runtime)
    with pytest.raises(client.exceptions.InvalidRuntimeException, match=f"{runtime}.*These run here: python"):
        lab.invoke(function)


@documented(AREA, "InvokeWithResponseStream: what a function answers whole is one chunk", STREAMING)
def test_invoke_with_response_stream(lab: Lab, mirror: str) -> None:
    answer = lab.aws("lambda").invoke_with_response_stream(FunctionName=mirror, Payload=b'{"n": 1}', LogType="Tail")
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    chunk, complete = answer["EventStream"]
    assert json.loads(chunk["PayloadChunk"]["Payload"]) == {"n": 1}
    assert b"REPORT RequestId" in base64.b64decode(complete["InvokeComplete"]["LogResult"])


@documented(AREA, "InvokeWithResponseStream: a function's error is InvokeComplete's, not a status", STREAMING)
def test_the_error_of_a_streamed_response(lab: Lab) -> None:
    function = lab.function("def handler(event, context):\n    raise KeyError('lost')\n")
    [event] = lab.aws("lambda").invoke_with_response_stream(FunctionName=function)["EventStream"]
    assert json.loads(event["InvokeComplete"]["ErrorDetails"])["errorType"] == "KeyError"
