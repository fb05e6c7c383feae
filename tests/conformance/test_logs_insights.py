"""CloudWatch Logs Insights: queries over log groups."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conformance.fidelity import documented
from tests.conformance.lab import Lab, eventually

AREA = "CloudWatch Logs Insights"
SYNTAX = "AmazonCloudWatch/latest/logs/CWL_QuerySyntax"
START = "AmazonCloudWatchLogs/latest/APIReference/API_StartQuery.html"
RESULTS = "AmazonCloudWatchLogs/latest/APIReference/API_GetQueryResults.html"
STOP = "AmazonCloudWatchLogs/latest/APIReference/API_StopQuery.html"
DESCRIBE = "AmazonCloudWatchLogs/latest/APIReference/API_DescribeQueries.html"
FIELDS = "AmazonCloudWatch/latest/logs/CWL_AnalyzeLogData-discoverable-fields.html"

# What the gateway's log says of its requests.
REQUESTS = [
    {"level": "INFO", "message": "request", "route": "GET /a", "status": 200, "latency_ms": 12.5},
    {"level": "INFO", "message": "request", "route": "GET /a", "status": 200, "latency_ms": 750},
    {"level": "INFO", "message": "request", "route": "GET /b", "status": 502, "latency_ms": 1200.25},
    {"level": "ERROR", "message": "the upstream is away", "route": "GET /b"},
]


@pytest.fixture(scope="module")
def group(lab: Lab) -> str:
    """A log group with the gateway's lines and one that is no JSON, a second apart."""
    logs, name = lab.aws("logs"), lab.name("group")
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="s")
    begin = int(time.time() * 1000) - 60_000
    messages = [*(json.dumps(request) for request in REQUESTS), "user=anna, took 250 ms"]
    events = [{"timestamp": begin + place * 1000, "message": text} for place, text in enumerate(messages)]
    logs.put_log_events(logGroupName=name, logStreamName="s", logEvents=events)
    eventually(lambda: len(lab.lines(name)) == len(messages), "all lines in the group")
    return name


def started(lab: Lab, group: str, query: str, **options: Any) -> str:
    now = int(time.time())
    call = {"logGroupName": group, "startTime": now - 3600, "endTime": now + 60, "queryString": query, **options}
    return str(lab.aws("logs").start_query(**call)["queryId"])


def answered(lab: Lab, group: str, query: str, **options: Any) -> dict[str, Any]:
    """What GetQueryResults says of a query that is over."""
    query_id = started(lab, group, query, **options)

    def over() -> dict[str, Any] | None:
        answer = lab.aws("logs").get_query_results(queryId=query_id)
        return answer if answer["status"] not in ("Scheduled", "Running") else None

    answer = eventually(over, "an end of the query")
    assert answer["status"] == "Complete"
    return dict(answer)


def rows(lab: Lab, group: str, query: str, **options: Any) -> list[dict[str, str]]:
    results = answered(lab, group, query, **options)["results"]
    return [{one["field"]: one["value"] for one in row if one["field"] != "@ptr"} for row in results]


@documented(AREA, "A query runs on its own: GetQueryResults has rows of fields, @ptr, and statistics", RESULTS)
def test_the_life_of_a_query(lab: Lab, group: str) -> None:
    answer = answered(lab, group, "fields @timestamp, @message | sort @timestamp asc | limit 1")
    (row,) = answer["results"]
    assert [one["field"] for one in row] == ["@timestamp", "@message", "@ptr"]
    assert json.loads(row[1]["value"]) == REQUESTS[0]
    assert answer["statistics"]["recordsScanned"] == 5
    assert answer["statistics"]["recordsMatched"] == 5
    assert answer["statistics"]["bytesScanned"] > 0


@documented(AREA, "The newest events come first, unless sort says otherwise", f"{SYNTAX}-Sort.html")
def test_the_newest_come_first(lab: Lab, group: str) -> None:
    assert [row["@message"] for row in rows(lab, group, "fields @message", limit=1)] == ["user=anna, took 250 ms"]


@documented(
    AREA, "Slow requests: parse by a regular expression with a named group, filter, sort", f"{SYNTAX}-Parse.html"
)
def test_slow_requests_by_a_parsed_latency(lab: Lab, group: str) -> None:
    query = r"""
        fields @timestamp, @message
        | parse @message /"latency_ms":\s*(?<latency>[0-9.]+)/
        | filter latency > 500
        | sort latency desc
        | display latency
    """
    assert rows(lab, group, query) == [{"latency": "1200.25"}, {"latency": "750"}]


@documented(AREA, "Errors: filter by discovered fields, with like, in, and, or, not", f"{SYNTAX}-Filter.html")
def test_errors(lab: Lab, group: str) -> None:
    query = "fields status, level | filter level = 'ERROR' or status >= 500 | sort @timestamp desc"
    assert rows(lab, group, query) == [{"level": "ERROR"}, {"status": "502", "level": "INFO"}]
    assert len(rows(lab, group, "filter @message like /(?i)UPSTREAM/ and level in ['ERROR', 'FATAL']")) == 1
    assert len(rows(lab, group, "filter not ispresent(level)")) == 1


@documented(AREA, "parse takes a text with wildcards, and names for them", f"{SYNTAX}-Parse.html")
def test_parse_by_a_glob(lab: Lab, group: str) -> None:
    query = 'parse @message "user=*, took * ms" as user, took | filter took > 200 | display user, took'
    assert rows(lab, group, query) == [{"user": "anna", "took": "250"}]


@documented(AREA, "stats counts by fields and by bin(); its columns have their texts as names", f"{SYNTAX}-Stats.html")
def test_stats(lab: Lab, group: str) -> None:
    query = "stats count(*), avg(latency_ms) as mean, max(latency_ms) by route | sort route asc"
    by_route = [row for row in rows(lab, group, query) if "route" in row]
    assert by_route == [
        {"route": "GET /a", "count(*)": "2", "mean": "381.25", "max(latency_ms)": "750"},
        {"route": "GET /b", "count(*)": "2", "mean": "1200.25", "max(latency_ms)": "1200.25"},
    ]
    assert sum(int(row["n"]) for row in rows(lab, group, "stats count(*) as n by bin(5m)")) == 5


@documented(AREA, "dedup keeps the first row of each value", f"{SYNTAX}-Dedup.html")
def test_dedup(lab: Lab, group: str) -> None:
    query = "fields route | filter ispresent(route) | sort @timestamp asc | dedup route | display route"
    assert rows(lab, group, query) == [{"route": "GET /a"}, {"route": "GET /b"}]


@documented(AREA, "Lambda's lines have @type, @requestId, @duration, @maxMemoryUsed, @initDuration", FIELDS)
def test_fields_of_lambda(lab: Lab) -> None:
    function = lab.function("def handler(event, context):\n    return 1\n")
    lab.result(function)
    name = f"/aws/lambda/{function}"
    eventually(lambda: any(line.startswith("REPORT") for line in lab.lines(name)), "a REPORT line")
    query = "filter @type = 'REPORT' | fields @requestId, @duration, @billedDuration, @maxMemoryUsed, @initDuration"
    (row,) = rows(lab, name, query)
    assert set(row) == {"@requestId", "@duration", "@billedDuration", "@maxMemoryUsed", "@initDuration"}
    assert float(row["@maxMemoryUsed"]) >= 1_000_000


@documented(AREA, "A query that cannot be read is a MalformedQueryException, with the place", START)
def test_a_malformed_query(lab: Lab, group: str) -> None:
    with pytest.raises(ClientError) as raised:
        started(lab, group, "fields @message | filter nosuch(a)")
    assert raised.value.response["Error"]["Code"] == "MalformedQueryException"
    location = raised.value.response["queryCompileError"]["location"]
    assert location["startCharOffset"] == 25


@documented(AREA, "A log group that is not there is a ResourceNotFoundException", START)
def test_no_such_group(lab: Lab) -> None:
    with pytest.raises(ClientError) as raised:
        started(lab, lab.name("absent"), "fields @message")
    assert raised.value.response["Error"]["Code"] == "ResourceNotFoundException"


@documented(AREA, "StopQuery ends what runs; of a query that is over it is refused", STOP)
def test_stop(lab: Lab, group: str) -> None:
    query_id = started(lab, group, "fields @message")
    logs = lab.aws("logs")
    eventually(lambda: logs.get_query_results(queryId=query_id)["status"] == "Complete", "the query's end")
    with pytest.raises(ClientError) as raised:
        logs.stop_query(queryId=query_id)
    assert raised.value.response["Error"]["Code"] == "InvalidParameterException"


@documented(AREA, "DescribeQueries lists the queries of a log group, by status", DESCRIBE)
def test_describe(lab: Lab, group: str) -> None:
    answered(lab, group, "limit 1")
    queries = lab.aws("logs").describe_queries(logGroupName=group, status="Complete")["queries"]
    assert queries[0]["queryString"] == "limit 1"
    assert queries[0]["logGroupName"] == group


@documented(AREA, "A limit of StartQuery is from 1 to 10,000", START)
def test_the_limit(lab: Lab, group: str) -> None:
    with pytest.raises(ClientError) as raised:
        started(lab, group, "fields @message", limit=10_001)
    assert raised.value.response["Error"]["Code"] == "InvalidParameterException"
