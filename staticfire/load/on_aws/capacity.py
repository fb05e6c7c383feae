"""What a measured load needs of AWS: execution environments by Little's law, and the limits that it meets.

Little's law: as many environments are busy as requests arrive a second, times the seconds that each keeps one busy.
The seconds are measured here, and **local latency is not AWS latency**: there, stores are a network away and a
function's processor is a share of one that its memory size buys. So needs and limits are told for invocations that take
as long as here, three times and ten times as long.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from staticfire.load.meter import Metered
from staticfire.load.samples import InvokedFunction

from .deployment import Deployment

SLOWER = (1, 3, 10)

# Units of capacity that a call takes at the least: an item of at most 1 KB written, of at most 4 KB read consistently.
WRITE_UNITS = {"PutItem": 1, "UpdateItem": 1, "DeleteItem": 1, "BatchWriteItem": 1, "TransactWriteItems": 2}
READ_UNITS = {"GetItem": 1, "BatchGetItem": 1, "Query": 1, "Scan": 1, "TransactGetItems": 2}


@dataclass(frozen=True)
class Work:
    """What one request uses, on average. `invocations` and `mean_ms` are by function."""

    invocations: Mapping[str, float]
    mean_ms: Mapping[str, float]
    write_units: float
    read_units: float
    log_bytes: float

    @property
    def busy_seconds(self) -> float:
        """For how long a request keeps execution environments busy: the W of Little's law."""
        return sum(self.seconds_in(name) for name in self.invocations)

    @property
    def invoked(self) -> float:
        return sum(self.invocations.values())

    def seconds_in(self, name: str) -> float:
        return self.invocations[name] * self.mean_ms[name] / 1000

    @classmethod
    def of(cls, functions: Iterable[InvokedFunction], metered: Metered, deployment: Deployment) -> Work:
        """Of the functions that were invoked those that are in the plan, and that no schedule invokes."""
        requests = max(1, metered.requests)
        of_requests = {function.name for function in deployment.functions.values() if not function.scheduled}
        counted = [function for function in functions if function.name in of_requests and function.invocations]
        invocations = {function.name: function.invocations / requests for function in counted}
        calls = metered.calls.get("dynamodb", {})
        sizes = metered.log_bytes
        logged = [invocations[name] * sizes.get(deployment.functions[name].log_group, 0.0) for name in invocations] + [
            sizes.get(group, 0.0) for group in deployment.access_log_groups
        ]
        return cls(
            invocations=invocations,
            mean_ms={function.name: function.duration_ms.mean for function in counted},
            write_units=sum(calls.get(operation, 0) * units for operation, units in WRITE_UNITS.items()) / requests,
            read_units=sum(calls.get(operation, 0) * units for operation, units in READ_UNITS.items()) / requests,
            log_bytes=sum(logged),
        )


def concurrency(rate: float, busy_seconds: float) -> float:
    """Little's law: how many execution environments are busy at that rate."""
    return rate * busy_seconds


@dataclass(frozen=True)
class Need:
    """Execution environments for a rate, if invocations take `slower` times as long as here.

    `ramp_seconds`: how long Lambda takes to add them; the first lot is there at once.
    """

    slower: int
    environments: float
    quota: int
    within_account: bool
    within_new_account: bool
    ramp_seconds: float

    @classmethod
    def of(cls, rate: float, slower: int, work: Work, quotas: Mapping[str, Any]) -> Need:
        busy = concurrency(rate, work.busy_seconds * slower)
        lots = math.ceil(busy / quotas["ramp"])
        quota = max(busy, rate * work.invoked / quotas["requests_a_second_each"])
        return cls(
            slower=slower,
            environments=busy,
            quota=math.ceil(round(quota, 6)),
            within_account=quota <= quotas["environments"],
            within_new_account=quota <= quotas["new_account"],
            ramp_seconds=max(0, lots - 1) * quotas["ramp_seconds"],
        )


@dataclass(frozen=True)
class AwsLimit:
    """A limit, and how many requests a second it lets through, by how much slower than here AWS is."""

    name: str
    limit: str
    carries: Mapping[str, float]
    why: str
    new_accounts_only: bool = False


def limits_of(work: Work, deployment: Deployment, table: Mapping[str, Any]) -> list[AwsLimit]:
    """Every limit on the way of a request, the lowest first."""
    quotas = table["quotas"]
    limits = _limits(work, deployment, quotas["concurrency"], quotas["http_api"]["requests_a_second"])
    return sorted(limits, key=lambda limit: min(limit.carries.values()))


def _limits(
    work: Work, deployment: Deployment, lambda_quotas: Mapping[str, Any], api_rate: float
) -> Iterator[AwsLimit]:
    if deployment.throttle is not None:
        rate = deployment.throttle
        yield AwsLimit(
            "Throttle of the stage", f"{rate:,.0f} requests/s", _always(rate), "set in the stack's Terraform"
        )
    if deployment.http_apis:
        yield AwsLimit(
            "HTTP APIs of the account", f"{api_rate:,.0f} requests/s", _always(api_rate), "API Gateway's default quota"
        )
    if not work.busy_seconds:
        return
    invocations = lambda_quotas["requests_a_second_each"]

    def concurrency_of(name: str, number: int, seconds: float, invoked: float, why: str, new: bool = False) -> AwsLimit:
        """By Little's law, and by the invocations a second that each execution environment of a quota allows."""
        carries = {str(slower): min(number / (seconds * slower), number * invocations / invoked) for slower in SLOWER}
        return AwsLimit(name, f"{number:,} execution environments", carries, why, new)

    busy, invoked = work.busy_seconds, work.invoked
    why = f"Little's law, and {invocations} invocations/s for each execution environment of the quota"
    quota, new_quota = lambda_quotas["environments"], lambda_quotas["new_account"]
    yield concurrency_of("Lambda concurrency of the account", quota, busy, invoked, why)
    yield concurrency_of("Lambda concurrency of a new account", new_quota, busy, invoked, why, new=True)
    for function in deployment.functions.values():
        if function.reserved is not None and function.name in work.invocations:
            name = f"Reserved concurrency of {function.name}"
            seconds, invoked = work.seconds_in(function.name), work.invocations[function.name]
            yield concurrency_of(name, function.reserved, seconds, invoked, "set in the stack's Terraform")
    for database in deployment.databases:
        if database.connections is not None:
            carries = {str(slower): database.connections / (work.busy_seconds * slower) for slower in SLOWER}
            yield AwsLimit(
                f"Connections to Postgres ({database.instance_class})",
                f"at most {database.connections:,} connections",
                carries,
                "one for each busy execution environment",
            )


def _always(rate: float) -> dict[str, float]:
    return {str(slower): float(rate) for slower in SLOWER}
