def handler(event, context):
    if event.get("type") == "REQUEST":
        return {"isAuthorized": event["headers"]["authorization"] == "open", "context": {"user": "ann"}}
    return {"statusCode": 200, "body": event["requestContext"]["authorizer"]["lambda"]["user"]}
