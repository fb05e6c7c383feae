"""REST APIs: responses that functions stream."""

from __future__ import annotations

import shutil

import pytest

from tests.conformance.fidelity import documented
from tests.conformance.lab import Lab
from tests.conformance.rest_lab import Rest

AREA = "REST API: functions"
PAGE = "apigateway/latest/developerguide/response-transfer-mode.html"

BOOTSTRAP = """\
#!/bin/sh
set -eu
API="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
while true; do
  HEADERS="$(mktemp)"
  EVENT="$(curl -sS -LD "$HEADERS" "$API/next")"
  ID="$(grep -Fi Lambda-Runtime-Aws-Request-Id "$HEADERS" | tr -d '[:space:]' | cut -d: -f2)"
  case "$EVENT" in
    *'"/malformed"'*) PRELUDE='nonsense' ;;
    *) PRELUDE='{"statusCode":201,"headers":{"x-own":"1","content-type":"text/plain"}}' ;;
  esac
  { printf '%s\\0\\0\\0\\0\\0\\0\\0\\0first ' "$PRELUDE"; sleep 0.1; printf 'second'; } | curl -sS -X POST -T - \\
    -H 'Lambda-Runtime-Function-Response-Mode: streaming' \\
    -H 'Content-Type: application/vnd.awslambda.http-integration-response' "$API/$ID/response"
done
"""


@documented(
    AREA,
    "With responseTransferMode STREAM a response begins with status and headers, and comes as the function makes it",
    PAGE,
    elsewhere={"compose": "the edge's image has no curl, which the bootstrap calls"},
)
def test_streaming(lab: Lab) -> None:
    if not shutil.which("curl"):
        pytest.skip("the bootstrap calls curl, which is not here")
    function = lab.function({"bootstrap": BOOTSTRAP}, Runtime="provided.al2023")
    api = Rest(lab)
    uri = (
        api.function_uri(function)
        .replace("2015-03-31", "2021-11-15")
        .replace("/invocations", "/response-streaming-invocations")
    )
    for path in ("/whole", "/malformed"):
        api.proxy(f"GET {path}", function, uri=uri, responseTransferMode="STREAM")
    api.permit(function)
    api.deploy()
    answer = api.get("/whole")
    assert (answer.status, answer.body) == (201, b"first second")
    assert (answer.headers["x-own"], answer.headers["content-type"]) == ("1", "text/plain")
    assert answer.headers["transfer-encoding"] == "chunked"
    assert api.get("/malformed").status == 502
