"""Records as functions get them: of a queue's message, of a change in a table, of a record in a Kinesis stream."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

Record = dict[str, Any]


def queue_record(message: Mapping[str, Any], arn: str, *, windowed: bool = False) -> Record:
    """As recorded on AWS: with a batching window, a message without attributes has an MD5 of them that is null."""
    record: Record = {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": {
            name: _message_attribute(attribute) for name, attribute in message.get("MessageAttributes", {}).items()
        },
    }
    digest = message.get("MD5OfMessageAttributes")
    if digest or windowed:
        record["md5OfMessageAttributes"] = digest
    return record | {
        "md5OfBody": message.get("MD5OfBody", ""),
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": arn.split(":")[3],
    }


def _message_attribute(attribute: Mapping[str, Any]) -> Record:
    values = {
        f"{name[0].lower()}{name[1:]}": attribute[name] for name in ("StringValue", "BinaryValue") if name in attribute
    }
    return {**values, "stringListValues": [], "binaryListValues": [], "dataType": attribute["DataType"]}


def table_record(change: Mapping[str, Any], arn: str) -> Record:
    """A change as GetRecords of a table's stream tells it."""
    inner = dict(change["dynamodb"])
    inner["ApproximateCreationDateTime"] = float(inner["ApproximateCreationDateTime"])
    if not inner.get("SizeBytes"):
        images = (inner.get(name, {}) for name in ("Keys", "NewImage", "OldImage"))
        inner["SizeBytes"] = sum(_item_size(image) for image in images)
    record: Record = {
        "eventID": change["eventID"].replace("-", ""),
        "eventName": change["eventName"],
        "eventVersion": change.get("eventVersion", "1.1"),
        "eventSource": "aws:dynamodb",
        "awsRegion": arn.split(":")[3],
        "dynamodb": inner,
        "eventSourceARN": arn,
    }
    if identity := change.get("userIdentity"):
        record["userIdentity"] = {f"{name[0].lower()}{name[1:]}": value for name, value in identity.items()}
    return record


def _item_size(item: Mapping[str, Mapping[str, Any]]) -> int:
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(value: Mapping[str, Any]) -> int:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html"""
    [(kind, content)] = value.items()
    if kind in ("NULL", "BOOL"):
        return 1
    if kind in ("SS", "NS", "BS"):
        return sum(_value_size({kind[0]: element}) for element in content)
    if kind == "L":
        return 3 + sum(1 + _value_size(element) for element in content)
    if kind == "M":
        return 3 + sum(1 + len(name.encode()) + _value_size(element) for name, element in content.items())
    if kind == "N":
        digits = content.lower().partition("e")[0].replace(".", "").strip("-+0")
        return (len(digits) + 1) // 2 + 1 + int(content.startswith("-"))
    return len(base64.b64decode(content)) if kind == "B" else len(str(content).encode())


def data_record(record: Mapping[str, Any], arn: str, shard: str, role: str) -> Record:
    """A record as GetRecords of a Kinesis stream tells it; `role` is the function's."""
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": record["PartitionKey"],
            "sequenceNumber": record["SequenceNumber"],
            "data": record["Data"],
            "approximateArrivalTimestamp": float(record["ApproximateArrivalTimestamp"]),
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{shard}:{record['SequenceNumber']}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": role,
        "awsRegion": arn.split(":")[3],
        "eventSourceARN": arn,
    }
