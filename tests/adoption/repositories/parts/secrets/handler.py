import json
import os

import boto3


def handler(event, context):
    secret = boto3.client("secretsmanager").get_secret_value(SecretId=os.environ["SECRET"])["SecretString"]
    return [os.environ["ADDRESS"], os.environ["USER"], len(json.loads(secret)["password"])]
