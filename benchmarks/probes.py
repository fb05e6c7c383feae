"""What is measured: a probe gives one number each time, and a row of the table is the ratio of two probes' medians."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from . import coldstart
from .bench import CONNECTIONS, Bench
from .deploy import TABLE, unsigned
from .load import Load, Result, measure
from .ours import resident_kilobytes

WARM_UP = 0.5
USERS = 64
FEW, MANY = 1_000, 100_000

Sample = Callable[[Bench, float], float]


@dataclass(frozen=True)
class Probe:
    """One number of one contender. A probe that runs `once` does so in the round that warms up."""

    unit: str
    sample: Sample
    once: bool = False


@dataclass(frozen=True)
class Row:
    """A line of the table: `ours` against `other`, and what their ratio must be: at least, or at most, `bar`."""

    name: str
    title: str
    against: str
    ours: str
    other: str
    sign: str
    bar: float

    def holds(self, ratio: float) -> bool:
        return ratio >= self.bar if self.sign == ">=" else ratio <= self.bar


def rate(url: Callable[[Bench], str]) -> Probe:
    return Probe("requests/s", lambda bench, seconds: _silent(url(bench), CONNECTIONS, seconds).rate)


def p50(url: Callable[[Bench], str]) -> Probe:
    return Probe("ms", lambda bench, seconds: _silent(url(bench), 1, seconds).p50_ms)


def _silent(url: str, connections: int, seconds: float) -> Result:
    return measure(Load(url, connections, seconds, warm_up=WARM_UP))


def _post_usage(url: str, connections: int, seconds: float) -> Result:
    return measure(
        Load(
            url,
            connections,
            seconds,
            warm_up=WARM_UP,
            method="POST",
            headers={"content-type": "application/json"},
            bodies=[f'{{"user": "user{number}", "usage": 150}}' for number in range(USERS)],
            expect=201,
        )
    )


def _get_item(endpoint: str, seconds: float) -> float:
    headers = {
        **unsigned("dynamodb"),
        "content-type": "application/x-amz-json-1.0",
        "x-amz-target": "DynamoDB_20120810.GetItem",
    }
    body = f'{{"TableName": "{TABLE}", "Key": {{"pk": {{"S": "bench"}}}}}}'
    load = Load(f"{endpoint}/", 1, seconds, warm_up=WARM_UP, method="POST", headers=headers, bodies=[body])
    return measure(load).p50_ms


def _memory_after(requests: int) -> Sample:
    """The requests are sent here, so these probes run before all others and in the table's order."""

    def sample(bench: Bench, seconds: float) -> float:
        measure(Load(bench.ours.url("/silent"), CONNECTIONS, 300, count=requests))
        return resident_kilobytes(bench.settings) / 1024

    return sample


PROBES: Mapping[str, Probe] = {
    "memory.few": Probe("MiB", _memory_after(FEW), once=True),
    "memory.many": Probe("MiB", _memory_after(MANY - FEW), once=True),
    "websocket.before": Probe("MiB", lambda bench, s: bench.web_sockets.before, once=True),
    "websocket.held": Probe("MiB", lambda bench, s: bench.web_sockets.held, once=True),
    "websocket.rate": Probe("messages/s", lambda bench, s: bench.web_sockets.rate, once=True),
    "silent16.ours": rate(lambda bench: bench.ours.url("/silent")),
    "rest16.ours": rate(lambda bench: bench.ours.rest_url("/silent")),
    "silent16.floor": rate(lambda bench: bench.floor),
    "silent16.ministack": rate(lambda bench: bench.ministack.url("/silent")),
    "silent16.offline": rate(lambda bench: f"{bench.offline}/silent"),
    "silent1.ours": p50(lambda bench: bench.ours.url("/silent")),
    "silent1.floor": p50(lambda bench: bench.floor),
    "silent1.ministack": p50(lambda bench: bench.ministack.url("/silent")),
    "usage16.ours": Probe("requests/s", lambda bench, s: _post_usage(bench.ours.url("/usage"), CONNECTIONS, s).rate),
    "usage16.ministack": Probe(
        "requests/s", lambda bench, s: _post_usage(bench.ministack.url("/usage"), CONNECTIONS, s).rate
    ),
    "usage16.loop": Probe("calls/s", lambda bench, s: bench.plain_loop(WARM_UP, s)),
    "usage1.ours": Probe("ms", lambda bench, s: _post_usage(bench.ours.url("/usage"), 1, s).p50_ms),
    "usage1.ministack": Probe("ms", lambda bench, s: _post_usage(bench.ministack.url("/usage"), 1, s).p50_ms),
    "insert16.ours": rate(lambda bench: bench.ours.url("/insert")),
    "insert16.offline": rate(lambda bench: f"{bench.offline}/insert"),
    "getitem.ours": Probe("ms", lambda bench, s: _get_item(bench.ours.endpoint, s)),
    "getitem.ministack": Probe("ms", lambda bench, s: _get_item(bench.ministack.endpoint, s)),
    "getitem.behind": Probe("ms", lambda bench, s: _get_item(bench.behind.endpoint, s)),
    "cold.ours": Probe("s", lambda bench, s: coldstart.first_answer(bench.ours, "bench-imports")),
    "cold.bare": Probe("s", lambda bench, s: coldstart.bare(bench.python, bench.unpacked_layer)),
}

ROWS = (
    Row(
        "silent-rate",
        "silent handler, 16 connections",
        "MiniStack alone",
        "silent16.ours",
        "silent16.ministack",
        ">=",
        15,
    ),
    Row(
        "silent-p50",
        "silent handler, 1 connection, p50",
        "MiniStack alone",
        "silent1.ours",
        "silent1.ministack",
        "<=",
        1 / 25,
    ),
    Row("rest-rate", "silent handler over a REST API", "over an HTTP API", "rest16.ours", "silent16.ours", ">=", 0.8),
    Row("floor-rate", "silent handler, 16 connections", "the floor", "silent16.ours", "silent16.floor", ">=", 0.6),
    Row("floor-p50", "silent handler, 1 connection, p50", "the floor", "silent1.ours", "silent1.floor", "<=", 1.6),
    Row("usage-rate", "POST /usage, 16 connections", "MiniStack alone", "usage16.ours", "usage16.ministack", ">=", 4),
    Row(
        "usage-p50",
        "POST /usage, 1 connection, p50",
        "MiniStack alone",
        "usage1.ours",
        "usage1.ministack",
        "<=",
        1 / 10,
    ),
    Row(
        "usage-loop",
        "POST /usage, 16 connections",
        "its handler in a loop",
        "usage16.ours",
        "usage16.loop",
        ">=",
        0.6,
    ),
    Row("proxy-p50", "DynamoDB GetItem, p50", "MiniStack alone", "getitem.ours", "getitem.ministack", "<=", 1.5),
    Row(
        "proxy-behind",
        "DynamoDB GetItem, p50",
        "MiniStack behind it",
        "getitem.ours",
        "getitem.behind",
        "<=",
        1.5,
    ),
    Row(
        "cold-start",
        "cold start, the usage service's imports",
        "python -c, same imports",
        "cold.ours",
        "cold.bare",
        "<=",
        1.3,
    ),
    Row("memory", "memory after 100,000 requests", "after 1,000", "memory.many", "memory.few", "<=", 1.2),
    Row(
        "websocket-memory",
        "memory with 1,000 WebSocket connections",
        "without them",
        "websocket.held",
        "websocket.before",
        "<=",
        2,
    ),
    Row(
        "websocket-rate",
        "messages of 1,000 WebSocket connections",
        "silent handler, 16 connections",
        "websocket.rate",
        "silent16.ours",
        ">=",
        0.5,
    ),
    Row(
        "offline-silent",
        "silent handler, 16 connections",
        "serverless-offline",
        "silent16.ours",
        "silent16.offline",
        ">=",
        0.8,
    ),
    Row("offline-insert", "INSERT, 16 connections", "serverless-offline", "insert16.ours", "insert16.offline", ">=", 1),
)
