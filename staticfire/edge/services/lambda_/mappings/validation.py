"""What AWS refuses of a mapping's settings, and what it fills in where nothing is said; its wording, as recorded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from staticfire.edge.aws.calls import AwsError

from .filters import Filters, patterns_of
from .patterns import BadPattern

Settings = dict[str, Any]

QUEUE: Settings = {"BatchSize": 10, "MaximumBatchingWindowInSeconds": 0, "FunctionResponseTypes": []}
STREAM: Settings = {
    "BatchSize": 100,
    "MaximumBatchingWindowInSeconds": 0,
    "FunctionResponseTypes": [],
    "BisectBatchOnFunctionError": False,
    "DestinationConfig": {"OnFailure": {}},
    "MaximumRecordAgeInSeconds": -1,
    "MaximumRetryAttempts": -1,
    "ParallelizationFactor": 1,
    "TumblingWindowInSeconds": 0,
}
# Sources that are described here, and read by nobody.
BROKER: Settings = {"BatchSize": 100, "StartingPosition": "TRIM_HORIZON"}

OF_STREAMS_ALONE = (
    "BisectBatchOnFunctionError",
    "DestinationConfig",
    "MaximumRecordAgeInSeconds",
    "MaximumRetryAttempts",
    "ParallelizationFactor",
    "TumblingWindowInSeconds",
)
# Given at creation, and never changed.
FIXED = (
    "EventSourceArn",
    "StartingPosition",
    "StartingPositionTimestamp",
    "Topics",
    "Queues",
    "SelfManagedEventSource",
)
# What can be given for every kind of source.
FREE = (
    *("FilterCriteria", "KMSKeyArn", "SourceAccessConfigurations", "ScalingConfig", "MetricsConfig", "LoggingConfig"),
    *("AmazonManagedKafkaEventSourceConfig", "SelfManagedKafkaEventSourceConfig", "DocumentDBEventSourceConfig"),
    "ProvisionedPollerConfig",
)
# Nothing is told of what was given as nothing.
EMPTY_IS_NONE = (
    "FilterCriteria",
    "KMSKeyArn",
    "ScalingConfig",
    "ProvisionedPollerConfig",
    "SourceAccessConfigurations",
)
SHORTEST_AGE = 60
BROKERS = ("kafka", "mq", "rds")  # Amazon DocumentDB's clusters have ARNs of `rds`
# The most to which an account's quota of five can be raised.
MOST_FILTERS = 10


def kind_of(settings: Mapping[str, Any]) -> str:
    """`sqs`, `dynamodb`, `kinesis`, or a source that is described only: `kafka`, `mq`, ..."""
    if settings.get("SelfManagedEventSource"):
        return "self-managed kafka"
    arn = settings.get("EventSourceArn")
    if not arn:
        raise refused("Unrecognized event source.")
    kind = str(arn).split(":")[2]
    if kind not in ("sqs", "dynamodb", "kinesis", *BROKERS):
        raise refused("Unrecognized event source.")
    return kind


def created(params: Mapping[str, Any]) -> Settings:
    """The settings of a new mapping: checked, and with AWS's defaults."""
    _check_destinations(params)
    kind = kind_of(params)
    if kind == "self-managed kafka" and "SourceAccessConfigurations" not in params:
        raise refused("Required 'sourceAccessConfigurations' parameter is missing.")
    if kind in ("dynamodb", "kinesis"):
        _check_position(params, kind)
    elif kind == "sqs" and params.get("StartingPosition"):
        raise refused("StartingPosition is not valid for SQS event sources.")
    settings = _merged(kind, _defaults(kind), params, FIXED)
    _check(settings, params, kind)
    return settings


def updated(settings: Mapping[str, Any], params: Mapping[str, Any]) -> Settings:
    """The settings after a change: what is not named stays."""
    _check_destinations(params)
    kind = kind_of(settings)
    changed = _merged(kind, settings, params)
    _check(changed, params, kind)
    return changed


def refused(message: str) -> AwsError:
    return AwsError(400, "InvalidParameterValueException", message, fields={"Type": "User"})


def _defaults(kind: str) -> Settings:
    return {"sqs": QUEUE, "dynamodb": STREAM, "kinesis": STREAM}.get(kind, BROKER)


def _merged(kind: str, before: Mapping[str, Any], params: Mapping[str, Any], further: tuple[str, ...] = ()) -> Settings:
    allowed = {*FREE, *further, *(QUEUE if kind == "sqs" else STREAM)}
    changes = {name: value for name, value in params.items() if name in allowed and value is not None}
    settings = {**before, **changes}
    if "DestinationConfig" in settings:
        settings["DestinationConfig"] = {"OnFailure": {}, **settings["DestinationConfig"]}
    for name in EMPTY_IS_NONE:
        if name in settings and not any(
            settings[name].values() if isinstance(settings[name], dict) else [settings[name]]
        ):
            del settings[name]
    return settings


def _check_position(params: Mapping[str, Any], kind: str) -> None:
    position = params.get("StartingPosition")
    if not position:
        raise refused(
            "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: "
            "Member must not be null."
        )
    timestamp = params.get("StartingPositionTimestamp")
    if position != "AT_TIMESTAMP":
        if timestamp is not None:
            raise refused("Timestamp only valid with StartingPosition AT_TIMESTAMP")
        return
    if kind == "dynamodb":
        raise refused(f"Unsupported starting position for arn type: {params['EventSourceArn']}")
    if timestamp is None:
        raise refused("StartingPositionTimestamp must be given with the starting position AT_TIMESTAMP.")
    if timestamp < 0:
        raise refused(
            "Received Exception while reading from provided stream. class java.lang.Long can not be converted to a "
            "Timestamp"
        )


def _check_destinations(params: Mapping[str, Any]) -> None:
    if (params.get("DestinationConfig") or {}).get("OnSuccess"):
        raise refused("Unsupported DestinationConfig parameter for given event source mapping type.")


def _check(settings: Mapping[str, Any], params: Mapping[str, Any], kind: str) -> None:
    if kind in ("sqs", "dynamodb", "kinesis"):
        _check_of_kind(settings, params, kind)
    filters = (settings.get("FilterCriteria") or {}).get("Filters") or ()
    if len(filters) > MOST_FILTERS:
        raise refused(f"A mapping has at most {MOST_FILTERS} filters; {len(filters)} were given.")
    for pattern in filters:
        if not isinstance(pattern.get("Pattern"), str):
            raise refused("Invalid filter pattern definition.")
    try:
        Filters(patterns_of(settings.get("FilterCriteria")))
    except BadPattern as error:
        raise refused("Invalid filter pattern definition.") from error


def _check_of_kind(settings: Mapping[str, Any], params: Mapping[str, Any], kind: str) -> None:
    fifo = kind == "sqs" and settings["EventSourceArn"].endswith(".fifo")
    if kind == "sqs":
        for name in OF_STREAMS_ALONE:
            if params.get(name):
                raise refused(f"Unsupported {name} parameter for given event source mapping type.")
        if fifo and settings["MaximumBatchingWindowInSeconds"]:
            raise refused("Batching window is not supported for FIFO queues")
        if fifo and settings["BatchSize"] > 10:
            raise refused("Batch size must not exceed 10 for FIFO queues")
        if settings["BatchSize"] > 10 and not settings["MaximumBatchingWindowInSeconds"]:
            raise refused(
                "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
            )
        return
    if params.get("ScalingConfig"):
        raise refused("Unsupported ScalingConfig parameter for given event source mapping type.")
    if 0 <= settings["MaximumRecordAgeInSeconds"] < SHORTEST_AGE:
        raise refused("MaximumRecordAgeInSeconds must be -1, or from 60 to 604800.")
    destination = settings["DestinationConfig"]["OnFailure"].get("Destination")
    if destination and destination.split(":")[2:3] not in (["sqs"], ["sns"], ["s3"]):
        raise refused(f"The destination ARN {destination} is invalid.")
