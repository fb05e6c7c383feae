"""REST APIs in front of functions: the event, the answer, templates around both."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.conformance.fidelity import documented, recorded
from tests.conformance.lab import Lab, eventually
from tests.conformance.rest_lab import Rest

AREA = "REST API: functions"
PROXY = "apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html"
CUSTOM = "apigateway/latest/developerguide/set-up-lambda-custom-integrations.html"
ERRORS = "apigateway/latest/developerguide/handle-errors-in-lambda-integration.html"
ASYNC = "apigateway/latest/developerguide/set-up-lambda-integration-async.html"
VARIABLES = "apigateway/latest/developerguide/aws-api-gateway-stage-variables-reference.html"
BINARY = "apigateway/latest/developerguide/lambda-proxy-binary-media.html"

SWITCH = """
    def handler(event, context):
        if event.get("fail"):
            raise Exception(event["fail"])
        return {"got": event}
"""


@pytest.fixture(scope="module")
def api(lab: Lab, echo: str, dictated: str) -> Rest:
    """`/{proxy+}` leads to echo, `/dictated` answers what the body says."""
    api = Rest(lab, binaryMediaTypes=["image/png"])
    api.proxy("ANY /{proxy+}", echo)
    api.proxy("POST /dictated", dictated)
    api.permit(echo)
    api.permit(dictated)
    api.deploy(variables={"color": "blue"})
    return api


@pytest.fixture(scope="module")
def switch(lab: Lab) -> str:
    return lab.function(SWITCH)


@documented(
    AREA, "The event has the request whole: headers as the client spelled them, all values, path parameters", PROXY
)
def test_the_event(api: Rest, client_ip: str) -> None:
    headers = [("X-Own", "1"), ("X-Own", "2"), ("user-Agent", "me/1"), ("content-type", "text/plain")]
    event = api.event("PUT", "/a/b/?x=1&x=2&y=a+b", headers, "hello")
    assert (event["resource"], event["path"], event["httpMethod"]) == ("/{proxy+}", "/a/b/", "PUT")
    assert event["headers"]["X-Own"] == "2"
    assert event["multiValueHeaders"]["X-Own"] == ["1", "2"]
    assert event["headers"]["User-Agent"] == "me/1"
    assert event["headers"]["X-Forwarded-For"] == client_ip
    assert event["queryStringParameters"] == {"x": "2", "y": "a b"}
    assert event["multiValueQueryStringParameters"] == {"x": ["1", "2"], "y": ["a b"]}
    assert (event["pathParameters"], event["stageVariables"]) == ({"proxy": "a/b"}, {"color": "blue"})
    assert (event["body"], event["isBase64Encoded"]) == ("hello", False)


@recorded(
    AREA, "requestContext names API, stage, deployment, resource and caller; what is not known is null", "2024-08-02"
)
def test_the_request_context(api: Rest, client_ip: str) -> None:
    context = api.event("GET", "//a", {"user-agent": "me/1"})["requestContext"]
    assert set(context) == {
        *("accountId", "apiId", "deploymentId", "domainName", "domainPrefix", "extendedRequestId", "httpMethod"),
        *("identity", "path", "protocol", "requestId", "requestTime", "requestTimeEpoch", "resourceId"),
        *("resourcePath", "stage"),
    }
    assert context["identity"] == {
        **dict.fromkeys(
            ("accessKey", "accountId", "caller", "cognitoAuthenticationProvider", "cognitoAuthenticationType")
        ),
        **dict.fromkeys(("cognitoIdentityId", "cognitoIdentityPoolId", "principalOrgId", "user", "userArn")),
        "sourceIp": client_ip,
        "userAgent": "me/1",
    }
    assert (context["path"], context["resourcePath"], context["stage"]) == ("/prod//a", "/{proxy+}", "prod")
    assert (context["apiId"], context["domainPrefix"], context["accountId"]) == (api.id, api.id, api.lab.account)
    assert len(context["requestId"]) == 36


@recorded(
    AREA,
    "What a request does not have is null; encoded characters of the path stay, of the query they do not",
    "2024-08-02",
)
def test_what_is_not_there(api: Rest) -> None:
    event = api.event("GET", "/user/test%2Balias@gmail.com/a+b?email=test%2Balias@gmail.com")
    assert event["path"] == "/user/test%2Balias@gmail.com/a+b"
    assert event["pathParameters"]["proxy"] == "user/test%2Balias@gmail.com/a+b"
    assert event["queryStringParameters"] == {"email": "test+alias@gmail.com"}
    bare = api.event("GET", "/a")
    assert (bare["body"], bare["queryStringParameters"], bare["multiValueQueryStringParameters"]) == (None, None, None)


def _answer(api: Rest, answer: Any) -> Any:
    return api.send("POST", "/dictated", {"content-type": "application/json"}, json.dumps(answer))


@recorded(AREA, "No member of the answer is mandatory; JSON is its content type where it names none", "2024-08-02")
def test_answers(api: Rest) -> None:
    plain = _answer(api, {"statusCode": "201", "headers": {"test-header": "value", "header-bool": True, "gone": None}})
    assert (plain.status, plain.body, plain.headers["content-type"]) == (201, b"", "application/json")
    assert (plain.headers["test-header"], plain.headers["header-bool"], plain.headers["gone"]) == (
        "value",
        "true",
        None,
    )
    assert plain.headers["X-Amzn-Trace-Id"].startswith("Root=1-")
    both = _answer(api, {"headers": {"test-multi": "value-solo"}, "multiValueHeaders": {"tesT-Multi": ["value-multi"]}})
    assert (both.status, both.headers.get_all("test-multi")) == (200, ["value-multi", "value-solo"])
    assert _answer(api, {"statusCode": 200, "body": "dGVzdC1kYXRh", "isBase64Encoded": True}).body == b"dGVzdC1kYXRh"


@recorded(AREA, "An answer that is none is 502, and says no more than Internal server error", "2024-08-02")
def test_malformed_answers(api: Rest) -> None:
    for answer in (
        {"statusCode": 200, "wrongValue": "value"},
        {},
        "just a string",
        {"statusCode": "test"},
        {"statusCode": 200, "multiValueHeaders": {"a": "not a list"}},
        {"statusCode": 200, "headers": {"a": "b\nc: d"}},
        {"statusCode": 200, "body": {"not": "text"}},
    ):
        refused = _answer(api, answer)
        assert (refused.status, refused.body) == (502, b'{"message": "Internal server error"}'), answer
        assert refused.headers["x-amzn-ErrorType"] == "InternalServerErrorException"


@documented(AREA, "Binary media types are base64 in the event, and bytes for a client that accepts them", BINARY)
def test_binary(api: Rest) -> None:
    event = api.event("POST", "/a", {"content-type": "image/png"}, b"\x89PNG")
    assert (base64.b64decode(event["body"]), event["isBase64Encoded"]) == (b"\x89PNG", True)
    answer = {
        "headers": {"content-type": "image/png"},
        "body": base64.b64encode(b"\x89PNG").decode(),
        "isBase64Encoded": True,
    }
    got = api.send("POST", "/dictated", {"content-type": "application/json", "accept": "image/png"}, json.dumps(answer))
    assert got.body == b"\x89PNG"


@documented(
    AREA,
    "A function that does not permit the API, is not there, or is called with another method than POST: 500",
    ERRORS,
)
def test_functions_that_cannot_be_called(lab: Lab, echo: str) -> None:
    api = Rest(lab)
    api.proxy("GET /forbidden", echo)
    api.proxy("GET /nobody", "no-such-function")
    api.proxy("GET /get", echo, integrationHttpMethod="GET")
    api.deploy()
    for path in ("/forbidden", "/nobody", "/get"):
        answer = api.get(path)
        assert (answer.status, answer.json()) == (500, {"message": "Internal server error"}), path


@documented(AREA, "A stage variable names the function, or its alias", VARIABLES)
def test_stage_variables(lab: Lab, echo: str) -> None:
    api = Rest(lab)
    api.proxy("GET /", "${stageVariables.function}")
    api.permit(echo)
    api.deploy(variables={"function": echo})
    assert api.event()["stageVariables"] == {"function": echo}


@documented(AREA, "Without a template the body is the event, and the result is the body", CUSTOM)
def test_custom(lab: Lab, switch: str) -> None:
    api = Rest(lab)
    template = {
        "application/json": """{"q": "$input.params('q')", "body": $input.json('$'), "ip": "$context.httpMethod"}"""
    }
    api.method("POST /raw", {**api.function(switch), "type": "AWS"}, {"200": {}})
    api.method("POST /made", {**api.function(switch), "type": "AWS", "requestTemplates": template}, {"200": {}})
    api.permit(switch)
    api.deploy()
    raw = api.send("POST", "/raw", {"content-type": "application/json"}, '{"a": 1}')
    assert (raw.status, raw.json(), raw.headers["content-type"]) == (200, {"got": {"a": 1}}, "application/json")
    made = api.send("POST", "/made?q=x", {"content-type": "application/json"}, '{"a": [1, 2]}')
    assert made.json() == {"got": {"q": "x", "body": {"a": [1, 2]}, "ip": "POST"}}


@documented(AREA, "A selection pattern is matched whole, against the error message of the function", ERRORS)
def test_selection_patterns(lab: Lab, switch: str) -> None:
    api = Rest(lab)
    mapped = {"method.response.header.x-error": "integration.response.body.errorType"}
    template = '{"error": "$input.path(\'$.errorMessage\')"}'
    api.method(
        "POST /",
        {**api.function(switch), "type": "AWS"},
        {
            "200": {},
            "400": {"selectionPattern": "Error: .*four hundred.*", "responseTemplates": {"application/json": template}},
            "500": {"selectionPattern": "(a+)+b", "responseParameters": mapped},
        },
    )
    api.permit(switch)
    api.deploy()

    def sent(fail: str) -> Any:
        return api.send("POST", "/", {"content-type": "application/json"}, json.dumps({"fail": fail}))

    assert (sent("").status, sent("four hundred").status) == (200, 200)
    assert (sent("Error: four hundred!").status, sent("Error: four hundred!").json()) == (
        400,
        {"error": "Error: four hundred!"},
    )
    failed = sent("aaab")
    assert (failed.status, failed.headers["x-error"]) == (500, "Exception")
    # A pattern that would take for ever ends, and the edge goes on meanwhile.
    assert sent("a" * 60).status in (200, 500)


@documented(AREA, "With X-Amz-Invocation-Type mapped to 'Event' nobody waits for the function", ASYNC)
def test_asynchronous(lab: Lab) -> None:
    table = lab.name("later")
    lab.aws("dynamodb").create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    writer = lab.function(
        f"""
        import boto3

        def handler(event, context):
            boto3.client("dynamodb").put_item(TableName="{table}", Item={{"id": {{"S": event["id"]}}}})
        """
    )
    api = Rest(lab)
    kind = {"integration.request.header.X-Amz-Invocation-Type": "'Event'"}
    api.method("POST /", {**api.function(writer), "type": "AWS", "requestParameters": kind}, {"200": {}})
    api.permit(writer)
    api.deploy()
    answer = api.send("POST", "/", {"content-type": "application/json"}, '{"id": "one"}')
    assert (answer.status, answer.body) == (200, b"")
    client = lab.aws("dynamodb")
    eventually(lambda: client.get_item(TableName=table, Key={"id": {"S": "one"}}).get("Item"), "what it wrote")
