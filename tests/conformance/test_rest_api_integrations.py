"""REST APIs in front of servers and of AWS services."""

from __future__ import annotations

import base64
import json
from typing import Any

from tests.conformance.fidelity import documented
from tests.conformance.lab import Lab
from tests.conformance.rest_lab import Rest

AREA = "REST API: integrations"
HTTP = "apigateway/latest/developerguide/setup-http-integrations.html"
MAPPING = "apigateway/latest/developerguide/request-response-data-mappings.html"
SERVICES = "apigateway/latest/developerguide/api-gateway-integration-settings-integration-request.html"
S3 = "apigateway/latest/developerguide/integrating-api-with-aws-services-s3.html"
PRIVATE = "apigateway/latest/developerguide/set-up-private-integration.html"
TIMEOUT = "apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html"

JSON = {"content-type": "application/json"}


@documented(
    AREA,
    "HTTP_PROXY passes the request on; headers of the answer that are the connection's come back renamed",
    "apigateway/latest/developerguide/api-gateway-known-issues.html",
)
def test_http_proxy(lab: Lab, backend: str) -> None:
    api = Rest(lab)
    api.method(
        "ANY /x/{proxy+}",
        {
            "type": "HTTP_PROXY",
            "integrationHttpMethod": "ANY",
            "uri": f"{backend}/base/{{proxy}}",
            "requestParameters": {
                "integration.request.path.proxy": "method.request.path.proxy",
                "integration.request.header.x-mapped": "method.request.querystring.c",
                "integration.request.querystring.more": "'static'",
            },
        },
        requestParameters={"method.request.path.proxy": True, "method.request.querystring.c": False},
    )
    api.deploy()
    answer = api.send("POST", "/x/a/b?c=d", {"X-Mine": "1", **JSON}, '{"message": "hello"}')
    assert (answer.status, answer.headers["x-backend"]) == (200, "yes")
    seen = answer.json()
    assert (seen["method"], seen["path"], seen["body"]) == ("POST", "/base/a/b?c=d&more=static", '{"message": "hello"}')
    assert (seen["headers"]["x-mine"], seen["headers"]["x-mapped"]) == ("1", "d")
    assert seen["headers"]["x-amzn-apigateway-api-id"] == api.id
    assert answer.headers["x-amzn-remapped-content-length"] == str(len(answer.body))
    assert answer.headers["x-amzn-remapped-date"]


@documented(
    AREA,
    "HTTP passes what is mapped, and its answer goes through the integration responses",
    HTTP,
)
def test_http(lab: Lab, backend: str) -> None:
    api = Rest(lab)
    own = {"method.response.header.x-from": "integration.response.header.x-backend"}
    missing = {"method.response.header.x-static": "'not there'", "method.response.header.x-stage": "context.stage"}
    for path in ("/found", "/missing"):
        api.method(
            f"POST {path}",
            {
                "type": "HTTP",
                "integrationHttpMethod": "PUT",
                "uri": f"{backend}{path}",
                "requestTemplates": {"application/json": '{"made": $input.json("$.a")}'},
                "requestParameters": {"integration.request.header.x-body": "method.request.body.a"},
            },
            {
                "200": {"responseParameters": own},
                "404": {
                    "selectionPattern": "4\\d{2}",
                    "responseParameters": missing,
                    "responseTemplates": {"application/json": "$input.path('$.path')"},
                },
            },
        )
    api.deploy()
    answer = api.send("POST", "/found", {"X-Mine": "1", **JSON}, '{"a": "b"}')
    seen = answer.json()
    assert (answer.status, answer.headers["x-from"], answer.headers["x-backend"]) == (200, "yes", None)
    assert (seen["method"], seen["body"], seen["headers"]["x-body"]) == ("PUT", '{"made": "b"}', "b")
    assert "x-mine" not in seen["headers"]
    assert seen["headers"]["user-agent"] == f"AmazonAPIGateway_{api.id}"
    missing_answer = api.send("POST", "/missing", JSON, "{}")
    assert (missing_answer.status, missing_answer.body) == (404, b"/missing")
    assert (missing_answer.headers["x-static"], missing_answer.headers["x-stage"]) == ("not there", "prod")


@documented(AREA, "A server that is too slow is 504, one that is not there too", TIMEOUT)
def test_servers_that_fail(lab: Lab, backend: str) -> None:
    api = Rest(lab)
    for path, uri in (("/slow", f"{backend}/slow"), ("/gone", "http://127.0.0.1:1/")):
        api.method(
            f"GET {path}",
            {"type": "HTTP_PROXY", "integrationHttpMethod": "GET", "uri": uri, "timeoutInMillis": 200},
        )
    api.deploy()
    slow, gone = api.get("/slow"), api.get("/gone")
    assert (slow.status, slow.body) == (504, b'{"message": "Endpoint request timed out"}')
    assert (gone.status, gone.json()) == (504, {"message": "Network error communicating with endpoint"})


def _service(api: Rest, key: str, uri: str, **integration: Any) -> None:
    """An integration with a service, as the stack's role."""
    integration.setdefault("integrationHttpMethod", "POST")
    responses = integration.pop("responses", {"200": {}, "400": {"selectionPattern": "4\\d{2}"}})
    method = integration.pop("method", {})
    api.method(
        key,
        {
            "type": "AWS",
            "uri": f"arn:aws:apigateway:{api.lab.region}:{uri}",
            "credentials": api.lab.role(),
            **integration,
        },
        responses,
        **method,
    )


@documented(AREA, "DynamoDB: an action with a request and a response template", SERVICES)
def test_dynamodb(lab: Lab) -> None:
    table = lab.name("things")
    lab.aws("dynamodb").create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    api = Rest(lab)
    item = """{"id": {"S": "$input.params('id')"}, "v": {"S": "$input.path('$.v')"}}"""
    put = f"""{{"TableName": "{table}", "Item": {item}}}"""
    get = f"""{{"TableName": "{table}", "Key": {{"id": {{"S": "$input.params('id')"}}}}}}"""
    shown = """#set($item = $input.path('$').Item){"value": "$item.v.S"}"""
    _service(api, "PUT /{id}", "dynamodb:action/PutItem", requestTemplates={"application/json": put})
    _service(
        api,
        "GET /{id}",
        "dynamodb:action/GetItem",
        requestTemplates={"application/json": get},
        responses={"200": {"responseTemplates": {"application/json": shown}}},
    )
    absent = """{"TableName": "absent", "Key": {"id": {"S": "x"}}}"""
    _service(api, "POST /{id}", "dynamodb:action/GetItem", requestTemplates={"application/json": absent})
    api.deploy()
    assert api.send("PUT", "/one", JSON, '{"v": "first"}').status == 200
    assert api.get("/one").json() == {"value": "first"}
    assert api.send("POST", "/one", JSON, "{}").status == 400


@documented(AREA, "SQS: the queue's path with a form, and an action in JSON", SERVICES)
def test_sqs(lab: Lab) -> None:
    queue = lab.queue()
    api = Rest(lab)
    form = {"integration.request.header.Content-Type": "'application/x-www-form-urlencoded'"}
    template = "Action=SendMessage&MessageBody=$util.urlEncode($input.body)"
    name = queue.url.rpartition("/")[2]
    _service(
        api,
        "POST /form",
        f"sqs:path/{lab.account}/{name}",
        requestParameters=form,
        requestTemplates={"application/json": template},
        responses={"200": {"responseTemplates": {"application/json": "taken"}}},
    )
    as_json = f"""{{"QueueUrl": "{queue.url}", "MessageBody": "$util.escapeJavaScript($input.json('$.m'))"}}"""
    _service(api, "POST /json", "sqs:action/SendMessage", requestTemplates={"application/json": as_json})
    api.deploy()
    answer = api.send("POST", "/form", JSON, '{"a": "b & c"}')
    assert (answer.status, answer.body) == (200, b"taken")
    assert queue.receive()["Body"] == '{"a": "b & c"}'
    assert api.send("POST", "/json", JSON, '{"m": "hi"}').status == 200
    assert queue.receive()["Body"] == '"hi"'


@documented(AREA, "SQS and SNS: the query protocol is answered in JSON, as it is and to a template", SERVICES)
def test_the_query_protocol_in_json(lab: Lab) -> None:
    queue = lab.queue()
    topic = lab.aws("sns").create_topic(Name=lab.name("topic"))["TopicArn"]
    api = Rest(lab)
    form = {"integration.request.header.Content-Type": "'application/x-www-form-urlencoded'"}
    name = queue.url.rpartition("/")[2]
    send = {"application/json": "Action=SendMessage&MessageBody=$util.urlEncode($input.body)"}
    read = "$input.path('$.SendMessageResponse.SendMessageResult.MessageId')"
    for route, answers in (("POST /plain", {}), ("POST /read", {"responseTemplates": {"application/json": read}})):
        uri = f"sqs:path/{lab.account}/{name}"
        _service(api, route, uri, requestParameters=form, requestTemplates=send, responses={"200": answers})
    query = {
        "integration.request.querystring.TopicArn": f"'{topic}'",
        "integration.request.querystring.Message": "method.request.body.m",
    }
    _service(api, "POST /sns", "sns:action/Publish", requestParameters=query)
    api.deploy()
    plain = json.loads(api.send("POST", "/plain", JSON, "one").body)["SendMessageResponse"]
    assert plain["SendMessageResult"]["MessageId"] == queue.receive()["MessageId"]
    assert plain["SendMessageResult"].get("SequenceNumber") is None
    assert plain["ResponseMetadata"]["RequestId"]
    read_by_template = api.send("POST", "/read", JSON, "two").body.decode()
    assert read_by_template == queue.receive()["MessageId"]
    published = json.loads(api.send("POST", "/sns", JSON, '{"m": "hi"}').body)["PublishResponse"]
    assert published["PublishResult"]["MessageId"]


@documented(AREA, "SNS, EventBridge, Secrets Manager and Step Functions: by action, in the protocol of each", SERVICES)
def test_other_services(lab: Lab) -> None:
    queue = lab.queue()
    topic = lab.aws("sns").create_topic(Name=lab.name("topic"))["TopicArn"]
    lab.aws("sns").subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=queue.arn, Attributes={"RawMessageDelivery": "true"}
    )
    secret = lab.aws("secretsmanager").create_secret(Name=lab.name("secret"), SecretString="hush")["ARN"]
    api = Rest(lab)
    query = {
        "integration.request.querystring.TopicArn": f"'{topic}'",
        "integration.request.querystring.Message": "method.request.body.m",
    }
    _service(api, "POST /sns", "sns:action/Publish", requestParameters=query)
    target = {
        "integration.request.header.X-Amz-Target": "'AWSEvents.PutEvents'",
        "integration.request.header.Content-Type": "'application/x-amz-json-1.1'",
    }
    events = '{"Entries": [{"Source": "me", "DetailType": "t", "Detail": "{}", "EventBusName": "default"}]}'
    _service(
        api,
        "POST /events",
        "events:action/PutEvents",
        requestParameters=target,
        requestTemplates={"application/json": events},
    )
    _service(
        api,
        "POST /secret",
        "secretsmanager:action/GetSecretValue",
        requestTemplates={"application/json": f'{{"SecretId": "{secret}"}}'},
    )
    api.deploy()
    assert api.send("POST", "/sns", JSON, '{"m": "hello"}').status == 200
    assert queue.receive()["Body"] == "hello"
    assert api.send("POST", "/events", JSON, "{}").json()["FailedEntryCount"] == 0
    assert api.send("POST", "/secret", JSON, "{}").json()["SecretString"] == "hush"


@documented(AREA, "S3: path parameters make the object's path; bytes stay bytes for binary media types", S3)
def test_s3(lab: Lab) -> None:
    bucket = lab.name("bucket")
    lab.aws("s3").create_bucket(Bucket=bucket)
    api = Rest(lab, binaryMediaTypes=["image/png"])
    place = {"integration.request.path.key": "method.request.path.key"}
    declared = {"method.request.path.key": True, "method.request.header.Content-Type": False}
    kind = {"method.response.header.Content-Type": "integration.response.header.Content-Type"}
    for verb in ("PUT", "GET"):
        extra = (
            {"integration.request.header.Content-Type": "method.request.header.Content-Type"} if verb == "PUT" else {}
        )
        _service(
            api,
            f"{verb} /{{key}}",
            f"s3:path/{bucket}/{{key}}",
            integrationHttpMethod=verb,
            requestParameters={**place, **extra},
            method={"requestParameters": declared},
            responses={"200": {"responseParameters": kind}, "404": {"selectionPattern": "404"}},
        )
    api.deploy()
    data = b"\x89PNG\x00\xff"
    assert api.send("PUT", "/a.png", {"content-type": "image/png"}, data).status == 200
    assert lab.aws("s3").get_object(Bucket=bucket, Key="a.png")["Body"].read() == data
    got = api.get("/a.png", {"accept": "image/png"})
    assert (got.status, got.body, got.headers["content-type"]) == (200, data, "image/png")
    assert api.get("/a.png", {"accept": "text/plain"}).body == base64.b64encode(data)
    assert api.get("/nope.png", {"accept": "text/plain"}).status == 404


@documented(
    AREA,
    "A private integration leads through a VPC link",
    PRIVATE,
    "501 with the reason: there is no network to link to",
)
def test_private_integrations(lab: Lab) -> None:
    api = Rest(lab)
    made = api.client.create_vpc_link(
        name=lab.name("link"),
        targetArns=[f"arn:aws:elasticloadbalancing:{lab.region}:{lab.account}:loadbalancer/net/n/1234567890123456"],
    )
    api.method(
        "GET /",
        {
            "type": "HTTP_PROXY",
            "integrationHttpMethod": "GET",
            "uri": "http://127.0.0.1:1/",
            "connectionType": "VPC_LINK",
            "connectionId": made["id"],
        },
    )
    api.deploy()
    answer = api.get("/")
    assert answer.status == 501
    assert "VPC_LINK" in answer.json()["message"]
