"""What `staticfire reset` empties: databases, tables, buckets and queues; everything that Terraform made stays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .stack import Stack


def reset(stacks: Sequence[Stack]) -> None:
    """Empty the data of these stacks and of their accounts."""
    for stack in stacks:
        if stack.database is not None:
            stack.database.empty()
    for stack in {(stack.running.endpoint, stack.account): stack for stack in stacks}.values():
        _empty_tables(stack.client("dynamodb"))
        _empty_buckets(stack.client("s3"))
        _empty_queues(stack.client("sqs"))


def _empty_tables(dynamodb: Any) -> None:
    for page in dynamodb.get_paginator("list_tables").paginate():
        for name in page["TableNames"]:
            keys = [key["AttributeName"] for key in dynamodb.describe_table(TableName=name)["Table"]["KeySchema"]]
            names = {f"#k{number}": key for number, key in enumerate(keys)}
            scan = dynamodb.get_paginator("scan").paginate(
                TableName=name,
                ProjectionExpression=",".join(names),
                ExpressionAttributeNames=names,
                ConsistentRead=True,
            )
            requests = [{"DeleteRequest": {"Key": item}} for items in scan for item in items["Items"]]
            while requests:
                answer = dynamodb.batch_write_item(RequestItems={name: requests[:25]})
                requests = requests[25:] + answer.get("UnprocessedItems", {}).get(name, [])


def _empty_buckets(s3: Any) -> None:
    for bucket in s3.list_buckets()["Buckets"]:
        name = bucket["Name"]
        if name.startswith("tf-test-state"):
            continue  # Terraform's state describes what stays
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
            objects = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            for entry in objects:
                s3.delete_object(Bucket=name, Key=entry["Key"], VersionId=entry["VersionId"])


def _empty_queues(sqs: Any) -> None:
    for page in sqs.get_paginator("list_queues").paginate():
        for url in page.get("QueueUrls", []):
            sqs.purge_queue(QueueUrl=url)
