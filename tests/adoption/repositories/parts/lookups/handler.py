import os


def handler(event, context):
    return [os.environ["ACCOUNT"], os.environ["REGION"], int(os.environ["ZONES"]) > 1]
