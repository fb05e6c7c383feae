from greetings import greet


def handler(event, context):
    return greet("ann")
