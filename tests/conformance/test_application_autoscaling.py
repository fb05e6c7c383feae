"""Application Auto Scaling: what Terraform registers is described again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance.fidelity import documented
from tests.conformance.lab import Lab

AREA = "Application Auto Scaling"
DOCS = "autoscaling/application/APIReference/"
HERE = "described only: nothing scales, and a policy makes no alarm"
DIMENSION = "dynamodb:table:ReadCapacityUnits"
TRACKING = {
    "TargetValue": 70.0,
    "PredefinedMetricSpecification": {"PredefinedMetricType": "DynamoDBReadCapacityUtilization"},
}


@pytest.fixture
def scaling(lab: Lab) -> Any:
    return lab.aws("application-autoscaling")


@pytest.fixture
def what(lab: Lab) -> dict[str, str]:
    """A target's three names."""
    resource = f"table/{lab.name('table')}"
    return {"ServiceNamespace": "dynamodb", "ResourceId": resource, "ScalableDimension": DIMENSION}


@pytest.fixture
def target(scaling: Any, what: dict[str, str]) -> str:
    """A registered target's ARN."""
    made = scaling.register_scalable_target(**what, MinCapacity=1, MaxCapacity=10, Tags={"team": "a"})
    return str(made["ScalableTargetARN"])


def described(scaling: Any, what: dict[str, str]) -> list[dict[str, Any]]:
    answer = scaling.describe_scalable_targets(ServiceNamespace="dynamodb", ResourceIds=[what["ResourceId"]])
    return list(answer["ScalableTargets"])


@documented(AREA, "A registered target is described, with its role, and changed by what is registered next", DOCS, HERE)
def test_a_target_is_described(lab: Lab, scaling: Any, what: dict[str, str], target: str) -> None:
    prefix = f"arn:aws:application-autoscaling:{lab.region}:{lab.account}:scalable-target/"
    assert target.startswith(prefix)
    [document] = described(scaling, what)
    assert document.items() >= {**what, "MinCapacity": 1, "MaxCapacity": 10, "ScalableTargetARN": target}.items()
    assert document["RoleARN"].endswith("/AWSServiceRoleForApplicationAutoScaling_DynamoDBTable")
    assert set(document["SuspendedState"].values()) == {False}
    suspended = {"DynamicScalingInSuspended": True}
    again = scaling.register_scalable_target(**what, MaxCapacity=20, SuspendedState=suspended)
    assert again["ScalableTargetARN"] == target
    [changed] = described(scaling, what)
    assert (changed["MinCapacity"], changed["MaxCapacity"]) == (1, 20)
    assert changed["SuspendedState"] == {**document["SuspendedState"], **suspended}
    assert changed["CreationTime"] == document["CreationTime"]


@documented(AREA, "A new target without its capacities is refused", f"{DOCS}API_RegisterScalableTarget.html")
def test_a_target_needs_its_capacities(scaling: Any, what: dict[str, str]) -> None:
    with pytest.raises(scaling.exceptions.ValidationException):
        scaling.register_scalable_target(**what, MinCapacity=1)
    with pytest.raises(scaling.exceptions.ValidationException):
        scaling.register_scalable_target(**what, MinCapacity=2, MaxCapacity=1)


@documented(AREA, "Targets belong to an account and a region", f"{DOCS}API_DescribeScalableTargets.html")
def test_targets_belong_to_an_account_and_a_region(lab: Lab, what: dict[str, str], target: str) -> None:
    elsewhere = Lab(lab.endpoint, lab.account, "eu-north-1"), Lab(lab.endpoint, "299999999999", lab.region)
    for other in elsewhere:
        assert described(other.aws("application-autoscaling"), what) == []


@documented(AREA, "A policy is described with its configuration, and keeps its ARN when it is put again", DOCS, HERE)
def test_a_policy_is_described(lab: Lab, scaling: Any, what: dict[str, str], target: str) -> None:
    def put(value: float) -> str:
        configuration = {**TRACKING, "TargetValue": value}
        return str(
            scaling.put_scaling_policy(
                **what,
                PolicyName="read",
                PolicyType="TargetTrackingScaling",
                TargetTrackingScalingPolicyConfiguration=configuration,
            )["PolicyARN"]
        )

    arn = put(70.0)
    assert arn.startswith(f"arn:aws:autoscaling:{lab.region}:{lab.account}:scalingPolicy:")
    assert arn.endswith(f":resource/dynamodb/{what['ResourceId']}:policyName/read")
    assert put(50.0) == arn
    [policy] = scaling.describe_scaling_policies(ServiceNamespace="dynamodb", PolicyNames=["read"], **_of(what))[
        "ScalingPolicies"
    ]
    assert policy.items() >= {**what, "PolicyName": "read", "PolicyARN": arn}.items()
    assert (policy["PolicyType"], policy["Alarms"]) == ("TargetTrackingScaling", [])
    assert policy["TargetTrackingScalingPolicyConfiguration"] == {**TRACKING, "TargetValue": 50.0}
    scaling.delete_scaling_policy(**what, PolicyName="read")
    assert scaling.describe_scaling_policies(ServiceNamespace="dynamodb", **_of(what))["ScalingPolicies"] == []


def _of(what: dict[str, str]) -> dict[str, str]:
    return {"ResourceId": what["ResourceId"]}


@documented(AREA, "A scheduled action is described until it is deleted", DOCS, HERE)
def test_a_scheduled_action_is_described(scaling: Any, what: dict[str, str], target: str) -> None:
    action = {"MinCapacity": 1, "MaxCapacity": 2}
    scaling.put_scheduled_action(
        **what, ScheduledActionName="night", Schedule="cron(0 22 * * ? *)", ScalableTargetAction=action
    )
    [document] = scaling.describe_scheduled_actions(ServiceNamespace="dynamodb", **_of(what))["ScheduledActions"]
    assert (document["ScheduledActionName"], document["ScalableTargetAction"]) == ("night", action)
    scaling.delete_scheduled_action(**what, ScheduledActionName="night")
    assert scaling.describe_scheduled_actions(ServiceNamespace="dynamodb", **_of(what))["ScheduledActions"] == []


@documented(AREA, "A deregistered target takes its policies and actions along", DOCS)
def test_a_target_goes_with_what_it_has(scaling: Any, what: dict[str, str], target: str) -> None:
    scaling.put_scaling_policy(
        **what,
        PolicyName="read",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=TRACKING,
    )
    scaling.deregister_scalable_target(**what)
    assert described(scaling, what) == []
    assert scaling.describe_scaling_policies(ServiceNamespace="dynamodb", **_of(what))["ScalingPolicies"] == []
    with pytest.raises(scaling.exceptions.ResourceNotFoundException):
        scaling.list_tags_for_resource(ResourceARN=target)


def without(call: str, **more: Any) -> Callable[[Any, dict[str, str]], Any]:
    return lambda scaling, what: getattr(scaling, call)(**what, **more)


@documented(AREA, "What needs a target or a policy that does not exist: ObjectNotFoundException", DOCS)
@pytest.mark.parametrize(
    "call",
    [
        without("deregister_scalable_target"),
        without("delete_scaling_policy", PolicyName="p"),
        without("delete_scheduled_action", ScheduledActionName="a"),
        without("put_scheduled_action", ScheduledActionName="a", Schedule="rate(1 hour)"),
        without(
            "put_scaling_policy",
            PolicyName="p",
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration=TRACKING,
        ),
    ],
)
def test_what_does_not_exist(scaling: Any, what: dict[str, str], call: Callable[[Any, dict[str, str]], Any]) -> None:
    with pytest.raises(scaling.exceptions.ObjectNotFoundException):
        call(scaling, what)


@documented(AREA, "A target is tagged by its ARN", f"{DOCS}API_TagResource.html")
def test_a_target_is_tagged(scaling: Any, target: str) -> None:
    scaling.tag_resource(ResourceARN=target, Tags={"stage": "b"})
    assert scaling.list_tags_for_resource(ResourceARN=target)["Tags"] == {"team": "a", "stage": "b"}
    scaling.untag_resource(ResourceARN=target, TagKeys=["team"])
    assert scaling.list_tags_for_resource(ResourceARN=target)["Tags"] == {"stage": "b"}


@documented(AREA, "Long lists come in pages", f"{DOCS}API_DescribeScalableTargets.html")
def test_targets_come_in_pages(lab: Lab, scaling: Any) -> None:
    resources = [f"table/{lab.name('page')}" for _ in range(3)]
    for resource in resources:
        scaling.register_scalable_target(
            ServiceNamespace="dynamodb",
            ResourceId=resource,
            ScalableDimension=DIMENSION,
            MinCapacity=1,
            MaxCapacity=2,
        )
    pages = scaling.get_paginator("describe_scalable_targets").paginate(
        ServiceNamespace="dynamodb", ResourceIds=resources, PaginationConfig={"PageSize": 2}
    )
    lists = [[target["ResourceId"] for target in page["ScalableTargets"]] for page in pages]
    assert [len(page) for page in lists] == [2, 1]
    assert sorted(resource for page in lists for resource in page) == sorted(resources)
