import os

import boto3

seen = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def handler(event, context):
    failed = []
    for record in event["Records"]:
        if record["body"] == "bad":
            failed.append({"itemIdentifier": record["messageId"]})
        else:
            seen.put_item(Item={"id": record["body"]})
    return {"batchItemFailures": failed}
