import os

import boto3

seen = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def handler(event, context):
    seen.put_item(Item={"id": event["id"]})
