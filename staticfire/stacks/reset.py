"""What `staticfire reset` empties: databases, tables, buckets and queues; everything that Terraform made stays."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from .stack import Stack


def reset(stacks: Sequence[Stack]) -> list[str]:
    """Empty the data of these stacks and of their accounts; what was emptied, in words."""
    emptied: dict[str, list[str]] = {"databases": [], "tables": [], "buckets": [], "queues": []}
    for stack in stacks:
        if stack.database is not None:
            stack.database.empty()
            emptied["databases"].append(stack.database.name)
    for stack in {(stack.running.endpoint, stack.account): stack for stack in stacks}.values():
        emptied["tables"] += _empty_tables(stack.client("dynamodb"))
        emptied["buckets"] += _empty_buckets(stack.client("s3"))
        emptied["queues"] += _empty_queues(stack.client("sqs"))
    return [f"{kind}: {', '.join(names)}" for kind, names in emptied.items() if names]


def _empty_tables(dynamodb: Any) -> Iterator[str]:
    for page in dynamodb.get_paginator("list_tables").paginate():
        for name in page["TableNames"]:
            yield name
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


def _empty_buckets(s3: Any) -> Iterator[str]:
    names = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    states = [name for name in names if name.startswith("tf-test-state")]
    kept = {place for state in states for place in _objects_of_terraform(s3, state)}
    for name in names:
        if name in states:
            continue  # Terraform's state describes what stays
        yield name
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
            objects = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            for entry in objects:
                if (name, entry["Key"]) not in kept:
                    s3.delete_object(Bucket=name, Key=entry["Key"], VersionId=entry["VersionId"])


def _objects_of_terraform(s3: Any, state_bucket: str) -> Iterator[tuple[str, str]]:
    """Bucket and key of each object that Terraform made, as the code of functions: a plan would miss them."""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=state_bucket):
        for entry in page.get("Contents", ()):
            state = json.load(s3.get_object(Bucket=state_bucket, Key=entry["Key"])["Body"])
            for resource in state.get("resources", ()):
                if resource["type"] == "aws_s3_object" and resource["mode"] == "managed":
                    for instance in resource["instances"]:
                        yield instance["attributes"]["bucket"], instance["attributes"]["key"]


def _empty_queues(sqs: Any) -> Iterator[str]:
    for page in sqs.get_paginator("list_queues").paginate():
        for url in page.get("QueueUrls", []):
            yield url.rpartition("/")[2]
            sqs.purge_queue(QueueUrl=url)
