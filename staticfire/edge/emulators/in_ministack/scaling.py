"""Application Auto Scaling, which MiniStack lacks: targets, policies and schedules are described; nothing scales."""

from __future__ import annotations

import json
import sys
import time
import uuid
from collections.abc import Callable
from typing import Any

NAME = "application-autoscaling"
MODULE = "application_autoscaling"
PAGE = 50

Document = dict[str, Any]

# The last part of the service's own role, by namespace.
_ROLES = {
    "appstream": "AppStreamFleet",
    "cassandra": "CassandraTable",
    "comprehend": "ComprehendEndpoint",
    "custom-resource": "CustomResource",
    "dynamodb": "DynamoDBTable",
    "ec2": "EC2SpotFleetRequest",
    "ecs": "ECSService",
    "elasticache": "ElastiCacheRG",
    "elasticmapreduce": "EMRInstanceGroup",
    "kafka": "KafkaCluster",
    "lambda": "LambdaConcurrency",
    "neptune": "NeptuneCluster",
    "rds": "RDSCluster",
    "sagemaker": "SageMakerEndpoint",
    "workspaces": "WorkSpacesPool",
}
_SUSPENDED = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")
_POLICY_MEMBERS = (
    "StepScalingPolicyConfiguration",
    "TargetTrackingScalingPolicyConfiguration",
    "PredictiveScalingPolicyConfiguration",
)


class _Refused(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


# What is described, by kind: of the account and region at work each.
_kept: dict[str, Any] = {}


def correct() -> None:
    """Make this module one of MiniStack's services."""
    from ministack import app
    from ministack.core import router
    from ministack.core.responses import AccountRegionScopedDict

    _kept.update((kind, AccountRegionScopedDict()) for kind in ("targets", "policies", "actions", "tags"))
    sys.modules[f"ministack.services.{MODULE}"] = sys.modules[__name__]
    app.SERVICE_REGISTRY[NAME] = {"module": MODULE}
    app.SERVICE_HANDLERS[NAME] = handle_request
    app._state_map[MODULE] = MODULE
    router.SERVICE_PATTERNS[NAME] = {"target_prefixes": ["AnyScaleFrontendService."], "credential_scope": NAME}


def reset() -> None:
    for documents in _kept.values():
        documents.clear()


async def handle_request(method: str, path: str, headers: Any, body: bytes, query_params: Any) -> Any:
    from ministack.core.responses import error_response_json, json_response

    action = headers.get("x-amz-target", "").rpartition(".")[2]
    operation = _OPERATIONS.get(action)
    if operation is None:
        return error_response_json("ValidationException", f"{action} is not available here.", 400)
    try:
        return json_response(operation(json.loads(body or b"{}")))
    except _Refused as refused:
        return error_response_json(refused.code, str(refused), 400)


def _key(data: Document, name: str = "") -> str:
    """Which target a call means; with `name`, which policy or action of it."""
    namespace, resource, dimension = _parts(data)
    if not dimension.startswith(f"{namespace}:"):
        raise _Refused(
            "ValidationException",
            f"Unsupported service namespace, resource type or scalable dimension: {namespace}, {resource}, {dimension}",
        )
    return "|".join((namespace, resource, dimension, *([data.get(name, "")] if name else [])))


def _parts(data: Document) -> tuple[str, str, str]:
    return data.get("ServiceNamespace", ""), data.get("ResourceId", ""), data.get("ScalableDimension", "")


def _target(data: Document, verb: str) -> Document:
    target: Document | None = _kept["targets"].get(_key(data))
    if target is None:
        raise _not_found(f"No scalable target {verb}", data)
    return target


def _not_found(what: str, data: Document) -> _Refused:
    namespace, resource, dimension = _parts(data)
    named = f"service namespace: {namespace}, resource ID: {resource}, scalable dimension: {dimension}"
    return _Refused("ObjectNotFoundException", f"{what} for {named}")


def _arn(service: str, rest: str) -> str:
    from ministack.core.responses import get_account_id, get_region

    return f"arn:aws:{service}:{get_region()}:{get_account_id()}:{rest}"


def _register(data: Document) -> Document:
    from ministack.core.responses import get_account_id

    key = _key(data)
    before = _kept["targets"].get(key)
    target = dict(before or {})
    target |= {name: data[name] for name in ("MinCapacity", "MaxCapacity", "RoleARN") if data.get(name) is not None}
    if "MinCapacity" not in target or "MaxCapacity" not in target:
        raise _Refused("ValidationException", "MinCapacity and MaxCapacity must both be specified for a new target")
    if target["MinCapacity"] > target["MaxCapacity"]:
        raise _Refused("ValidationException", "Maximum capacity cannot be less than minimum capacity")
    suspended = dict.fromkeys(_SUSPENDED, False) | target.get("SuspendedState", {}) | (data.get("SuspendedState") or {})
    if before is None:
        namespace = data["ServiceNamespace"]
        target |= {name: data[name] for name in ("ServiceNamespace", "ResourceId", "ScalableDimension")}
        target["CreationTime"] = time.time()
        target["ScalableTargetARN"] = _arn(NAME, f"scalable-target/{uuid.uuid4().hex}")
        target.setdefault(
            "RoleARN",
            f"arn:aws:iam::{get_account_id()}:role/aws-service-role/{namespace}.application-autoscaling.amazonaws.com/"
            f"AWSServiceRoleForApplicationAutoScaling_{_ROLES.get(namespace, 'Default')}",
        )
        _kept["tags"][target["ScalableTargetARN"]] = dict(data.get("Tags") or {})
    _kept["targets"][key] = target | {"SuspendedState": suspended}
    return {"ScalableTargetARN": target["ScalableTargetARN"]}


def _deregister(data: Document) -> Document:
    """The target goes with its policies and actions."""
    target, key = _target(data, "found"), _key(data)
    for kind in ("policies", "actions"):
        for name in [name for name in _kept[kind] if name.startswith(f"{key}|")]:
            del _kept[kind][name]
    _kept["tags"].pop(target["ScalableTargetARN"], None)
    del _kept["targets"][key]
    return {}


def _put_policy(data: Document) -> Document:
    _target(data, "registered")
    key = _key(data, "PolicyName")
    policy = dict(_kept["policies"].get(key) or {})
    kind = data.get("PolicyType") or policy.get("PolicyType") or "StepScaling"
    if not policy:
        policy = {"PolicyARN": _arn_below("scalingPolicy", data, "policyName", "PolicyName"), "Alarms": []}
        policy["CreationTime"] = time.time()
    policy |= {name: data[name] for name in ("PolicyName", "ServiceNamespace", "ResourceId", "ScalableDimension")}
    policy |= {name: data[name] for name in _POLICY_MEMBERS if data.get(name) is not None}
    _kept["policies"][key] = policy | {"PolicyType": kind}
    return {"PolicyARN": policy["PolicyARN"], "Alarms": []}


def _put_action(data: Document) -> Document:
    _target(data, "registered")
    key = _key(data, "ScheduledActionName")
    action = dict(_kept["actions"].get(key) or {})
    if not action:
        if not data.get("Schedule"):
            raise _Refused("ValidationException", "Schedule must be specified for a new scheduled action")
        arn = _arn_below("scheduledAction", data, "scheduledActionName", "ScheduledActionName")
        action = {"ScheduledActionARN": arn, "CreationTime": time.time()}
    _kept["actions"][key] = action | {name: value for name, value in data.items() if value is not None}
    return {}


def _arn_below(kind: str, data: Document, label: str, name: str) -> str:
    namespace, resource, _ = _parts(data)
    return _arn("autoscaling", f"{kind}:{uuid.uuid4()}:resource/{namespace}/{resource}:{label}/{data[name]}")


def _delete(kind: str, name: str, what: str) -> Callable[[Document], Document]:
    def delete(data: Document) -> Document:
        key = _key(data, name)
        if key not in _kept[kind]:
            raise _not_found(f"No {what} found with name {data.get(name)}", data)
        del _kept[kind][key]
        return {}

    return delete


def _describe(kind: str, member: str, filters: dict[str, str]) -> Callable[[Document], Document]:
    """`filters`: by which member of the call which member of a document is chosen."""

    def describe(data: Document) -> Document:
        chosen = []
        for document in _kept[kind].values():
            allowed = {name: _list(data[key]) for key, name in filters.items() if data.get(key)}
            allowed["ServiceNamespace"] = [data.get("ServiceNamespace")]
            if all(document.get(name) in values for name, values in allowed.items()):
                chosen.append(document)
        start, size = int(data.get("NextToken") or 0), min(data.get("MaxResults") or PAGE, PAGE)
        more = {"NextToken": str(start + size)} if start + size < len(chosen) else {}
        return {member: chosen[start : start + size], **more}

    return describe


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _tagged(data: Document) -> Document:
    arn = data.get("ResourceARN", "")
    tags: Document | None = _kept["tags"].get(arn)
    if tags is None:
        raise _Refused("ResourceNotFoundException", f"The specified resource doesn't exist: {arn}")
    return tags


def _tag(data: Document) -> Document:
    _tagged(data).update(data.get("Tags") or {})
    return {}


def _untag(data: Document) -> Document:
    tags = _tagged(data)
    for name in data.get("TagKeys", ()):
        tags.pop(name, None)
    return {}


_OF_A_RESOURCE = {"ResourceId": "ResourceId", "ScalableDimension": "ScalableDimension"}
_OPERATIONS: dict[str, Callable[[Document], Document]] = {
    "RegisterScalableTarget": _register,
    "DeregisterScalableTarget": _deregister,
    "DescribeScalableTargets": _describe(
        "targets",
        "ScalableTargets",
        {"ResourceIds": "ResourceId", "ScalableDimension": "ScalableDimension"},
    ),
    "PutScalingPolicy": _put_policy,
    "DeleteScalingPolicy": _delete("policies", "PolicyName", "scaling policy"),
    "DescribeScalingPolicies": _describe(
        "policies", "ScalingPolicies", {"PolicyNames": "PolicyName", **_OF_A_RESOURCE}
    ),
    "PutScheduledAction": _put_action,
    "DeleteScheduledAction": _delete("actions", "ScheduledActionName", "scheduled action"),
    "DescribeScheduledActions": _describe(
        "actions", "ScheduledActions", {"ScheduledActionNames": "ScheduledActionName", **_OF_A_RESOURCE}
    ),
    "DescribeScalingActivities": lambda data: {"ScalingActivities": []},
    "ListTagsForResource": lambda data: {"Tags": _tagged(data)},
    "TagResource": _tag,
    "UntagResource": _untag,
}
