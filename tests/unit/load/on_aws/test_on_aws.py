"""What a load needs and costs on AWS, against figures worked out by hand."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from staticfire.errors import UsageError
from staticfire.load.meter import Metered
from staticfire.load.on_aws.bill import bill, price_table, tiered
from staticfire.load.on_aws.capacity import Work, concurrency, limits_of
from staticfire.load.on_aws.deployment import Deployment, PlannedDatabase, max_connections
from staticfire.load.on_aws.estimate import AwsEstimate
from staticfire.load.on_aws.estimate import estimate as estimate_of
from staticfire.load.samples import Durations, InvokedFunction
from staticfire.stacks.terraform.output import Resource

TABLE = price_table()


def resource(kind: str, **values: Any) -> Resource:
    return Resource(f"{kind}.this", kind, values)


def function(name: str, **values: Any) -> Resource:
    return resource("aws_lambda_function", function_name=name, **values)


PLAN = [
    function("shop-api", memory_size=512, architectures=["arm64"], reserved_concurrent_executions=-1),
    function("shop-nightly", memory_size=1024, architectures=["arm64"]),
    resource("aws_cloudwatch_event_target", arn="arn:aws:lambda:us-east-1:1:function:shop-nightly"),
    resource("aws_apigatewayv2_api"),
    resource(
        "aws_apigatewayv2_stage",
        default_route_settings=[{"throttling_rate_limit": 500, "throttling_burst_limit": 100}],
        route_settings=[],
        access_log_settings=[{"destination_arn": "arn:aws:logs:us-east-1:1:log-group:/aws/http-api/shop"}],
    ),
    resource("aws_dynamodb_table", name="shop", billing_mode="PAY_PER_REQUEST"),
    resource("aws_nat_gateway"),
    resource("aws_eip"),
    resource("aws_secretsmanager_secret"),
    resource("aws_cloudwatch_metric_alarm"),
    resource("aws_cloudwatch_metric_alarm"),
    resource("aws_db_instance", instance_class="db.t4g.micro", allocated_storage=20, multi_az=False),
]
SHOP = Deployment.of(PLAN, TABLE)

# Each request invokes the function once, for 20 ms, writes two units, and leaves 700 bytes of log lines.
WORK = Work(invocations={"shop-api": 1.0}, mean_ms={"shop-api": 20.0}, write_units=2.0, read_units=0.5, log_bytes=700.0)


def test_littles_law() -> None:
    # 300 requests/s of 20 ms keep six environments busy.
    assert concurrency(300, WORK.busy_seconds) == pytest.approx(6)


def test_the_plan_says_what_aws_would_run() -> None:
    assert SHOP.functions["shop-api"].memory_mb == 512
    assert SHOP.functions["shop-nightly"].scheduled
    assert SHOP.databases == (PlannedDatabase("db.t4g.micro", 20, 1, 107),)
    assert (SHOP.throttle, SHOP.nat_gateways, SHOP.addresses, SHOP.secrets, SHOP.alarms) == (500, 1, 1, 1, 2)
    assert SHOP.log_groups == ["/aws/lambda/shop-api", "/aws/lambda/shop-nightly", "/aws/http-api/shop"]


def test_max_connections_follow_the_memory_up_to_the_most_there_are() -> None:
    quotas = TABLE["quotas"]["rds"]
    # 1 GiB is 1,073,741,824 bytes; divided by 9,531,392 that is 112.65.
    assert max_connections(1, quotas) == 112
    assert max_connections(16, quotas) == 1802
    assert max_connections(512, quotas) == 5000


def test_a_parameter_group_sets_max_connections() -> None:
    plan = [
        resource("aws_db_parameter_group", name="big", parameter=[{"name": "max_connections", "value": "400"}]),
        resource("aws_db_instance", instance_class="db.t4g.micro", parameter_group_name="big", multi_az=True),
    ]
    assert Deployment.of(plan, TABLE).databases == (PlannedDatabase("db.t4g.micro", 0, 2, 395),)


def test_the_lowest_throttle_of_all_routes_counts() -> None:
    stage = resource(
        "aws_apigatewayv2_stage",
        default_route_settings=[{"throttling_rate_limit": 500}],
        route_settings=[{"throttling_rate_limit": 50}, {"throttling_rate_limit": 0}],
    )
    assert Deployment.of([stage], TABLE).throttle == 50


def carried(work: Work, deployment: Deployment = SHOP) -> dict[str, dict[str, float]]:
    return {limit.name: dict(limit.carries) for limit in limits_of(work, deployment, TABLE)}


def test_each_limit_lets_through_what_littles_law_says() -> None:
    slow = dataclasses.replace(WORK, mean_ms={"shop-api": 200.0})
    carries = carried(slow)
    # 1,000 environments of 0.2 s are 5,000 requests/s; of 2 s 500. A new account has ten environments.
    assert carries["Lambda concurrency of the account"] == pytest.approx({"1": 5000, "3": 5000 / 3, "10": 500})
    assert carries["Lambda concurrency of a new account"] == pytest.approx({"1": 50, "3": 50 / 3, "10": 5})
    assert carries["Connections to Postgres (db.t4g.micro)"] == pytest.approx({"1": 535, "3": 535 / 3, "10": 53.5})
    assert carries["Throttle of the stage"] == {"1": 500, "3": 500, "10": 500}
    assert carries["HTTP APIs of the account"] == {"1": 10000, "3": 10000, "10": 10000}


def test_short_invocations_meet_the_quota_of_ten_a_second_for_each_environment() -> None:
    # By Little's law alone, 1,000 environments of 20 ms would carry 50,000 requests/s.
    carries = carried(WORK)
    assert carries["Lambda concurrency of the account"] == pytest.approx({"1": 10000, "3": 10000, "10": 5000})
    assert carries["Lambda concurrency of a new account"] == pytest.approx({"1": 100, "3": 100, "10": 50})


def test_reserved_concurrency_is_a_limit() -> None:
    plan = [function("shop-api", memory_size=512, reserved_concurrent_executions=4)]
    carries = carried(dataclasses.replace(WORK, mean_ms={"shop-api": 200.0}), Deployment.of(plan, TABLE))
    assert carries["Reserved concurrency of shop-api"] == pytest.approx({"1": 20, "3": 20 / 3, "10": 2})


def test_limits_are_told_the_lowest_first() -> None:
    names = [limit.name for limit in limits_of(WORK, SHOP, TABLE)]
    assert names[:2] == ["Lambda concurrency of a new account", "Throttle of the stage"]


def test_tiers_charge_each_part_at_its_own_price() -> None:
    tiers = [[300.0, 1.0], [float("inf"), 0.9]]
    assert tiered(100, tiers) == 100
    assert tiered(400, tiers) == pytest.approx(300 + 90)


def costs(requests: float, work: Work = WORK, deployment: Deployment = SHOP) -> dict[str, float | None]:
    return {f"{item.service}: {item.what}": item.monthly for item in bill(requests, work, deployment, TABLE)}


def test_the_bill_of_a_month_with_ten_million_requests() -> None:
    assert costs(10_000_000) == pytest.approx(
        {
            "API Gateway: HTTP API requests": 10.00,  # 10 M at 1.00 a million
            "Lambda: requests": 2.00,  # 10 M at 0.20 a million
            "Lambda: duration, arm64": 1.33334,  # 10 M x 0.02 s x 0.5 GB = 100,000 GB-s at 0.0000133334
            "DynamoDB: writes": 12.50,  # 20 M at 0.625 a million
            "DynamoDB: reads": 0.625,  # 5 M at 0.125 a million
            "CloudWatch: logs taken in": 3.50,  # 7 GB at 0.50
            "CloudWatch: alarms": 0.20,
            "NAT: gateways": 32.85,  # 730 h at 0.045
            "NAT: public addresses": 3.65,  # 730 h at 0.005
            "Secrets Manager: secrets": 0.40,
            "RDS: db.t4g.micro": 11.68,  # 730 h at 0.016
            "RDS: storage": 2.30,  # 20 GB at 0.115
        }
    )


def test_x86_costs_more_than_arm() -> None:
    plan = [function("shop-api", memory_size=512, architectures=["x86_64"])]
    # 100,000 GB-s at 0.0000166667
    assert costs(10_000_000, WORK, Deployment.of(plan, TABLE))["Lambda: duration, x86_64"] == pytest.approx(1.66667)


def test_a_second_zone_doubles_the_database() -> None:
    plan = [resource("aws_db_instance", instance_class="db.m7g.large", allocated_storage=100, multi_az=True)]
    monthly = costs(0, dataclasses.replace(WORK, invocations={}), Deployment.of(plan, TABLE))
    # 2 x 730 h at 0.168, 2 x 100 GB at 0.115
    assert (monthly["RDS: db.m7g.large"], monthly["RDS: storage"]) == pytest.approx((245.28, 23.0))


def test_a_class_without_a_price_is_said_and_not_guessed() -> None:
    plan = [*PLAN[:-1], resource("aws_db_instance", instance_class="db.x9z.large", allocated_storage=20)]
    deployment = Deployment.of(plan, TABLE)
    assert costs(0, WORK, deployment)["RDS: db.x9z.large"] is None
    assert not [name for name in carried(WORK, deployment) if name.startswith("Connections")]
    assert estimate(300, deployment).costs[0].without == ("RDS db.x9z.large",)


def invoked(name: str, invocations: int, mean_ms: float) -> InvokedFunction:
    return InvokedFunction(name, 512, "arm64", invocations, Durations(mean_ms, mean_ms, mean_ms))


FUNCTIONS = [invoked("shop-api", 1000, 20.0), invoked("shop-nightly", 7, 900.0), invoked("shop-layer-empty", 50, 1.0)]
METERED = Metered(
    requests=1000,
    calls={"dynamodb": {"UpdateItem": 900, "TransactWriteItems": 50, "GetItem": 200}, "s3": {"": 9}},
    log_bytes={"/aws/lambda/shop-api": 450.0, "/aws/lambda/shop-nightly": 999.0, "/aws/http-api/shop": 250.0},
)


def estimate(rate: float, deployment: Deployment = SHOP, traffic: float | None = None) -> AwsEstimate:
    return estimate_of(FUNCTIONS, METERED, rate, deployment, TABLE, traffic)


def test_what_a_request_uses_is_what_the_run_counted() -> None:
    work = Work.of(FUNCTIONS, METERED, SHOP)
    assert work.invocations == {"shop-api": 1.0}
    # 900 updates and 50 transactions, which take twice the units, of 1,000 requests
    assert (work.write_units, work.read_units, work.log_bytes) == (1.0, 0.2, 700.0)


def test_an_estimate_tells_needs_by_how_much_slower_aws_is() -> None:
    needs = {need.slower: need for need in estimate(300).needs}
    assert [round(need.environments, 6) for need in needs.values()] == [6, 18, 60]
    # 300 invocations a second take a quota of 30 environments, though six would do.
    assert [need.quota for need in needs.values()] == [30, 30, 60]
    assert needs[1].within_account
    assert not needs[1].within_new_account


def test_environments_beyond_the_first_thousand_come_a_thousand_each_ten_seconds() -> None:
    # 300,000 requests/s of 20 ms: 6,000 environments, 1,000 of them at once.
    needs = estimate(300_000).needs
    assert needs[0].ramp_seconds == 50
    assert not needs[0].within_account


def test_the_traffic_that_the_caller_chose_is_among_the_months() -> None:
    months = estimate(300, traffic=25_000_000.0).costs
    assert [month.requests for month in months if month.chosen] == [25_000_000]
    assert [month.requests for month in months] == sorted(month.requests for month in months)


def test_an_estimate_says_that_local_latency_is_not_that_of_aws() -> None:
    assert any("Local latency is not AWS latency" in text for text in estimate(1).assumptions)


def test_a_stack_without_functions_or_databases_has_an_estimate() -> None:
    bare = estimate(300, Deployment.of([], TABLE))
    assert (bare.needs, bare.ceilings) == ((), ())
    # DynamoDB's calls were counted all the same.
    assert {item.service for item in bare.costs[0].items} == {"DynamoDB"}


def test_provisioned_tables_are_said_to_be_missing() -> None:
    plan = [resource("aws_dynamodb_table", name="fixed", billing_mode="PROVISIONED")]
    not_counted = estimate(1, Deployment.of(plan, TABLE)).not_counted
    assert "the provisioned capacity of the table fixed" in not_counted


def test_a_project_overrides_single_prices(tmp_path: Path) -> None:
    own = tmp_path / "prices.toml"
    own.write_text(
        'region = "eu-central-1"\n[nat]\ngateway_hour = 0.052\n'
        '[rds.classes]\n"db.x9z.large" = { hour = 1.0, memory_gib = 8 }\n'
    )
    table = price_table(own)
    assert (table["region"], table["nat"]["gateway_hour"], table["nat"]["gb"]) == ("eu-central-1", 0.052, 0.045)
    assert {"db.x9z.large", "db.t4g.micro"} <= table["rds"]["classes"].keys()


@pytest.mark.parametrize("content", [None, "region ="])
def test_a_table_that_cannot_be_read_is_refused_by_its_name(content: str | None, tmp_path: Path) -> None:
    own = tmp_path / "ours.toml"
    if content is not None:
        own.write_text(content)
    with pytest.raises(UsageError, match=r"ours\.toml"):
        price_table(own)


def test_every_part_of_the_table_names_its_source() -> None:
    parts = [part for name, part in TABLE.items() if isinstance(part, dict) and name != "quotas"]
    assert all(part["source"].startswith("https://") for part in [*parts, *TABLE["quotas"].values()])
