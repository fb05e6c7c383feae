from shared import WORD


def handler(event, context):
    return WORD
