import os

import boto3

seen = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def handler(event, context):
    for record in event["Records"]:
        seen.put_item(Item={"id": record["s3"]["object"]["key"]})
