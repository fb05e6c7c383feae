from inner.words import WORD


def handler(event, context):
    return WORD
