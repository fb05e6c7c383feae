"""What reaches CloudWatch Logs and CloudWatch of an invocation."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest

from tests.conformance.fidelity import documented
from tests.conformance.lab import Lab, eventually, metric_sum

AREA = "Lambda: logs and metrics"
LOGS = "lambda/latest/dg/monitoring-cloudwatchlogs.html"
LOGGING = "lambda/latest/dg/python-logging.html"
FORMAT = "lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html"
LEVEL = "lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html"
METRICS = "lambda/latest/dg/monitoring-metrics-types.html"


def logged(lab: Lab, function: str, until: str = "REPORT RequestId") -> list[str]:
    return list(eventually(lambda: _having(lab.lines(f"/aws/lambda/{function}"), until), f"{until!r} in the log"))


def _having(lines: list[str], text: str) -> list[str]:
    return lines if any(text in line for line in lines) else []


@documented(AREA, "START, the function's lines, END and REPORT, in order, in the function's log group", LOGS)
def test_an_invocation_is_logged_in_order(lab: Lab) -> None:
    source = """
        import sys

        def handler(event, context):
            print("to stdout")
            print("to stderr", file=sys.stderr)
            print("last")
    """
    function = lab.function(source)
    request = lab.invoke(function)["ResponseMetadata"]["RequestId"]
    lines = [line.rstrip("\n") for line in logged(lab, function)]
    kept = [line for line in lines if not line.startswith("INIT_START")]
    assert kept[0] == f"START RequestId: {request} Version: $LATEST"
    assert sorted(kept[1:4]) == ["last", "to stderr", "to stdout"]
    assert kept.index("to stdout") < kept.index("last")
    assert kept[4] == f"END RequestId: {request}"
    report = re.fullmatch(
        rf"REPORT RequestId: {request}\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\tMemory Size: 256 MB"
        r"\tMax Memory Used: \d+ MB\tInit Duration: [\d.]+ ms\s*",
        kept[5],
    )
    assert report, kept[5]


@documented(AREA, "Each line that Lambda or the function ends is a message with its line feed", LOGS)
def test_line_feeds(lab: Lab) -> None:
    function = lab.function("def handler(event, context):\n    print(event)\n")
    lab.result(function, {})
    logged(lab, function)
    events = lab.aws("logs").filter_log_events(logGroupName=f"/aws/lambda/{function}")["events"]
    assert {event["message"][-1] for event in events} == {"\n"}
    assert "{}\n" in [event["message"] for event in events]


@documented(AREA, "INIT_START names the runtime; only a cold start reports an Init Duration", LOGS)
def test_only_a_cold_start_reports_its_initialisation(lab: Lab) -> None:
    function = lab.function("def handler(event, context):\n    return 1\n")
    for _ in range(3):
        lab.result(function)

    def reports() -> list[str]:
        lines = [line for line in lab.lines(f"/aws/lambda/{function}") if line.startswith("REPORT")]
        return lines if len(lines) == 3 else []

    lines = eventually(reports, "three reports")
    assert ["Init Duration" in line for line in lines].count(True) == 1
    starts = [line for line in lab.lines(f"/aws/lambda/{function}") if line.startswith("INIT_START")]
    assert len(starts) == 1
    assert "Runtime Version: python:3." in starts[0]


@documented(AREA, "`logging` writes `[LEVEL]`, time, request id and message", LOGGING)
def test_logging_is_not_lost(lab: Lab) -> None:
    source = """
        import logging

        logger = logging.getLogger()
        logger.setLevel(logging.INFO)

        def handler(event, context):
            logger.info("with %s", "arguments")
            logger.debug("not seen")
            logger.warning("two\\nlines")
    """
    function = lab.function(source)
    request = lab.invoke(function)["ResponseMetadata"]["RequestId"]
    lines = logged(lab, function)
    info = next(line for line in lines if "with arguments" in line)
    assert re.fullmatch(rf"\[INFO\]\t\d{{4}}-\d\d-\d\dT[\d:.]+Z\t{request}\twith arguments\s*", info)
    assert any(line.startswith("[WARNING]") and "two\nlines" in line for line in lines), "one record, one event"
    assert not any("not seen" in line for line in lines)


@documented(AREA, "An exception is logged with its trace", LOGGING)
def test_an_exception_is_logged(lab: Lab) -> None:
    function = lab.function("def handler(event, context):\n    raise KeyError('lost')\n")
    lab.failure(function)
    lines = logged(lab, function)
    error = next(line for line in lines if "[ERROR]" in line)
    assert "KeyError: 'lost'" in error
    assert "Traceback (most recent call last)" in error


@documented(AREA, "A time-out and a crash are logged", LOGS)
def test_a_time_out_is_logged(lab: Lab) -> None:
    function = lab.function(
        "import time\ndef handler(event, context):\n    print('before')\n    time.sleep(9)\n", Timeout=1
    )
    lab.failure(function)
    lines = logged(lab, function)
    assert any("Task timed out after 1.00 seconds" in line for line in lines)
    assert any(line.strip() == "before" for line in lines)
    crashing = lab.function("import os\ndef handler(event, context):\n    print('now', flush=True)\n    os._exit(4)\n")
    lab.failure(crashing)
    crash = logged(lab, crashing)
    assert any("exit status 4" in line for line in crash)
    assert any(line.strip() == "now" for line in crash)


@documented(AREA, "A line is logged whole, however long or odd", LOGS)
def test_a_long_line_is_logged_whole(lab: Lab) -> None:
    function = lab.function("def handler(event, context):\n    print('ü' * 20000)\n    print('\\x00 odd \\x1b[1m')\n")
    lab.result(function)
    lines = logged(lab, function)
    assert any(line.rstrip("\n") == "ü" * 20000 for line in lines)
    assert any("odd" in line for line in lines)


@documented(AREA, "Each environment writes a stream of its own", LOGS)
def test_each_environment_has_its_stream(lab: Lab) -> None:
    function = lab.function("def handler(event, context):\n    return context.log_stream_name\n")
    stream = lab.result(function)
    group = f"/aws/lambda/{function}"
    logged(lab, function)
    described = lab.aws("logs").describe_log_streams(logGroupName=group)["logStreams"]
    assert [described_stream["logStreamName"] for described_stream in described] == [stream]


@documented(AREA, "A log group that exists is used as it is", LOGS)
def test_an_existing_log_group_is_used(lab: Lab) -> None:
    name = lab.name()
    logs = lab.aws("logs")
    logs.create_log_group(logGroupName=f"/aws/lambda/{name}")
    logs.put_retention_policy(logGroupName=f"/aws/lambda/{name}", retentionInDays=7)
    lab.result(lab.function("def handler(event, context):\n    return 1\n", FunctionName=name))
    logged(lab, name)
    [group] = logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{name}")["logGroups"]
    assert group["retentionInDays"] == 7


JSON = """
    import logging

    logger = logging.getLogger()

    def handler(event, context):
        logger.debug("a debug line")
        logger.info("an info line")
        logger.error("an error line", extra={"order": 7})
        print("printed")
        if event:
            raise ValueError("as told")
"""


def documents(lab: Lab, group: str) -> list[dict[str, Any]]:
    def complete() -> list[dict[str, Any]]:
        records = [json.loads(line) for line in lab.lines(group) if line.lstrip().startswith("{")]
        return records if any(one.get("type") == "platform.report" for one in records) else []

    return list(eventually(complete, "a platform.report"))


@documented(AREA, "With the format JSON records are objects, and so are START and REPORT", FORMAT)
def test_json_logging(lab: Lab) -> None:
    function = lab.function(JSON, LoggingConfig={"LogFormat": "JSON", "SystemLogLevel": "INFO"})
    request = lab.invoke(function)["ResponseMetadata"]["RequestId"]
    records = documents(lab, f"/aws/lambda/{function}")
    [record] = [one for one in records if one.get("message") == "an error line"]
    assert (record["level"], record["requestId"], record["order"]) == ("ERROR", request, 7)
    assert record["timestamp"].endswith("Z")
    kinds = [one["type"] for one in records if "type" in one]
    assert {"platform.start", "platform.report"} <= set(kinds)
    [start] = [one for one in records if one.get("type") == "platform.start"]
    assert start["record"] == {"requestId": request, "version": "$LATEST"}
    [report] = [one for one in records if one.get("type") == "platform.report"]
    assert report["record"]["requestId"] == request
    assert report["record"]["status"] == "success"
    assert {"durationMs", "billedDurationMs", "memorySizeMB", "maxMemoryUsedMB"} <= set(report["record"]["metrics"])


@documented(AREA, "The application log level filters the records", LEVEL)
@pytest.mark.parametrize(("level", "seen"), [("DEBUG", 3), ("INFO", 2), ("ERROR", 1)])
def test_the_application_log_level(lab: Lab, level: str, seen: int) -> None:
    function = lab.function(
        JSON, LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": level, "SystemLogLevel": "INFO"}
    )
    lab.result(function)
    records = documents(lab, f"/aws/lambda/{function}")
    assert len([one for one in records if str(one.get("message", "")).endswith(" line")]) == seen


@documented(AREA, "The system log level filters START and REPORT", LEVEL)
def test_the_system_log_level(lab: Lab) -> None:
    function = lab.function(JSON, LoggingConfig={"LogFormat": "JSON", "SystemLogLevel": "WARN"})
    lab.result(function)
    group = f"/aws/lambda/{function}"
    eventually(lambda: _having(lab.lines(group), "an error line"), "the record")
    assert not [line for line in lab.lines(group) if "platform.start" in line]


@documented(
    AREA,
    "LogGroup of the logging configuration is where the lines go",
    "lambda/latest/dg/monitoring-cloudwatchlogs-loggroups.html",
)
def test_another_log_group(lab: Lab) -> None:
    group = f"/custom/{lab.name()}"
    lab.aws("logs").create_log_group(logGroupName=group)
    function = lab.function(
        "def handler(event, context):\n    print('here')\n    return context.log_group_name\n",
        LoggingConfig={"LogFormat": "Text", "LogGroup": group},
    )
    assert lab.result(function) == group
    assert eventually(lambda: _having(lab.lines(group), "here"), "the line in the other group")
    assert lab.lines(f"/aws/lambda/{function}") == []


def count(lab: Lab, function: str, metric: str, stat: str = "Sum", **more: str) -> float:
    return metric_sum(lab, "AWS/Lambda", metric, {"FunctionName": function, **more}, stat)


@documented(AREA, "AWS/Lambda: Invocations, Errors, Duration, ConcurrentExecutions by FunctionName", METRICS)
def test_invocations_are_counted(lab: Lab) -> None:
    function = lab.function("def handler(event, context):\n    return 1 / event\n")
    for event in (1, 0, 2):
        lab.invoke(function, event)
    eventually(lambda: count(lab, function, "Invocations") == 3, "three invocations counted")
    assert count(lab, function, "Errors") == 1
    assert count(lab, function, "Duration", "SampleCount") == 3
    assert count(lab, function, "Duration") > 0
    assert count(lab, function, "ConcurrentExecutions", "Maximum") >= 1


@documented(
    AREA,
    "AWS/Lambda: Duration has percentiles, as a dashboard and an alarm ask for them",
    METRICS,
    elsewhere=dict.fromkeys(("compose", "containers"), "LocalStack has no percentiles of metrics"),
)
def test_duration_has_percentiles(lab: Lab) -> None:
    function = lab.function("import time\ndef handler(event, context):\n    time.sleep(event)\n")
    for event in (0.0, 0.0, 0.3):
        lab.invoke(function, event)
    eventually(lambda: count(lab, function, "Invocations") == 3, "three invocations counted")
    metric = {
        "Namespace": "AWS/Lambda",
        "MetricName": "Duration",
        "Dimensions": [{"Name": "FunctionName", "Value": function}],
    }
    now = time.time()
    queries: list[Any] = [
        {"Id": stat.lower(), "MetricStat": {"Metric": metric, "Period": 7200, "Stat": stat}}
        for stat in ("Minimum", "p50", "p99", "Maximum")
    ]
    results = lab.aws("cloudwatch").get_metric_data(MetricDataQueries=queries, StartTime=now - 3600, EndTime=now + 60)[
        "MetricDataResults"
    ]
    least, half, most_of_them, most = (result["Values"][0] for result in results)
    assert least <= half < 0.9 * most < most_of_them <= most


@documented(AREA, "Invocations by an HTTP API are counted too", METRICS)
def test_invocations_by_an_api_are_counted(lab: Lab) -> None:
    function = lab.function("def handler(event, context):\n    raise ValueError\n")
    assert lab.api({"GET /": function}).get("/").status == 500
    eventually(lambda: count(lab, function, "Errors") == 1, "an error counted")
    assert count(lab, function, "Invocations") == 1


@documented(AREA, "Throttles are counted, and are no invocations", METRICS)
def test_throttles_are_counted(lab: Lab) -> None:
    function = lab.function("def handler(event, context):\n    return 1\n")
    client = lab.aws("lambda")
    client.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
    for _ in range(2):
        with pytest.raises(client.exceptions.TooManyRequestsException):
            lab.invoke(function)
    eventually(lambda: count(lab, function, "Throttles") == 2, "two throttles counted")
    assert count(lab, function, "Invocations") == 0


@documented(AREA, "An alias is counted under `Resource` as well", METRICS)
def test_an_alias_is_counted_by_resource(lab: Lab) -> None:
    function = lab.function("def handler(event, context):\n    return 1\n")
    client = lab.aws("lambda")
    client.publish_version(FunctionName=function)
    client.create_alias(FunctionName=function, Name="live", FunctionVersion="1")
    lab.result(function, Qualifier="live")
    eventually(lambda: count(lab, function, "Invocations", Resource=f"{function}:live") == 1, "one by the alias")
