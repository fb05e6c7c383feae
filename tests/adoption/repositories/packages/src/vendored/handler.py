from fast import loads


def handler(event, context):
    return loads("1")
