"""What a measured load needs and costs on AWS: the report's part `aws`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from staticfire.load.meter import Metered
from staticfire.load.samples import InvokedFunction

from .bill import Month, bill
from .capacity import SLOWER, AwsLimit, Need, Work, limits_of
from .deployment import Deployment

TRAFFIC = (1_000_000, 10_000_000, 100_000_000, 1_000_000_000)
ASSUMPTIONS = (
    "Local latency is not AWS latency: durations were measured on this machine, without AWS's network and processors, "
    "and with functions, stores and load generator on the same cores.",
    "Each execution environment holds one connection to Postgres, and serves one request at a time.",
    "Each DynamoDB call takes the least units of its kind: items of at most 1 KB written, 4 KB read.",
    "A month has the same traffic at any time: what a peak needs is under limits, not under costs.",
)
NOT_COUNTED = (
    "data that goes out to the internet, and through NAT",
    "functions that a schedule invokes",
    "what DynamoDB, logs, backups and the database's growth keep stored",
    "cold starts' time, detailed metrics, KMS requests, taxes, support; free tiers and discounts",
)


@dataclass(frozen=True, kw_only=True)
class AwsEstimate:
    """`rate`: the requests a second that needs are reckoned for."""

    region: str
    prices_as_of: str
    rate: float
    busy_ms_a_request: float
    work: Work
    deployment: Deployment
    needs: tuple[Need, ...]
    ceilings: tuple[AwsLimit, ...]
    costs: tuple[Month, ...]
    assumptions: tuple[str, ...]
    not_counted: tuple[str, ...]


def estimate(
    functions: Iterable[InvokedFunction],
    metered: Metered,
    rate: float,
    deployment: Deployment,
    table: Mapping[str, Any],
    traffic: float | None,
) -> AwsEstimate:
    """`rate`: requests a second to be carried; `traffic`: requests a month, where the caller named them."""
    work = Work.of(functions, metered, deployment)
    quotas = table["quotas"]["concurrency"]
    busy = work.busy_seconds
    return AwsEstimate(
        region=table["region"],
        prices_as_of=table["as_of"],
        rate=rate,
        busy_ms_a_request=busy * 1000,
        work=work,
        deployment=deployment,
        needs=tuple(Need.of(rate, slower, work, quotas) for slower in SLOWER) if busy else (),
        ceilings=tuple(limits_of(work, deployment, table)),
        costs=tuple(
            Month.of(requests, requests == traffic, bill(requests, work, deployment, table))
            for requests in sorted({*TRAFFIC, *([traffic] if traffic else [])})
        ),
        assumptions=ASSUMPTIONS,
        not_counted=(
            *NOT_COUNTED,
            *(f"the provisioned capacity of the table {name}" for name in deployment.provisioned_tables),
        ),
    )
