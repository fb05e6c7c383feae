def handler(event, context):
    return {"statusCode": 200, "body": context.invoked_function_arn.rsplit(":", 1)[1] + event["path"]}
