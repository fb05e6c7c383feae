def handler(event, context):
    answer = {"back": 1}
    return answer
