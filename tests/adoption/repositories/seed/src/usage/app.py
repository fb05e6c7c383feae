import os

import boto3

TABLE = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def handler(event, context):
    if event["requestContext"]["http"]["method"] == "POST":
        TABLE.put_item(Item={"id": "one", "body": event["body"]})
        return {"statusCode": 201, "body": event["body"]}
    return {"statusCode": 200, "body": TABLE.get_item(Key={"id": "one"})["Item"]["body"]}
