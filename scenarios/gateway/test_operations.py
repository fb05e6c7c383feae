"""What those who run the gateway see and rely on: health, logs, throttling, CORS, and the Terraform behind it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scenarios.gateway.lab import Bearer, LineOf, SessionOf, TokenOf
from staticfire.testing.kit import AccountFaults, AccountLogs, ApiClient, AwsClients, StackUnderTest, wait_until


def test_it_is_alive_whatever_it_depends_on(api: ApiClient, faults: AccountFaults) -> None:
    with faults("dynamodb", kind="error", status=503, code="ServiceUnavailable"):
        answer = api.get("/health/live")

    assert (answer.status, answer.json()) == (200, {"status": "live"})


def test_it_is_ready_once_everything_it_depends_on_answers(api: ApiClient) -> None:
    answer = api.get("/health/ready")

    assert (answer.status, answer.json()["status"]) == (200, "ready")
    assert set(answer.json()["checks"]) == {"sessions", "limits", "token_secret"}
    for check in answer.json()["checks"].values():
        assert check["status"] == "ok"
        assert check["latency_ms"] >= 0


def test_it_is_not_ready_while_a_table_is_away_and_says_which(api: ApiClient, faults: AccountFaults) -> None:
    with faults("dynamodb", kind="error", status=503, code="ServiceUnavailable"):
        answer = api.get("/health/ready")

    assert (answer.status, answer.json()["status"]) == (503, "not ready")
    checks = {name: check["status"] for name, check in answer.json()["checks"].items()}
    assert checks == {"sessions": "unavailable", "limits": "unavailable", "token_secret": "ok"}
    assert api.get("/health/ready").status == 200


def test_each_request_is_one_line_of_json_with_how_long_it_took(
    api: ApiClient, session_of: SessionOf, user: str, bearer: Bearer, line_of: LineOf
) -> None:
    session_of(user)
    answer = api.get("/nowhere")

    line = wait_until(lambda: line_of(answer), "the request's log line")

    assert (line["level"], line["message"]) == ("INFO", "request")
    assert (line["method"], line["status"]) == ("GET", 404)
    assert line["path"].endswith("/nowhere")
    assert line["latency_ms"] >= 0


def test_no_log_line_holds_a_credential(
    api: ApiClient,
    session_of: SessionOf,
    token_of: TokenOf,
    user: str,
    bearer: Bearer,
    logs: AccountLogs,
    staticfire_stack: StackUnderTest,
    line_of: LineOf,
) -> None:
    token, session = token_of(user), session_of(user)
    api.get("/auth/session", headers=bearer(session))
    last = api.get("/auth/session", headers=bearer(token))
    wait_until(lambda: line_of(last), "the last request's log line")

    text = "\n".join(logs(staticfire_stack.outputs["api_function_name"]))

    assert session not in text
    assert token not in text


def test_the_stage_takes_2000_requests_a_second_with_bursts_of_5000(
    staticfire_stack: StackUnderTest, aws: AwsClients
) -> None:
    outputs = staticfire_stack.outputs
    stage = aws("apigatewayv2").get_stage(ApiId=outputs["api_id"], StageName=outputs["stage"])

    assert stage["DefaultRouteSettings"]["ThrottlingBurstLimit"] == 5000
    assert stage["DefaultRouteSettings"]["ThrottlingRateLimit"] == 2000
    assert stage["AccessLogSettings"]["DestinationArn"]


def test_the_access_log_has_a_line_for_each_request(
    api: ApiClient, aws: AwsClients, staticfire_stack_name: str
) -> None:
    answer = api.get("/health/live")
    group = f"/aws/http-api/{staticfire_stack_name}"

    def logged() -> list[dict[str, Any]]:
        pages = aws("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
        lines = [json.loads(event["message"]) for page in pages for event in page["events"]]
        return [line for line in lines if line["requestId"] == answer.headers["x-request-id"]]

    [line] = wait_until(logged, "the access log's line")
    assert (line["route"], line["status"]) == ("GET /health/live", "200")


def test_a_browser_of_a_named_origin_may_call(
    staticfire_stack: StackUnderTest, api: ApiClient, aws: AwsClients
) -> None:
    client, api_id = aws("apigatewayv2"), staticfire_stack.outputs["api_id"]
    cors = {"AllowOrigins": ["https://app.example"], "AllowMethods": ["POST"], "AllowHeaders": ["authorization"]}
    client.update_api(ApiId=api_id, CorsConfiguration=cors)
    try:
        asking = {"origin": "https://app.example", "access-control-request-method": "POST"}
        allowed = api.request("OPTIONS", "/auth/login", headers=asking)
        refused = api.request("OPTIONS", "/auth/login", headers={**asking, "origin": "https://evil.example"})
    finally:
        client.delete_cors_configuration(ApiId=api_id)

    assert allowed.headers["access-control-allow-origin"] == "https://app.example"
    assert "access-control-allow-origin" not in refused.headers


def test_a_second_apply_changes_nothing(staticfire_stack: StackUnderTest, aws: AwsClients) -> None:
    assert aws("cloudwatch").describe_alarms()["MetricAlarms"], "the stack has no alarms: this would show nothing"

    nothing_changes, plan = staticfire_stack.plan()

    assert nothing_changes, plan


@pytest.mark.parametrize(
    ("output", "keys", "indexes"),
    [
        ("sessions_table_name", ["session_id"], {"user_id": ["user_id"]}),
        ("limits_table_name", ["limiter_key", "window_start"], {}),
    ],
)
def test_the_tables_are_keyed_as_they_are_read_and_expire(
    staticfire_stack: StackUnderTest, aws: AwsClients, output: str, keys: list[str], indexes: dict[str, Any]
) -> None:
    name = staticfire_stack.outputs[output]

    table = aws("dynamodb").describe_table(TableName=name)["Table"]

    assert [key["AttributeName"] for key in table["KeySchema"]] == keys
    keys_of_indexes = {
        index["IndexName"]: [key["AttributeName"] for key in index["KeySchema"]]
        for index in table.get("GlobalSecondaryIndexes", [])
    }
    assert keys_of_indexes == indexes
    ttl = aws("dynamodb").describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    assert ttl["AttributeName"] == "expires_at"
