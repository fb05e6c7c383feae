"""Invoke as the SDKs call it."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from staticfire.edge.aws.calls import AwsError, Call, Scope
from staticfire.edge.http1.messages import Headers, Request, Response
from staticfire.edge.services.lambda_ import Functions
from tests.unit.edge.services.lambda_.kit import Change, Lab, api_of

ECHO = "def handler(e, c): print('ran'); return {'event': e, 'custom': getattr(c.client_context, 'custom', None)}\n"
INVOKE = "/2015-03-31/functions/f/invocations"


def call(method: str = "POST", path: str = INVOKE, body: bytes = b"", query: str = "", **headers: str) -> Call:
    sent = Headers((name.replace("_", "-"), value) for name, value in headers.items())
    return Call(Request(method, path, query, sent, body), "lambda", Scope())


async def answered(functions: Functions, request: Call) -> Response:
    response = await api_of(functions).answer(request)
    assert response is not None
    return response


def document(response: Response) -> Any:
    assert isinstance(response.body, bytes)
    return json.loads(response.body)


async def test_a_request_and_its_response(lab: Lab) -> None:
    lab.deploy(ECHO)
    async with lab.running() as functions:
        answer = await answered(functions, call(body=b'{"a": 1}', x_amz_log_type="Tail"))
    headers = dict(answer.headers)
    assert answer.status == 200
    assert document(answer)["event"] == {"a": 1}
    assert headers["x-amz-executed-version"] == "$LATEST"
    assert "x-amz-function-error" not in headers
    assert "ran" in base64.b64decode(headers["x-amz-log-result"]).decode()
    assert len(headers["x-amzn-requestid"]) == 36


async def test_no_payload_is_an_empty_event(lab: Lab) -> None:
    lab.deploy(ECHO)
    async with lab.running() as functions:
        answer = await answered(functions, call())
    assert document(answer)["event"] == {}


async def test_a_functions_error_is_a_header_and_not_a_status(lab: Lab) -> None:
    lab.deploy("def handler(e, c): raise KeyError('k')\n")
    async with lab.running() as functions:
        answer = await answered(functions, call(body=b"{}"))
    assert answer.status == 200
    assert dict(answer.headers)["x-amz-function-error"] == "Unhandled"
    assert document(answer)["errorType"] == "KeyError"


async def test_the_log_tail_is_the_last_four_kilobytes(lab: Lab) -> None:
    lab.deploy("def handler(e, c): print('x' * 10000)\n")
    async with lab.running() as functions:
        answer = await answered(functions, call(body=b"{}", x_amz_log_type="Tail"))
    tail = base64.b64decode(dict(answer.headers)["x-amz-log-result"]).decode()
    assert len(tail) == 4096
    assert "REPORT RequestId" in tail


async def test_client_context_reaches_the_handler(lab: Lab) -> None:
    lab.deploy(ECHO)
    context = base64.b64encode('{"custom": {"käse": 1}}'.encode()).decode()
    async with lab.running() as functions:
        answer = await answered(functions, call(body=b"{}", x_amz_client_context=context))
    assert document(answer)["custom"] == {"käse": 1}


async def test_dry_run_runs_nothing(lab: Lab) -> None:
    lab.deploy(ECHO)
    async with lab.running() as functions:
        answer = await answered(functions, call(x_amz_invocation_type="DryRun"))
        assert (answer.status, answer.body) == (204, b"")
        assert functions.snapshot()["functions"] == []


@pytest.mark.parametrize(
    ("path", "headers"),
    [(INVOKE, {"x_amz_invocation_type": "Event"}), ("/2014-11-13/functions/f/invoke-async", {})],
)
async def test_an_event_is_accepted_and_run_later(lab: Lab, path: str, headers: dict[str, Any]) -> None:
    lab.deploy(ECHO)
    async with lab.running() as functions:
        answer = await answered(functions, call(path=path, body=b"{}", **headers))
        assert answer.status == 202
        await lab.until(lambda: "ran\n" in lab.emulator.lines.get("/aws/lambda/f", []))


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"{not json", {}, 400, "InvalidRequestContentException"),
        (b'"' + b"x" * 6291456 + b'"', {}, 413, "RequestTooLargeException"),
        (b'"' + b"x" * 1048576 + b'"', {"x_amz_invocation_type": "Event"}, 413, "RequestTooLargeException"),
        (b"{}", {"x_amz_invocation_type": "Later"}, 400, "ValidationException"),
        (b"{}", {"x_amz_client_context": "%%%"}, 400, "InvalidRequestContentException"),
    ],
    ids=["no JSON", "over 6 MB", "event over 1 MB", "unknown type", "bad context"],
)
async def test_what_lambda_refuses(lab: Lab, body: bytes, headers: dict[str, Any], status: int, code: str) -> None:
    lab.deploy(ECHO)
    async with lab.running() as functions:
        with pytest.raises(AwsError) as refused:
            await api_of(functions).answer(call(body=body, **headers))
    assert (refused.value.status, refused.value.code) == (status, code)


async def test_a_function_that_is_not_there(lab: Lab) -> None:
    async with lab.running() as functions:
        for kind in ("RequestResponse", "Event", "DryRun"):
            with pytest.raises(AwsError) as refused:
                await api_of(functions).answer(call(body=b"{}", x_amz_invocation_type=kind))
            assert (refused.value.status, refused.value.code) == (404, "ResourceNotFoundException")


@pytest.mark.parametrize(
    "name", ["f", "000000000000%3Afunction%3Af", "arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af"]
)
async def test_a_name_a_partial_arn_and_an_arn_mean_the_same(lab: Lab, name: str) -> None:
    lab.deploy(ECHO)
    async with lab.running() as functions:
        answer = await answered(functions, call(path=f"/2015-03-31/functions/{name}/invocations", body=b"{}"))
    assert answer.status == 200


async def test_a_qualifier_selects_the_version(lab: Lab) -> None:
    lab.deploy(ECHO)
    lab.deploy("def handler(e, c): return 'one'\n", version="1")
    async with lab.running() as functions:
        answer = await answered(functions, call(query="Qualifier=1", body=b"{}"))
    assert (answer.body, dict(answer.headers)["x-amz-executed-version"]) == (b'"one"', "1")


async def test_everything_else_is_the_control_planes(lab: Lab) -> None:
    lab.deploy(ECHO)
    async with lab.running() as functions:
        described = await answered(functions, call("GET", "/2015-03-31/functions/f/configuration"))
        assert document(described)["FunctionName"] == "f"
        with pytest.raises(AwsError, match="GET /2015-03-31/nothing of the Lambda API is not available"):
            await api_of(functions).answer(call("GET", "/2015-03-31/nothing"))


@pytest.mark.parametrize(
    ("name", "query", "problem"),
    [
        ("f%21", "", r"1 validation error detected: Value 'f!' at 'functionName'"),
        ("f", f"Qualifier={'q' * 129}", r"1 validation error detected: Value 'q{129}' at 'qualifier'"),
        ("f%21", "Qualifier=%3F", r"2 validation errors detected: .*'functionName'.*; Value '\?' at 'qualifier'"),
        ("f%3A1", "Qualifier=2", "The derived qualifier from the function name does not match"),
        (
            "arn%3Aaws%3Alambda%3Aeu-west-1%3A000000000000%3Afunction%3Af",
            "",
            r"Functions from 'eu-west-1' are not reachable in this region \('us-east-1'\)",
        ),
    ],
)
async def test_a_name_that_AWS_refuses(lab: Lab, name: str, query: str, problem: str) -> None:
    lab.deploy(ECHO)
    async with lab.running() as functions:
        path = f"/2015-03-31/functions/{name}/invocations"
        with pytest.raises(AwsError, match=problem):
            await api_of(functions).answer(call(path=path, query=query, body=b"{}"))


async def test_the_resource_policy_decides_who_may_invoke(lab: Lab, change: Change) -> None:
    ref = lab.deploy(ECHO)
    gateway = "apigateway.amazonaws.com"
    source = "arn:aws:execute-api:us-east-1:000000000000:api/$default/GET/x"
    policy = "/2015-03-31/functions/f/policy"
    async with lab.running() as functions:
        assert not await functions.allows(ref, gateway, source)
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": gateway},
            "Action": "lambda:InvokeFunction",
            "Condition": {"ArnLike": {"AWS:SourceArn": "arn:aws:execute-api:us-east-1:000000000000:api/*/*"}},
        }
        lab.emulator.answers[policy] = {"Policy": json.dumps({"Statement": [statement]})}
        await change(functions, "POST", policy)
        assert await functions.allows(ref, gateway, source)
        assert not await functions.allows(ref, gateway, source.replace(":api/", ":other/"))
        assert not await functions.allows(ref, "events.amazonaws.com", source)


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (b"n\x87r\x9e", "Invalid UTF-8 start byte 0x87\n at [Source: REDACTED (`StreamReadFeature."),
        (b"\x99\xeb,j", "Unexpected character ((CTRL-CHAR, code 153)): expected a valid value (JSON String, Number, "),
        (b"abc", "Unrecognized token 'abc': was expecting (JSON String, Number, Array, Object or token 'null', "),
    ],
)
async def test_a_payload_that_is_not_json_is_refused_in_awss_words(lab: Lab, payload: bytes, said: str) -> None:
    lab.deploy(ECHO)
    async with lab.running() as functions:
        with pytest.raises(AwsError) as refused:
            await api_of(functions).answer(call(body=payload))
    start = "Could not parse request body into json: Could not parse payload into json: "
    assert refused.value.message.startswith(start + said)


async def test_a_callers_trace_is_the_functions(lab: Lab) -> None:
    lab.deploy("import os\ndef handler(e, c): return os.environ['_X_AMZN_TRACE_ID']\n")
    trace = "Root=1-67891233-abcdef012345678912345678;Parent=463ac35c9f6413ad;Sampled=1"
    async with lab.running() as functions:
        answer = await answered(functions, call(body=b"{}", x_amzn_trace_id=trace))
        without = await answered(functions, call(body=b"{}", x_amzn_trace_id=trace.partition(";")[0]))
    assert document(answer) == trace
    assert document(without).startswith("Root=1-67891233-abcdef012345678912345678;Parent=")


async def test_a_function_of_another_region_is_not_reachable(lab: Lab) -> None:
    async with lab.running() as functions:
        path = "/2015-03-31/functions/arn:aws:lambda:eu-west-1:000000000000:function:f/invocations"
        with pytest.raises(AwsError) as refused:
            await api_of(functions).answer(call(path=path, body=b"{}"))
    assert refused.value.message == "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')"
