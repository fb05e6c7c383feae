"""Queries of Logs Insights on events in hand."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from staticfire.edge.aws.calls import Scope
from staticfire.edge.services.cloudwatch.insights import service
from staticfire.edge.services.cloudwatch.insights.events import Row
from staticfire.edge.services.cloudwatch.insights.parser import parsed
from staticfire.edge.services.cloudwatch.insights.patterns import Late, QueryBudget
from staticfire.edge.services.cloudwatch.insights.service import Insights, Query, carried_out
from staticfire.edge.services.cloudwatch.insights.tokens import MalformedQuery

MOMENT = 1_796_000_000_000
REQUEST = "8f507cfc-xmpl-4697-b07a-ac58fc914c95".replace("xmpl", "0000")
REPORT = (
    f"REPORT RequestId: {REQUEST}\tDuration: 12.50 ms\tBilled Duration: 13 ms\tMemory Size: 128 MB\t"
    "Max Memory Used: 60 MB\tInit Duration: 300.25 ms\t\n"
)


def asked(query: str, *messages: str | Mapping[str, object], seconds: float = 5) -> list[dict[str, str]]:
    """The rows' fields; events come a second apart."""
    rows = [
        Row(
            {
                "timestamp": MOMENT + place * 1000,
                "message": message if isinstance(message, str) else json.dumps(message),
                "logStreamName": "s",
                "eventId": str(place),
            },
            "1:/aws/lambda/f",
        )
        for place, message in enumerate(messages)
    ]
    results, _ = carried_out(parsed(query), rows, 10_000, QueryBudget(seconds))
    return [{one["field"]: one["value"] for one in row if one["field"] != "@ptr"} for row in results]


def values(query: str, *messages: str | Mapping[str, object]) -> list[list[str]]:
    return [list(row.values()) for row in asked(query, *messages)]


def test_without_a_command_that_names_fields_the_newest_come_first() -> None:
    assert asked("limit 1", "older", "newer") == [{"@timestamp": "2026-11-30 00:53:21.000", "@message": "newer"}]


def test_members_of_json_are_fields() -> None:
    message = {"a": {"b": [1, {"c": "x"}]}, "yes": True, "no": None, "number": 1.5}
    query = "fields a.b.0, a.b[1].c, yes, no, number"
    assert asked(query, message) == [{"a.b.0": "1", "a.b[1].c": "x", "yes": "1", "number": "1.5"}]


def test_a_fragment_of_json_in_a_line_of_lambda_is_discovered() -> None:
    line = f'2026-11-30T10:00:00.000Z\t{REQUEST}\tINFO\t{{"user": "u1"}} and more'
    assert asked("fields @requestId, user", line) == [{"@requestId": REQUEST, "user": "u1"}]


def test_lambdas_report_is_discovered() -> None:
    query = "filter @type = 'REPORT' | fields @requestId, @duration, @billedDuration, @memorySize, @maxMemoryUsed"
    expected = {
        "@requestId": REQUEST,
        "@duration": "12.5",
        "@billedDuration": "13",
        "@memorySize": "128000000",
        "@maxMemoryUsed": "60000000",
    }
    assert asked(query, REPORT, "START RequestId: x") == [expected]
    assert values("stats max(@maxMemoryUsed / 1000 / 1000) as mb, avg(@initDuration) as init", REPORT) == [
        ["60", "300.25"]
    ]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("n = 2", ["2"]),
        ("n != 2", ["3", "1"]),
        ("n < 2 or n > 2", ["3", "1"]),
        ("n >= 2 and not n = 3", ["2"]),
        ("n in [1, 3]", ["3", "1"]),
        ("n not in [1, 3]", ["2"]),
        ("(n = 1 or n = 2) and n = 2", ["2"]),
        ("name like 'wo'", ["2"]),
        ("name like /^t.*e$/", ["3"]),
        ("name =~ /(?i)ONE/", ["1"]),
        ("name not like /o/", ["3"]),
        ("ispresent(extra)", ["3"]),
        ("extra = ''", []),
        ("strlen(name) > 3", ["3"]),
        ("n % 2 = 1", ["3", "1"]),
        ("n * 2 - 1 = 5", ["3"]),
        ("2 ^ n = 8", ["3"]),
        ("abs(-n) = 1", ["1"]),
        ("-n = -1", ["1"]),
        ("n / 0 = 1", []),
        ('`name` = "one" # only that\n', ["1"]),
    ],
)
def test_filter(condition: str, expected: list[str]) -> None:
    events: list[Mapping[str, object]] = [
        {"n": 1, "name": "one"},
        {"n": "2", "name": "two"},
        {"n": 3, "name": "three", "extra": 1},
    ]
    assert [row[0] for row in values(f"filter {condition} | display n", *events)] == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("concat(lower(word), '-', upper(word), '-', n)", "ab-AB-7"),
        ("coalesce(missing, word)", "Ab"),
        ("replace(word, 'b', 'cc')", "Acc"),
        ("substr(word, 1)", "b"),
        ("strcontains(word, 'b')", "1"),
        ("trim('  x ')", "x"),
        ("ceil(n / 2)", "4"),
        ("greatest(n, 9, 2)", "9"),
        ("n / 3", "2.3333"),
        ("isIpv4InSubnet('10.0.3.7', '10.0.0.0/16')", "1"),
        ("isValidIp('10.0.0')", "0"),
        ("datefloor(@timestamp, 1h)", "2026-11-30 00:00:00.000"),
        ("dateceil(@timestamp, 1mo)", "2026-12-01 00:00:00.000"),
        ("bin(5m)", "2026-11-30 00:50:00.000"),
        ("fromMillis(1000)", "1970-01-01 00:00:01.000"),
        ("toMillis(@timestamp)", str(MOMENT)),
    ],
)
def test_functions(expression: str, expected: str) -> None:
    assert values(f"fields {expression} as x | display x", {"word": "Ab", "n": 7}) == [[expected]]


def test_a_column_without_a_name_has_its_text() -> None:
    assert asked("fields strlen( a )  , a", {"a": "xyz"}) == [{"strlen( a )": "3", "a": "xyz"}]


def test_parse_by_a_glob_and_by_a_regular_expression() -> None:
    line = "user=anna, took 250 ms: all well"
    glob = 'parse @message "user=*, took * ms: *" as user, ms, rest | display user, ms, rest'
    assert values(glob, line) == [["anna", "250", "all well"]]
    pattern = r"parse @message /user=(?<user>\w+), took (?<ms>\d+)/ | filter ms > 200 | display user, ms"
    assert values(pattern, line, "nothing") == [["anna", "250"]]
    assert values("parse word /(x)(y)/ as a, b | display b", {"word": "xy"}) == [["y"]]


def test_stats_by_bin_and_field() -> None:
    events: list[Mapping[str, object]] = [{"ms": ms, "route": "/a" if ms < 30 else "/b"} for ms in (10, 20, 30, 40)]
    query = (
        "stats count(*) as n, sum(ms), avg(ms) as mean, min(ms), max(ms), pct(ms, 50) as p50, earliest(ms), "
        "latest(ms), count_distinct(route) by bin(1h) as hour, route | sort route asc"
    )
    first, second = asked(query, *events)
    assert first == {
        "hour": "2026-11-30 00:00:00.000",
        "route": "/a",
        "n": "2",
        "sum(ms)": "30",
        "mean": "15",
        "min(ms)": "10",
        "max(ms)": "20",
        "p50": "10",
        "earliest(ms)": "10",
        "latest(ms)": "20",
        "count_distinct(route)": "1",
    }
    assert second["route"] == "/b"
    assert values("stats count(*) by route | sort count(*) desc, route", *events, {"route": "/a"})[0] == ["/a", "3"]
    assert values("stats sum(ms) / count(ms) as mean", *events) == [["25"]]
    assert values("stats count(*) as n by route | stats max(n) as most", *events) == [["2"]]
    assert values("stats count(*)") == [["0"]]


def test_sort_limit_display_and_dedup() -> None:
    events: list[Mapping[str, object]] = [{"a": 1, "b": "x"}, {"a": 10, "b": "x"}, {"a": 9, "b": "y"}, {"b": "z"}]
    assert values("sort a desc | limit 2 | display a", *events) == [["10"], ["9"]]
    assert values("fields a, b | sort a asc | dedup b | display b", *events) == [["z"], ["x"], ["y"]]


SLOW = """
fields @timestamp, @message
| parse @message /"latency_ms":\\s*(?<latency>[0-9.]+)/
| filter latency > 500
| sort latency desc
| limit 20
| display latency
"""
ERRORS = "fields @timestamp, @message | filter level = 'ERROR' or status >= 500 | sort @timestamp desc | limit 20"


def test_the_gateways_own_queries() -> None:
    events = [{"level": "INFO", "status": 200, "latency_ms": ms} for ms in (3.5, 750, 1200.25)]
    assert values(SLOW, *events) == [["1200.25"], ["750"]]
    failed = {"level": "INFO", "status": 502, "latency_ms": 3}
    assert len(asked(ERRORS, *events, failed, {"level": "ERROR", "message": "no"})) == 2


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", "empty"),
        ("fields", "ends too early"),
        ("fields a |", ""),
        ("nonsense @message", "expected a command"),
        ("pattern @message", "not served here"),
        ("filter a ==", "expected a field"),
        ("filter nosuch(a)", "invalid function name nosuch"),
        ("filter a like b", "like takes"),
        ("filter a like /(/", "invalid regular expression"),
        ("parse @message 'a * b'", "needs names"),
        ("parse @message 'a * b' as x, y", "1 parts, and 2 names"),
        ("stats a by b", "aggregate"),
        ("stats pct(a, 101)", "0 to 100"),
        ("limit 0", "whole number"),
        ("fields bin(5)", "period"),
        ("filter " + "(" * 200 + "a" + ")" * 200, "nested too deeply"),
        ("fields a ? b", "unexpected symbol"),
    ],
)
def test_what_is_malformed_is_said_with_its_place(query: str, words: str) -> None:
    if not words:
        parsed(query)
        return
    with pytest.raises(MalformedQuery, match=words.replace("(", r"\(")) as caught:
        parsed(query)
    assert 0 <= caught.value.begin <= caught.value.end <= len(query) + 1


@pytest.mark.parametrize(
    "hostile",
    [r"filter @message like /^(a|aa)+$/", r"parse @message /(?<x>(a|aa)+)$/"],
)
def test_a_hostile_pattern_ends_with_its_querys_time(hostile: str) -> None:
    with pytest.raises(Late):
        asked(hostile, "a" * 60 + "!", seconds=0.3)


def test_a_long_text_is_not_made() -> None:
    message = {"a": "x" * 1000}
    query = (
        "fields replace(a, 'x', a) as b | fields replace(b, 'x', b) as c | fields replace(c, 'x', c) as d | display d"
    )
    assert asked(query, message) == [{}]


def test_the_results_that_are_kept_are_bounded_in_bytes(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(service, "RESULT_BYTES", 50_000)
    monkeypatch.setattr(service, "KEPT_BYTES", 100_000)
    insights = Insights(None)  # type: ignore[arg-type]
    queries = [Query(Scope(), "q", ("g",), 0, 1, 1, []) for _ in range(5)]
    for query in queries:
        insights._queries[query.id] = query
        insights._complete(query, [[{"field": "@message", "value": "x" * 40_000}]], 1)
    assert list(insights._queries) == [query.id for query in queries[-2:]]
    larger = Query(Scope(), "q", ("g",), 0, 1, 1, [])
    insights._complete(larger, [[{"field": "@message", "value": "x" * 60_000}]], 1)
    assert (larger.status, larger.results) == ("Failed", [])
    assert "larger than 50000 bytes" in caplog.text
