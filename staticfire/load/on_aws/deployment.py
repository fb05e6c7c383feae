"""What AWS would run, from Terraform's plan of the stack: as far as it limits a load or costs something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from staticfire.stacks.terraform.output import Resource

GIB = 1024**3


@dataclass(frozen=True)
class PlannedDatabase:
    """`connections`: max_connections, less those that only superusers and RDS get; None: the class is not known."""

    instance_class: str
    storage_gb: float
    instances: int
    connections: int | None


@dataclass(frozen=True)
class PlannedFunction:
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

    functions: Mapping[str, PlannedFunction]
    databases: tuple[PlannedDatabase, ...]
    throttle: float | None
    access_log_groups: tuple[str, ...]
    http_apis: int
    nat_gateways: int
    addresses: int
    secrets: int
    alarms: int
    provisioned_tables: tuple[str, ...]

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
        groups = values("aws_db_parameter_group")
        parameters = {group["name"]: _parameters(group) for group in groups if group.get("name")}
        schedules = [target for schedule in values("aws_scheduler_schedule") for target in schedule.get("target") or ()]
        scheduled = {
            (target.get("arn") or "").rpartition(":function:")[2].partition(":")[0]
            for target in [*values("aws_cloudwatch_event_target"), *schedules]
        }
        functions = [_function(function, scheduled) for function in values("aws_lambda_function")]
        return cls(
            functions={function.name: function for function in functions},
            databases=tuple(_database(instance, parameters, table) for instance in values("aws_db_instance")),
            throttle=min(rates, default=None),
            access_log_groups=tuple(arn.partition(":log-group:")[2].removesuffix(":*") for arn in destinations if arn),
            http_apis=len(values("aws_apigatewayv2_api")),
            nat_gateways=len(values("aws_nat_gateway")),
            addresses=len(values("aws_eip")),
            secrets=len(values("aws_secretsmanager_secret")),
            alarms=len(values("aws_cloudwatch_metric_alarm")),
            provisioned_tables=tuple(
                dynamodb["name"]
                for dynamodb in values("aws_dynamodb_table")
                if dynamodb.get("billing_mode") != "PAY_PER_REQUEST"
            ),
        )


def _function(values: Mapping[str, Any], scheduled: Set[str]) -> PlannedFunction:
    name = values["function_name"]
    reserved = values.get("reserved_concurrent_executions")
    logging: Mapping[str, Any] = next(iter(values.get("logging_config") or ()), {})
    return PlannedFunction(
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
) -> PlannedDatabase:
    instance_class = values["instance_class"]
    set_by_hand = parameters.get(values.get("parameter_group_name") or "", {}).get("max_connections", "")
    size = table["rds"]["classes"].get(instance_class)
    quotas = table["quotas"]["rds"]
    most: int | None = None
    if set_by_hand.isdecimal():
        most = int(set_by_hand)
    elif size is not None:
        most = max_connections(size["memory_gib"], quotas)
    return PlannedDatabase(
        instance_class=instance_class,
        storage_gb=values.get("allocated_storage") or 0,
        instances=2 if values.get("multi_az") else 1,
        connections=None if most is None else max(0, most - quotas["reserved_connections"]),
    )


def max_connections(memory_gib: float, quotas: Mapping[str, Any]) -> int:
    """RDS' own default. It takes the memory that its processes leave, which is less: so this many at the most."""
    most: int = quotas["most_connections"]
    return min(int(memory_gib * GIB / quotas["bytes_a_connection"]), most)
