from dependency import ANSWER


def handler(event, context):
    return {"answer": ANSWER}
