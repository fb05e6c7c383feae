import json


def handler(event, context):
    return [{"id": json.loads(record["body"])["id"], "seen": True} for record in event]
