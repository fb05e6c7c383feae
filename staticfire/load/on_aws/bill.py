"""What a month of a load costs on AWS, by the prices of prices.toml or of a project's own table."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from staticfire.errors import UsageError
from staticfire.load.typed_json import json_name

from .capacity import Work
from .deployment import Deployment, PlannedDatabase

GB = 1_000_000_000


def price_table(project_table: Path | None = None) -> Mapping[str, Any]:
    """The table that comes with staticfire, with what the project's own says instead."""
    own = tomllib.loads(resources.files(__package__).joinpath("prices.toml").read_text(encoding="utf-8"))
    if project_table is None:
        return own
    try:
        return _merged(own, tomllib.loads(project_table.read_text(encoding="utf-8")))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise UsageError(
            f"The table of prices {project_table} cannot be read: {error}.",
            remedy="Correct `prices` in [stacks.NAME.load]; the prices.toml in staticfire/load/on_aws is an example.",
        ) from error


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    both = {key: _merged(base[key], over[key]) for key in base.keys() & over.keys() if isinstance(base[key], dict)}
    return {**base, **over, **both}


@dataclass(frozen=True)
class BillItem:
    """A line of the bill. `monthly` is None where the table has no price."""

    service: str
    what: str
    quantity: float
    unit: str
    monthly: float | None
    source: str


def bill(requests: float, work: Work, deployment: Deployment, table: Mapping[str, Any]) -> list[BillItem]:
    """What a month with that many requests costs."""
    hours = table["hours_a_month"]
    lambda_, dynamodb, nat = table["lambda"], table["dynamodb"], table["nat"]
    items = []

    def add(service: str, what: str, quantity: float, unit: str, price: float | Sequence[Sequence[float]]) -> None:
        if quantity:
            cost = tiered(quantity, price) if isinstance(price, Sequence) else quantity * price
            items.append(BillItem(service, what, quantity, unit, cost, table[SOURCES[service]]["source"]))

    if deployment.http_apis:
        add("API Gateway", "HTTP API requests", requests, "requests", table["http_api"]["requests"])
    add("Lambda", "requests", requests * work.invoked, "requests", lambda_["requests"])
    for architecture, seconds in _gb_seconds(work, deployment).items():
        price = lambda_["gb_seconds"][architecture]
        add("Lambda", f"duration, {architecture}", requests * seconds, "GB-s", price)
    add("DynamoDB", "writes", requests * work.write_units, "write units", dynamodb["write_units"])
    add("DynamoDB", "reads", requests * work.read_units, "read units", dynamodb["read_units"])
    add("CloudWatch", "logs taken in", requests * work.log_bytes / GB, "GB", table["logs"]["gb_taken_in"])
    add("CloudWatch", "alarms", deployment.alarms, "alarms", table["alarms"]["alarm_month"])
    add("NAT", "gateways", deployment.nat_gateways * hours, "hours", nat["gateway_hour"])
    add("NAT", "public addresses", deployment.addresses * hours, "hours", nat["address_hour"])
    add("Secrets Manager", "secrets", deployment.secrets, "secrets", table["secrets"]["secret_month"])
    for database in deployment.databases:
        items += _database_items(database, hours, table["rds"])
    return items


SOURCES = {
    "API Gateway": "http_api",
    "Lambda": "lambda",
    "DynamoDB": "dynamodb",
    "CloudWatch": "logs",
    "NAT": "nat",
    "Secrets Manager": "secrets",
}


def _gb_seconds(work: Work, deployment: Deployment) -> Mapping[str, float]:
    """Of one request, by processor architecture."""
    totals: dict[str, float] = {}
    for name in work.invocations:
        function = deployment.functions[name]
        seconds = work.seconds_in(name) * function.memory_mb / 1024
        totals[function.architecture] = totals.get(function.architecture, 0.0) + seconds
    return totals


def _database_items(database: PlannedDatabase, hours: float, prices: Mapping[str, Any]) -> Iterator[BillItem]:
    size = prices["classes"].get(database.instance_class)
    instance_hours = hours * database.instances
    cost = None if size is None else instance_hours * size["hour"]
    yield BillItem("RDS", database.instance_class, instance_hours, "hours", cost, prices["source"])
    stored = database.storage_gb * database.instances
    yield BillItem("RDS", "storage", stored, "GB-months", stored * prices["gp3_gb_month"], prices["source"])


def tiered(quantity: float, tiers: Sequence[Sequence[float]]) -> float:
    """The price of a quantity whose parts cost differently: [up to so many, each]."""
    cost, below = 0.0, 0.0
    for upper, price in tiers:
        cost += max(0.0, min(quantity, upper) - below) * price
        below = upper
    return cost


@dataclass(frozen=True, kw_only=True)
class Month:
    """The bill of a month. `chosen`: its traffic is the one that the caller named; `without`: what has no price."""

    requests: float
    chosen: bool = field(metadata=json_name("given"))
    items: tuple[BillItem, ...]
    total: float
    without: tuple[str, ...]

    @classmethod
    def of(cls, requests: float, chosen: bool, items: Sequence[BillItem]) -> Month:
        return cls(
            requests=requests,
            chosen=chosen,
            items=tuple(items),
            total=sum(item.monthly for item in items if item.monthly is not None),
            without=tuple(f"{item.service} {item.what}" for item in items if item.monthly is None),
        )
