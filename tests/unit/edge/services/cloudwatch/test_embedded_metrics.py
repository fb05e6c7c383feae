"""EMF: which lines become which metrics; what the specification forbids is ignored."""

from __future__ import annotations

import json
import time
from typing import Any, cast

import pytest

from staticfire.edge.aws.calls import Call, Scope
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.services.cloudwatch.embedded_metrics import EmbeddedInCalls, EmbeddedMetrics
from staticfire.edge.services.cloudwatch.log_writer import LogStream, LogWriter
from staticfire.edge.services.cloudwatch.metric_writer import Datum
from tests.unit.edge.kit import request

SCOPE = Scope("100000000007", "eu-west-1")
NOW = 1_700_000_000_000


class Published:
    """An emulator that keeps what was put."""

    def __init__(self) -> None:
        self.puts: list[tuple[Scope, dict[str, str]]] = []

    async def query(self, scope: Scope, service: str, action: str, params: dict[str, str]) -> None:
        assert (service, action) == ("monitoring", "PutMetricData")
        self.puts.append((scope, params))

    async def json(self, scope: Scope, service: str, target: str, body: dict[str, Any]) -> dict[str, Any]:
        return {}


def emf(directive: dict[str, Any], stamp: Any = NOW, **members: Any) -> str:
    return json.dumps({"_aws": {"Timestamp": stamp, "CloudWatchMetrics": [directive]}, **members})


def directive(**fields: Any) -> dict[str, Any]:
    metrics = [{"Name": "Booked", "Unit": "Count"}]
    return {"Namespace": "Shop", "Dimensions": [["service"]], "Metrics": metrics, **fields}


@pytest.fixture
def metrics(monkeypatch: pytest.MonkeyPatch) -> EmbeddedMetrics:
    monkeypatch.setattr(time, "time", lambda: NOW / 1000)
    return EmbeddedMetrics(cast(Emulator, Published()))


async def taken(metrics: EmbeddedMetrics, *lines: str) -> list[Datum]:
    for line in lines:
        metrics.read(SCOPE, line)
    return list(metrics.take())


async def test_values_of_a_second_are_gathered_for_each_set_of_dimensions(metrics: EmbeddedMetrics) -> None:
    two = directive(Dimensions=[["service"], ["service", "page"], []])
    lines = [emf(two, service="web", page="home", Booked=value) for value in (1, [1.0, 2.5])]
    data = await taken(metrics, *lines)
    web = ("service", "web")
    assert [datum.dimensions for datum in data] == [(web,), (web, ("page", "home")), ()]
    assert all(datum.values == {1.0: 2, 2.5: 1} for datum in data)
    assert {(datum.namespace, datum.metric, datum.unit, datum.scope) for datum in data} == {
        ("Shop", "Booked", "Count", SCOPE)
    }


async def test_a_metric_has_its_own_time_and_resolution() -> None:
    emulator = Published()
    metrics = EmbeddedMetrics(cast(Emulator, emulator))
    second = int(time.time()) - 30
    fine = directive(Metrics=[{"Name": "Booked", "Unit": "Milliseconds", "StorageResolution": 1}])
    metrics.read(SCOPE, emf(fine, second * 1000 + 999, service="web", Booked=3))
    await metrics.close()
    [(scope, params)] = emulator.puts
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second))
    datum = {name.removeprefix("MetricData.member.1."): value for name, value in params.items()}
    assert (scope, datum["Namespace"], datum["Timestamp"]) == (SCOPE, "Shop", stamp)
    assert (datum["StorageResolution"], datum["Unit"], datum["Values.member.1"]) == ("1", "Milliseconds", "3")


@pytest.mark.parametrize(
    "line",
    [
        "no JSON, but _aws",
        'START "_aws"',
        '{"_aws": 1}',
        '["_aws"]',
        emf(directive(), stamp="yesterday", service="web", Booked=1),
        emf(directive(), stamp=NOW - 15 * 86_400_000, service="web", Booked=1),
        emf(directive(), stamp=NOW + 3 * 3_600_000, service="web", Booked=1),
        emf(directive(Namespace=""), service="web", Booked=1),
        emf(directive(Namespace="x" * 1025), service="web", Booked=1),
        emf(directive(Dimensions="service"), service="web", Booked=1),
        emf(directive(Dimensions=[[f"d{number}" for number in range(31)]]), Booked=1),
        emf(directive(Dimensions=[["absent"]]), Booked=1),
        emf(directive(), service=7, Booked=1),
        emf(directive(), service="web"),
        emf(directive(), service="web", Booked="1"),
        emf(directive(), service="web", Booked=True),
        emf(directive(), service="web", Booked=[1] * 101),
        emf(directive(Metrics=[{"Name": "Booked", "Unit": "Pieces"}]), service="web", Booked=1),
        emf(directive(Metrics=[{"Name": "Booked", "StorageResolution": 5}]), service="web", Booked=1),
        emf(directive(Metrics=[{"Name": "Booked"}] * 101), service="web", Booked=1),
        emf(directive(Metrics=[{"Unit": "Count"}]), service="web", Booked=1),
    ],
)
async def test_what_the_specification_forbids_is_ignored(metrics: EmbeddedMetrics, line: str) -> None:
    right = emf(directive(), service="web", Booked=7)
    [datum] = await taken(metrics, line, right)
    assert datum.values == {7: 1}


async def test_what_is_missing_takes_nothing_else_with_it(metrics: EmbeddedMetrics) -> None:
    both = directive(
        Dimensions=[["service"], ["absent"]], Metrics=[{"Name": "Booked"}, {"Name": "Absent"}, {"Name": "Text"}]
    )
    [datum] = await taken(metrics, emf(both, service="web", Booked=1, Text="1"))
    assert (datum.metric, datum.unit, datum.dimensions) == ("Booked", "None", (("service", "web"),))


async def test_lines_that_were_delivered_are_read_and_no_others() -> None:
    emulator = Published()
    writer = LogWriter(cast(Emulator, emulator), "lines")
    stream = LogStream(writer, SCOPE, "g", "s")
    now = int(time.time() * 1000)
    stream.add(now, "plain")
    stream.add(now, emf(directive(), now, service="web", Booked=2))
    await writer.close()
    [(_, params)] = emulator.puts
    assert params["MetricData.member.1.MetricName"] == "Booked"


async def test_lines_that_somebody_puts_count_too() -> None:
    emulator = Published()
    part = EmbeddedInCalls(cast(Emulator, emulator))
    now = int(time.time() * 1000)
    for operation in ("PutLogEvents", "FilterLogEvents"):
        events = [{"timestamp": now, "message": emf(directive(), now, service="web", Booked=2)}]
        body = json.dumps({"logGroupName": "g", "logStreamName": "s", "logEvents": events}).encode()
        call = Call(request("POST", body=body), "logs", SCOPE, operation)
        assert await part.answer(call) is None
        await part.passed(call, 200)
    await part.close()
    [(scope, params)] = emulator.puts
    assert (scope, params["MetricData.member.1.Values.member.1"]) == (SCOPE, "2")
