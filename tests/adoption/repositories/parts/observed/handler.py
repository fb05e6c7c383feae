def handler(event, context):
    print("a line of the function")
    return event
