import os

import boto3

seen = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def handler(event, context):
    if event.get("fail"):
        raise ValueError("as it was told")
    seen.put_item(Item={"id": event["id"]})
