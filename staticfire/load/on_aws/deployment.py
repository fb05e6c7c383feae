"""What a measured load needs and costs on AWS: Little's law, the limits that it meets, the month's bill.

Little's law: as many environments are busy as requests arrive a second, times the seconds that each keeps one busy.
The seconds are measured here, and **local latency is not AWS latency**: there, stores are a network away and a
function's processor is a share of one that its memory size buys. So needs and limits are told for invocations that take
as long as here, three times and ten times as long.

What AWS would run comes from Terraform's plan of the stack; what a request uses, from the run; prices and quotas, from
prices.toml or a project's own table.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from staticfire.errors import UsageError
from staticfire.stacks.terraform.output import Resource

SLOWER = (1, 3, 10)
TRAFFIC = (1_000_000, 10_000_000, 100_000_000, 1_000_000_000)
GB = 1_000_000_000
GIB = 1024**3

# Units of capacity that a call takes at the least: an item of at most 1 KB written, of at most 4 KB read consistently.
WRITE_UNITS = {"PutItem": 1, "UpdateItem": 1, "DeleteItem": 1, "BatchWriteItem": 1, "TransactWriteItems": 2}
READ_UNITS = {"GetItem": 1, "BatchGetItem": 1, "Query": 1, "Scan": 1, "TransactGetItems": 2}

ASSUMPTIONS = (
    "Local latency is not AWS latency: durations were measured on this machine, without AWS's network and processors, "
    "and with functions, stores and load generator on the same cores.",
    "Each environment holds one connection to Postgres, and serves one request at a time.",
    "Each DynamoDB call takes the least units of its kind: items of at most 1 KB written, 4 KB read.",
    "A month has the same traffic at any time: what a peak needs is under limits, not under costs.",
)
NOT_COUNTED = (
    "data that goes out to the internet, and through NAT",
    "functions that a schedule invokes",
    "what DynamoDB, logs, backups and the database's growth keep stored",
    "cold starts' time, detailed metrics, KMS requests, taxes, support; free tiers and discounts",
)


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
            remedy="Correct `prices` in [stacks.NAME.load]; the prices.toml in staticfire/load is an example.",
        ) from error


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    both = {key: _merged(base[key], over[key]) for key in base.keys() & over.keys() if isinstance(base[key], dict)}
    return {**base, **over, **both}


@dataclass(frozen=True)
class Database:
    """`connections`: max_connections, less those that only superusers and RDS get; None: the class is not known."""

    instance_class: str
    storage_gb: float
    instances: int
    connections: int | None


@dataclass(frozen=True)
class Function:
    """`reserved`: its reserved concurrency; `scheduled`: a schedule invokes it, and so no request."""

    name: str
    memory_mb: int
    architecture: str
    reserved: int | None
    log_group: str
    scheduled: bool


@dataclass(frozen=True)
class Deployment:
    """What Terraform would make on AWS, as far as it limits or costs."""

    functions: Mapping[str, Function]
    databases: Sequence[Database]
    throttle: float | None
    access_log_groups: Sequence[str]
    http_apis: int
    nat_gateways: int
    addresses: int
    secrets: int
    alarms: int
    provisioned_tables: Sequence[str]

    @property
    def log_groups(self) -> list[str]:
        return [*(function.log_group for function in self.functions.values()), *self.access_log_groups]

    @classmethod
    def of(cls, plan: Sequence[Resource], table: Mapping[str, Any]) -> Deployment:
        def values(kind: str) -> list[Mapping[str, Any]]:
            return [resource.values for resource in plan if resource.type == kind]

        stages = values("aws_apigatewayv2_stage")
        rates = [
            settings["throttling_rate_limit"]
            for stage in stages
            for settings in [*(stage.get("default_route_settings") or ()), *(stage.get("route_settings") or ())]
            if settings.get("throttling_rate_limit")
        ]
        destinations = [
            settings.get("destination_arn") or ""
            for stage in stages
            for settings in stage.get("access_log_settings") or ()
        ]
        parameters = {each["name"]: _parameters(each) for each in values("aws_db_parameter_group") if each.get("name")}
        schedules = [settings for each in values("aws_scheduler_schedule") for settings in each.get("target") or ()]
        scheduled = {
            (target.get("arn") or "").rpartition(":function:")[2].partition(":")[0]
            for target in [*values("aws_cloudwatch_event_target"), *schedules]
        }
        functions = [_function(each, scheduled) for each in values("aws_lambda_function")]
        return cls(
            functions={function.name: function for function in functions},
            databases=[_database(each, parameters, table) for each in values("aws_db_instance")],
            throttle=min(rates, default=None),
            access_log_groups=[arn.partition(":log-group:")[2].removesuffix(":*") for arn in destinations if arn],
            http_apis=len(values("aws_apigatewayv2_api")),
            nat_gateways=len(values("aws_nat_gateway")),
            addresses=len(values("aws_eip")),
            secrets=len(values("aws_secretsmanager_secret")),
            alarms=len(values("aws_cloudwatch_metric_alarm")),
            provisioned_tables=[
                each["name"] for each in values("aws_dynamodb_table") if each.get("billing_mode") != "PAY_PER_REQUEST"
            ],
        )


def _function(values: Mapping[str, Any], scheduled: Set[str]) -> Function:
    name = values["function_name"]
    reserved = values.get("reserved_concurrent_executions")
    logging: Mapping[str, Any] = next(iter(values.get("logging_config") or ()), {})
    return Function(
        name=name,
        memory_mb=values.get("memory_size") or 128,
        architecture=next(iter(values.get("architectures") or ()), "x86_64"),
        reserved=None if reserved is None or reserved < 0 else reserved,
        log_group=logging.get("log_group") or f"/aws/lambda/{name}",
        scheduled=name in scheduled,
    )


def _parameters(group: Mapping[str, Any]) -> Mapping[str, str]:
    return {parameter["name"]: parameter["value"] for parameter in group.get("parameter") or ()}


def _database(
    values: Mapping[str, Any], parameters: Mapping[str, Mapping[str, str]], table: Mapping[str, Any]
) -> Database:
    instance_class = values["instance_class"]
    set_by_hand = parameters.get(values.get("parameter_group_name") or "", {}).get("max_connections", "")
    known = table["rds"]["classes"].get(instance_class)
    quotas = table["quotas"]["rds"]
    most: int | None = None
    if set_by_hand.isdecimal():
        most = int(set_by_hand)
    elif known is not None:
        most = max_connections(known["memory_gib"], quotas)
    return Database(
        instance_class=instance_class,
        storage_gb=values.get("allocated_storage") or 0,
        instances=2 if values.get("multi_az") else 1,
        connections=None if most is None else max(0, most - quotas["reserved_connections"]),
    )


def max_connections(memory_gib: float, quotas: Mapping[str, Any]) -> int:
    """RDS' own default. It takes the memory that its processes leave, which is less: so this many at the most."""
    most: int = quotas["most_connections"]
    return min(int(memory_gib * GIB / quotas["bytes_a_connection"]), most)


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
        """For how long a request keeps environments busy: the W of Little's law."""
        return sum(self.seconds_in(name) for name in self.invocations)

    @property
    def invoked(self) -> float:
        return sum(self.invocations.values())

    def seconds_in(self, name: str) -> float:
        return self.invocations[name] * self.mean_ms[name] / 1000

    @classmethod
    def of(cls, functions: Sequence[Mapping[str, Any]], metered: Mapping[str, Any], deployment: Deployment) -> Work:
        """From the report's functions and its meter: of those in the plan, those that no schedule invokes."""
        requests = max(1, metered["requests"])
        of_requests = {function.name for function in deployment.functions.values() if not function.scheduled}
        known = [each for each in functions if each["name"] in of_requests and each["invocations"]]
        invocations = {each["name"]: each["invocations"] / requests for each in known}
        calls = metered["calls"].get("dynamodb", {})
        sizes = metered["log_bytes"]
        logged = [invocations[name] * sizes.get(deployment.functions[name].log_group, 0.0) for name in invocations] + [
            sizes.get(group, 0.0) for group in deployment.access_log_groups
        ]
        return cls(
            invocations=invocations,
            mean_ms={each["name"]: each["duration_ms"]["mean"] for each in known},
            write_units=sum(calls.get(operation, 0) * units for operation, units in WRITE_UNITS.items()) / requests,
            read_units=sum(calls.get(operation, 0) * units for operation, units in READ_UNITS.items()) / requests,
            log_bytes=sum(logged),
        )


def concurrency(rate: float, busy_seconds: float) -> float:
    """Little's law: how many environments are busy at that rate."""
    return rate * busy_seconds


@dataclass(frozen=True)
class Ceiling:
    """A limit, and how many requests a second it lets through, by how much slower than here AWS is."""

    name: str
    limit: str
    carries: Mapping[str, float]
    why: str
    new_accounts_only: bool = False


def ceilings(work: Work, deployment: Deployment, table: Mapping[str, Any]) -> list[Ceiling]:
    """Every limit on the way of a request, the lowest first."""
    quotas = table["quotas"]
    found = list(_ceilings(work, deployment, quotas["concurrency"], quotas["http_api"]["requests_a_second"]))
    return sorted(found, key=lambda ceiling: min(ceiling.carries.values()))


def _ceilings(
    work: Work, deployment: Deployment, lambda_quotas: Mapping[str, Any], api_rate: float
) -> Iterator[Ceiling]:
    if deployment.throttle is not None:
        rate = deployment.throttle
        yield Ceiling("Throttle of the stage", f"{rate:,.0f} requests/s", _always(rate), "set in the stack's Terraform")
    if deployment.http_apis:
        yield Ceiling(
            "HTTP APIs of the account", f"{api_rate:,.0f} requests/s", _always(api_rate), "API Gateway's default quota"
        )
    if not work.busy_seconds:
        return
    each = lambda_quotas["requests_a_second_each"]
    for environments, name, new in (
        (lambda_quotas["environments"], "Lambda concurrency of the account", False),
        (lambda_quotas["new_account"], "Lambda concurrency of a new account", True),
    ):
        carries = {
            str(slower): min(environments / (work.busy_seconds * slower), environments * each / work.invoked)
            for slower in SLOWER
        }
        why = f"Little's law, and {each} invocations/s for each environment of the quota"
        yield Ceiling(name, f"{environments:,} environments", carries, why, new)
    for function in deployment.functions.values():
        if function.reserved is not None and function.name in work.invocations:
            seconds, invoked = work.seconds_in(function.name), work.invocations[function.name]
            carries = {
                str(slower): min(function.reserved / (seconds * slower), function.reserved * each / invoked)
                for slower in SLOWER
            }
            why = "set in the stack's Terraform"
            yield Ceiling(
                f"Reserved concurrency of {function.name}", f"{function.reserved:,} environments", carries, why
            )
    for database in deployment.databases:
        if database.connections is not None:
            carries = {str(slower): database.connections / (work.busy_seconds * slower) for slower in SLOWER}
            yield Ceiling(
                f"Connections to Postgres ({database.instance_class})",
                f"at most {database.connections:,} connections",
                carries,
                "one for each busy environment",
            )


def _always(rate: float) -> dict[str, float]:
    return {str(slower): float(rate) for slower in SLOWER}


@dataclass(frozen=True)
class Item:
    """A line of the bill. `monthly` is None where the table has no price."""

    service: str
    what: str
    quantity: float
    unit: str
    monthly: float | None
    source: str


def bill(requests: float, work: Work, deployment: Deployment, table: Mapping[str, Any]) -> list[Item]:
    """What a month with that many requests costs."""
    hours = table["hours_a_month"]
    lambda_, dynamodb, nat = table["lambda"], table["dynamodb"], table["nat"]
    items = []

    def add(service: str, what: str, quantity: float, unit: str, price: float | Sequence[Sequence[float]]) -> None:
        if quantity:
            cost = tiered(quantity, price) if isinstance(price, Sequence) else quantity * price
            items.append(Item(service, what, quantity, unit, cost, table[SOURCES[service]]["source"]))

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


def _gb_seconds(work: Work, deployment: Deployment) -> dict[str, float]:
    """Of one request, by processor architecture."""
    found: dict[str, float] = {}
    for name in work.invocations:
        function = deployment.functions[name]
        seconds = work.seconds_in(name) * function.memory_mb / 1024
        found[function.architecture] = found.get(function.architecture, 0.0) + seconds
    return found


def _database_items(database: Database, hours: float, prices: Mapping[str, Any]) -> Iterator[Item]:
    known = prices["classes"].get(database.instance_class)
    instance_hours = hours * database.instances
    cost = None if known is None else instance_hours * known["hour"]
    yield Item("RDS", database.instance_class, instance_hours, "hours", cost, prices["source"])
    stored = database.storage_gb * database.instances
    yield Item("RDS", "storage", stored, "GB-months", stored * prices["gp3_gb_month"], prices["source"])


def tiered(quantity: float, tiers: Sequence[Sequence[float]]) -> float:
    """The price of a quantity whose parts cost differently: [up to so many, each]."""
    cost, below = 0.0, 0.0
    for upper, price in tiers:
        cost += max(0.0, min(quantity, upper) - below) * price
        below = upper
    return cost


def estimate(
    document: Mapping[str, Any], rate: float, deployment: Deployment, table: Mapping[str, Any], traffic: float | None
) -> dict[str, Any]:
    """The report's part `aws`. `rate`: requests a second to be carried; `traffic`: requests a month, where given."""
    work = Work.of(document["functions"], document["metered"], deployment)
    quotas = table["quotas"]["concurrency"]
    busy = work.busy_seconds
    return {
        "region": table["region"],
        "prices_as_of": table["as_of"],
        "rate": rate,
        "busy_ms_a_request": busy * 1000,
        "work": asdict(work),
        "deployment": asdict(deployment),
        "needs": [_need(rate, slower, work, quotas) for slower in SLOWER] if busy else [],
        "ceilings": [asdict(ceiling) for ceiling in ceilings(work, deployment, table)],
        "costs": [
            _month(requests, requests == traffic, bill(requests, work, deployment, table))
            for requests in sorted({*TRAFFIC, *([traffic] if traffic else [])})
        ],
        "assumptions": list(ASSUMPTIONS),
        "not_counted": [
            *NOT_COUNTED,
            *(f"the provisioned capacity of the table {name}" for name in deployment.provisioned_tables),
        ],
    }


def _need(rate: float, slower: int, work: Work, quotas: Mapping[str, Any]) -> dict[str, Any]:
    """Environments at that rate, and how long Lambda takes to add them: the first lot is there at once."""
    busy = concurrency(rate, work.busy_seconds * slower)
    lots = math.ceil(busy / quotas["ramp"])
    quota = max(busy, rate * work.invoked / quotas["requests_a_second_each"])
    return {
        "slower": slower,
        "environments": busy,
        "quota": math.ceil(round(quota, 6)),
        "within_account": quota <= quotas["environments"],
        "within_new_account": quota <= quotas["new_account"],
        "ramp_seconds": max(0, lots - 1) * quotas["ramp_seconds"],
    }


def _month(requests: float, given: bool, items: Sequence[Item]) -> dict[str, Any]:
    priced = [item.monthly for item in items if item.monthly is not None]
    unpriced = [f"{item.service} {item.what}" for item in items if item.monthly is None]
    return {
        "requests": requests,
        "given": given,
        "items": [asdict(item) for item in items],
        "total": sum(priced),
        "without": unpriced,
    }
