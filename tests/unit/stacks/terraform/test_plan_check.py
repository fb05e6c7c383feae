from __future__ import annotations

from typing import Any

import pytest

from staticfire.edge.services.pipes.service import ENRICHMENTS, SOURCES, TARGETS
from staticfire.stacks.stack import _in_short
from staticfire.stacks.terraform.obstacle import Weight
from staticfire.stacks.terraform.output import Resource
from staticfire.stacks.terraform.plan_check import PIPE_ENDS, obstacles

ACCOUNT = "000000000000"
OWN = f"arn:aws:lambda:us-east-1:{ACCOUNT}:layer:shared:1"


def said(kind: str, **values: Any) -> list[tuple[bool, str]]:
    resource = Resource(f"module.shop.{kind}.this", kind, values)
    return [(obstacle.weight is Weight.REFUSED, str(obstacle)) for obstacle in obstacles([resource], ACCOUNT)]


def weights(kind: str, *settings: str, measured: bool = True) -> list[Weight]:
    resource = Resource(f"{kind}.this", kind, {})
    return [obstacle.weight for obstacle in obstacles([resource], ACCOUNT, settings, measured=measured)]


@pytest.mark.parametrize(
    ("runtime", "needs"),
    [
        ("java21", "a JDK"),
        ("dotnet8", "the .NET runtime"),
        ("ruby3.3", "a Ruby"),
        ("go1.x", "build the same program as `bootstrap`"),
        ("provided", "the same bootstrap runs as provided.al2023"),
        ("nodejs16.x", "AWS ended this version"),
        ("nodejs26.x", ""),
        ("python2.7", "AWS ended Python 2"),
        ("python3.x", ""),
    ],
)
def test_a_function_whose_runtime_is_not_here_is_refused_by_its_address(runtime: str, needs: str) -> None:
    values = {"package_type": "Zip", "runtime": runtime, "function_name": "greeter", "layers": None}
    [(refuses, text)] = said("aws_lambda_function", **values)
    begin = f"module.shop.aws_lambda_function.this has the runtime {runtime}, which cannot run here (greeter). "
    assert refuses
    assert text.startswith(begin)
    assert needs in text
    assert "nodejs24.x, provided.al2" in text


@pytest.mark.parametrize(
    "uri",
    ["public.ecr.aws/lambda/python:3.13", "999999999999.dkr.ecr.us-east-1.amazonaws.com/app:1", "app:latest"],
)
def test_an_image_of_somebody_elses_registry_is_refused(uri: str) -> None:
    [(refuses, text)] = said("aws_lambda_function", package_type="Image", runtime=None, image_uri=uri)
    assert refuses
    assert uri in text
    assert "aws_ecr_repository" in text


@pytest.mark.parametrize(
    "values",
    [
        {"package_type": "Zip", "runtime": "python3.13", "layers": [OWN]},
        {"package_type": "Zip", "runtime": "python3.9"},
        {"package_type": "Zip", "runtime": "nodejs24.x"},
        {"package_type": "Zip", "runtime": "provided.al2023"},
        {"package_type": "Image", "image_uri": f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/app:1"},
        {"package_type": "Image", "image_uri": f"127.0.0.1:4566/{ACCOUNT}.dkr.ecr.us-east-1/app:1"},
        {"package_type": "Image"},  # known after apply
        {},
        {"runtime": None, "layers": None, "package_type": None},
        {"runtime": "python3.13", "layers": [None]},  # known after apply
    ],
)
def test_nothing_is_said_of_what_runs_or_is_not_known_yet(values: dict[str, Any]) -> None:
    assert said("aws_lambda_function", **values) == []
    assert said("aws_dynamodb_table", **values) == []


@pytest.mark.parametrize(
    ("kind", "values", "words"),
    [
        ("aws_apigatewayv2_domain_name", {}, "with less than on AWS. Its name does not lead here"),
    ],
)
def test_what_is_less_than_on_aws_is_said_and_not_refused(kind: str, values: dict[str, Any], words: str) -> None:
    [(refuses, text)] = said(kind, **values)
    assert not refuses
    assert words in text


@pytest.mark.parametrize(
    ("kind", "values", "words"),
    [
        ("aws_db_instance", {"engine": "mysql"}, "has the engine mysql"),
        ("aws_rds_cluster", {}, "use aws_db_instance with the engine `postgres`"),
    ],
)
def test_what_cannot_be_made_is_refused(kind: str, values: dict[str, Any], words: str) -> None:
    [(refuses, text)] = said(kind, **values)
    assert refuses
    assert words in text


@pytest.mark.parametrize("values", [{"protocol_type": "WEBSOCKET"}, {"protocol_type": "HTTP", "body": "openapi"}, {}])
def test_nothing_is_said_of_an_http_or_a_websocket_api(values: dict[str, Any]) -> None:
    assert said("aws_apigatewayv2_api", **values) == []


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"event_source_arn": "arn:aws:kafka:us-east-1:0:cluster/c"}, "reads arn:aws:kafka:us-east-1:0:cluster/c"),
        ({"self_managed_event_source": [{"endpoints": {}}]}, "a Kafka of your own"),
    ],
)
def test_a_mapping_whose_source_nobody_reads_is_said(values: dict[str, Any], words: str) -> None:
    [(refuses, text)] = said("aws_lambda_event_source_mapping", **values)
    assert not refuses
    assert words in text


@pytest.mark.parametrize("arn", [None, "", "arn:aws:sqs:us-east-1:0:q", "arn:aws:kinesis:us-east-1:0:stream/s"])
def test_nothing_is_said_of_a_mapping_that_is_read(arn: str | None) -> None:
    assert said("aws_lambda_event_source_mapping", event_source_arn=arn) == []


@pytest.mark.parametrize("values", [{"name": "a", "body": None}, {"name": "a", "body": "openapi: 3.0.1"}])
def test_nothing_is_said_of_a_rest_api(values: dict[str, Any]) -> None:
    assert said("aws_api_gateway_rest_api", **values) == []


@pytest.mark.parametrize(
    ("kind", "weight"),
    [
        ("aws_sqs_queue", []),
        ("aws_vpc", [Weight.DESCRIBED]),
        ("aws_iam_role_policy", [Weight.DESCRIBED]),
        ("aws_macie2_account", [Weight.REFUSED]),
        ("aws_quicksight_dashboard", [Weight.UNTRIED]),
        ("random_pet", []),
        ("null_resource", []),
    ],
)
def test_the_table_says_what_becomes_of_a_type(kind: str, weight: list[Weight]) -> None:
    assert weights(kind) == weight


def test_a_roles_policies_count_where_iam_is_enforced() -> None:
    assert weights("aws_iam_role_policy", "enforce_iam") == []
    assert weights("aws_vpc", "enforce_iam") == [Weight.DESCRIBED]


def test_another_emulator_may_have_what_this_one_lacks() -> None:
    assert weights("aws_macie2_account", measured=False) == [Weight.UNTRIED]


@pytest.mark.parametrize(
    ("end", "arn"),
    [
        ("source", "arn:aws:kafka:us-east-1:0:cluster/c"),
        ("enrichment", "arn:aws:events:us-east-1:0:api-destination/hook/1"),
        ("target", "arn:aws:events:us-east-1:0:api-destination/hook/1"),
        ("target", "arn:aws:ecs:us-east-1:0:cluster/c"),
    ],
)
def test_a_pipe_with_an_end_that_is_not_here_is_refused(end: str, arn: str) -> None:
    [(refuses, text)] = said("aws_pipes_pipe", **{end: arn})
    assert refuses
    assert f"has the {end} {arn}" in text


@pytest.mark.parametrize(
    "arn", ["arn:aws:scheduler:::aws-sdk:dynamodb:putItem", "arn:aws:ecs:us-east-1:0:cluster/c", "nonsense"]
)
def test_a_target_that_gets_nothing_here_is_told_with_its_arn(arn: str) -> None:
    for kind, values in (
        ("aws_scheduler_schedule", {"target": [{"arn": arn}]}),
        ("aws_cloudwatch_event_target", {"arn": arn}),
    ):
        resource = Resource(f"{kind}.this", kind, values)
        [obstacle] = obstacles([resource], ACCOUNT)
        assert obstacle.weight is Weight.DESCRIBED
        assert list(_in_short([obstacle])) == [str(obstacle)]
        assert arn in str(obstacle)


def test_targets_that_are_delivered_to_or_not_known_yet_are_no_obstacle() -> None:
    for arn in ("arn:aws:kinesis:us-east-1:0:stream/s", "arn:aws:sqs:us-east-1:0:q", None):
        assert said("aws_scheduler_schedule", target=[{"arn": arn}]) == []
        assert said("aws_cloudwatch_event_target", arn=arn) == []


def test_a_schedule_of_another_time_zone_is_told() -> None:
    at_nine = {"schedule_expression": "cron(0 9 * * ? *)", "target": []}
    [(refuses, text)] = said("aws_scheduler_schedule", **at_nine, schedule_expression_timezone="Europe/Berlin")
    assert not refuses
    assert "Europe/Berlin" in text
    assert said("aws_scheduler_schedule", **at_nine, schedule_expression_timezone="UTC") == []
    hourly = {"schedule_expression": "rate(1 hour)", "target": []}
    assert said("aws_scheduler_schedule", **hourly, schedule_expression_timezone="Europe/Berlin") == []


def test_a_function_url_for_everybody_is_told_to_ask_for_one_permission_only() -> None:
    [(refuses, text)] = said("aws_lambda_function_url", authorization_type="NONE")
    assert not refuses
    assert "lambda:InvokeFunction" in text
    assert said("aws_lambda_function_url", authorization_type="AWS_IAM") == []


def test_the_ends_of_pipes_are_those_of_the_edge() -> None:
    assert {"source": tuple(SOURCES), "enrichment": ENRICHMENTS, "target": TARGETS} == PIPE_ENDS
    assert (
        said("aws_pipes_pipe", source="arn:aws:sqs:us-east-1:0:q", target="arn:aws:events:us-east-1:0:event-bus/b")
        == []
    )
