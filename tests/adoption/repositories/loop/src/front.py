def handler(event, context):
    print("front was invoked")
    answer = {"front": 1}
    return answer
