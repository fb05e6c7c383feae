"""InvokeWithResponseStream: what a runtime streams, and what Python functions answer whole."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer

from staticfire.edge.aws.calls import Call, Scope
from staticfire.edge.http1.messages import Headers, Request, Response
from staticfire.edge.services.lambda_ import Functions
from tests.unit.edge.services.lambda_.kit import Lab, api_of

# A runtime of its own in the function's module, which streams what the event says.
STREAMS = """
import base64, http.client, json, os, time

def chunk(data):
    return b"%x\\r\\n%b\\r\\n" % (len(data), data)

while True:
    api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    api.request("GET", "/2018-06-01/runtime/invocation/next")
    event = api.getresponse()
    request_id, asked = event.headers["lambda-runtime-aws-request-id"], json.loads(event.read())
    api.putrequest("POST", f"/2018-06-01/runtime/invocation/{request_id}/response")
    for name, value in (
        ("Lambda-Runtime-Function-Response-Mode", "streaming"),
        ("Transfer-Encoding", "chunked"),
        ("Content-Type", asked.get("type", "application/octet-stream")),
        ("Trailer", "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body"),
    ):
        api.putheader(name, value)
    api.endheaders()
    for piece in asked["pieces"]:
        api.send(chunk(piece.encode()))
        time.sleep(asked.get("pause", 0))
    if asked.get("dies"):
        os._exit(3)
    api.send(b"0\\r\\n")
    if asked.get("fails"):
        body = base64.b64encode(json.dumps({"errorType": "Late", "errorMessage": "broken off"}).encode())
        api.send(b"Lambda-Runtime-Function-Error-Type: Runtime.Late\\r\\n")
        api.send(b"Lambda-Runtime-Function-Error-Body: " + body + b"\\r\\n")
    api.send(b"\\r\\n")
    api.getresponse().read()
"""


async def streamed(functions: Functions, event: object, **headers: str) -> Response:
    path = "/2021-11-15/functions/f/response-streaming-invocations"
    sent = Headers((name.replace("_", "-"), value) for name, value in headers.items())
    answer = await api_of(functions).answer(
        Call(Request("POST", path, "", sent, json.dumps(event).encode()), "lambda", Scope())
    )
    assert answer is not None
    return answer


def messages(data: bytes) -> list[tuple[str, bytes]]:
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    return [(message.headers[":event-type"], message.payload) for message in buffer]


async def all_of(answer: Response) -> list[tuple[str, Any]]:
    assert isinstance(answer.body, AsyncIterator)
    received = messages(b"".join([piece async for piece in answer.body]))
    return [(kind, json.loads(data) if kind == "InvokeComplete" else data) for kind, data in received]


async def test_each_piece_is_there_before_the_next_one_is_made(lab: Lab) -> None:
    lab.deploy(STREAMS)
    async with lab.running() as functions:
        answer = await streamed(functions, {"pieces": ["a", "b"], "pause": 0.5})
        assert isinstance(answer.body, AsyncIterator)
        assert messages(await anext(answer.body)) == [("PayloadChunk", b"a")]
        (function,) = functions.snapshot()["functions"]
        assert function["environments"][0]["state"] == "busy"
        assert await all_of(answer) == [("PayloadChunk", b"b"), ("InvokeComplete", {})]
    assert dict(answer.headers)["content-type"] == "application/vnd.amazon.eventstream"


async def test_an_error_on_the_way_is_told_at_the_end(lab: Lab) -> None:
    lab.deploy(STREAMS)
    async with lab.running() as functions:
        *pieces, (kind, complete) = await all_of(await streamed(functions, {"pieces": ["a"], "fails": True}))
    assert pieces == [("PayloadChunk", b"a")]
    assert (kind, complete["ErrorCode"]) == ("InvokeComplete", "Runtime.Late")
    assert json.loads(complete["ErrorDetails"]) == {"errorType": "Late", "errorMessage": "broken off"}


async def test_a_process_that_ends_on_the_way_is_an_error_at_the_end(lab: Lab) -> None:
    lab.deploy(STREAMS)
    async with lab.running() as functions:
        *pieces, (_, complete) = await all_of(await streamed(functions, {"pieces": ["a"], "dies": True}))
    assert pieces == [("PayloadChunk", b"a")]
    assert complete["ErrorCode"] == "Runtime.ExitError"


async def test_invoke_gets_a_streamed_response_whole(lab: Lab) -> None:
    ref = lab.deploy(STREAMS)
    async with lab.running() as functions:
        outcome = await functions.invoke(ref, b'{"pieces": ["[1,", "2]"]}')
        broken = await functions.invoke(ref, b'{"pieces": ["a"], "fails": true}')
    assert (outcome.payload, outcome.error) == (b"[1,2]", None)
    assert (json.loads(broken.payload)["errorType"], broken.error) == ("Late", "Unhandled")


async def test_what_a_function_answers_whole_is_one_piece(lab: Lab) -> None:
    lab.deploy("def handler(event, context): return event['n'] + 1\n")
    async with lab.running() as functions:
        whole = await all_of(await streamed(functions, {"n": 1}, x_amz_log_type="Tail"))
        failed = await all_of(await streamed(functions, {}))
    assert [kind for kind, _ in whole] == ["PayloadChunk", "InvokeComplete"]
    assert whole[0][1] == b"2"
    assert "LogResult" in whole[1][1]
    [(_, complete)] = failed
    assert json.loads(complete["ErrorDetails"])["errorType"] == "KeyError"


@pytest.mark.parametrize("runtime", ["nodejs20.x", "nodejs24.x"])
async def test_a_node_handler_streams_with_awss_own_means(lab: Lab, runtime: str) -> None:
    lab.deploy(
        {
            "index.mjs": "export const handler = awslambda.streamifyResponse(async (event, stream) => {\n"
            "  const http = awslambda.HttpResponseStream.from(stream, { statusCode: 201 });\n"
            "  http.write('a'); await new Promise((resolve) => setTimeout(resolve, 300));\n"
            "  http.write('b'); http.end();\n"
            "});\n"
        },
        Runtime=runtime,
        Handler="index.handler",
    )
    async with lab.running() as functions:
        *pieces, (kind, complete) = await all_of(await streamed(functions, {}))
    assert (kind, complete) == ("InvokeComplete", {})
    prelude, _, body = b"".join(data for _, data in pieces).partition(bytes(8))
    assert (json.loads(prelude)["statusCode"], body) == (201, b"ab")
    assert len(pieces) > 1
