"""Function URLs: events, answers, who may, CORS."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.conformance.conftest import ECHO
from tests.conformance.fidelity import documented
from tests.conformance.lab import Lab, send

AREA = "Lambda: function URLs"
INVOKING = "lambda/latest/dg/urls-invocation.html"
CONFIGURING = "lambda/latest/dg/urls-configuration.html"
STREAMING = "lambda/latest/dg/configuration-response-streaming.html"
AUTHORISING = "lambda/latest/dg/urls-auth.html"


def made(lab: Lab, function: str, auth: str = "NONE", **settings: object) -> str:
    """The URL's own host name."""
    client = lab.aws("lambda")
    url = client.create_function_url_config(FunctionName=function, AuthType=auth, **settings)["FunctionUrl"]
    if auth == "NONE":
        for action, condition in (("InvokeFunctionUrl", {"FunctionUrlAuthType": "NONE"}), ("InvokeFunction", {})):
            client.add_permission(
                FunctionName=function, StatementId=action, Action=f"lambda:{action}", Principal="*", **condition
            )
    return str(urlsplit(url).hostname)


def at(lab: Lab, host: str) -> str:
    return f"{lab.endpoint}/_aws/lambda-url/{host.partition('.')[0]}"


@pytest.fixture(scope="module")
def host(lab: Lab) -> str:
    """Of a function of its own: everybody may invoke it from now on."""
    cors = {"AllowOrigins": ["https://shop.example"], "AllowMethods": ["GET"], "MaxAge": 60}
    return made(lab, lab.function(ECHO), Cors=cors)


@documented(AREA, "A request is an event of format 2.0: method, path, query, body", INVOKING)
def test_the_event(lab: Lab, host: str) -> None:
    answer = send("POST", f"{at(lab, host)}/orders/1?x=a%20b", {"content-type": "application/json"}, '{"n": 1}')
    assert answer.status == 200
    event = json.loads(answer.body)
    assert (event["version"], event["rawPath"], event["rawQueryString"]) == ("2.0", "/orders/1", "x=a%20b")
    assert event["requestContext"]["http"]["method"] == "POST"
    assert (event["body"], event["isBase64Encoded"]) == ('{"n": 1}', False)


@documented(AREA, "AWS's own host name leads to the function too", CONFIGURING)
def test_the_host_name(lab: Lab, host: str) -> None:
    assert f".lambda-url.{lab.region}." in host
    answer = send("GET", f"{lab.endpoint}/by/host", {"host": host})
    assert (answer.status, json.loads(answer.body)["rawPath"]) == (200, "/by/host")


@documented(AREA, "CORS as configured: an allowed origin is told, another one is not", CONFIGURING)
def test_cors(lab: Lab, host: str) -> None:
    allowed = send("GET", f"{at(lab, host)}/", {"origin": "https://shop.example"})
    assert allowed.headers["access-control-allow-origin"] == "https://shop.example"
    other = send("GET", f"{at(lab, host)}/", {"origin": "https://evil.example"})
    assert "access-control-allow-origin" not in other.headers


@documented(AREA, "With AuthType AWS_IAM a request that nobody signed is 403", AUTHORISING)
def test_unsigned(lab: Lab) -> None:
    assert send("GET", f"{at(lab, made(lab, lab.function(ECHO), 'AWS_IAM'))}/").status == 403


@documented(AREA, "A URL that was deleted leads nowhere", CONFIGURING)
def test_deleted(lab: Lab) -> None:
    function = lab.function(ECHO)
    url = made(lab, function)
    assert send("GET", f"{at(lab, url)}/").status == 200
    lab.aws("lambda").delete_function_url_config(FunctionName=function)
    assert send("GET", f"{at(lab, url)}/").status in (403, 404)


@documented(AREA, "Without a permission for `lambda:InvokeFunctionUrl` a URL of AuthType NONE is 403", AUTHORISING)
def test_no_permission(lab: Lab) -> None:
    url = lab.aws("lambda").create_function_url_config(FunctionName=lab.function(ECHO), AuthType="NONE")["FunctionUrl"]
    answer = send("GET", f"{at(lab, str(urlsplit(url).hostname))}/")
    help = "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"
    message = f"Forbidden. For troubleshooting Function URL authorization issues, see: {help}"
    assert (answer.status, answer.json()) == (403, {"Message": message})


@documented(
    AREA,
    "Since October 2025 a new URL asks for `lambda:InvokeFunction` too: without it a request is 403",
    AUTHORISING,
    here="it is run: AWS's recordings are older; `up` says so of each URL of AuthType NONE",
)
def test_one_permission(lab: Lab) -> None:
    client, function = lab.aws("lambda"), lab.function(ECHO)
    url = client.create_function_url_config(FunctionName=function, AuthType="NONE")["FunctionUrl"]
    client.add_permission(
        **{"FunctionName": function, "StatementId": "url", "Action": "lambda:InvokeFunctionUrl", "Principal": "*"},
        FunctionUrlAuthType="NONE",
    )
    assert send("GET", f"{at(lab, str(urlsplit(url).hostname))}/").status == 200


@documented(AREA, "With AuthType AWS_IAM a signed request is run, and the event tells who signed", AUTHORISING)
def test_signed(lab: Lab) -> None:
    host = made(lab, lab.function(ECHO), "AWS_IAM")
    request = AWSRequest("GET", f"http://{host}/", {"host": host})
    SigV4Auth(Credentials(lab.account, "test"), "lambda", lab.region).add_auth(request)
    answer = send("GET", f"{lab.endpoint}/", dict(request.headers.items()))
    assert answer.status == 200
    assert answer.json()["requestContext"]["authorizer"]["iam"]["accountId"] == lab.account


@documented(AREA, "What a function returns without `statusCode` is the body of a 200, as JSON without spaces", INVOKING)
@pytest.mark.parametrize(
    ("returned", "body"), [("{'hello': 'world'}", '{"hello":"world"}'), ("'hello'", "hello"), ("[3, True]", "[3,true]")]
)
def test_inferred_answers(lab: Lab, returned: str, body: str) -> None:
    host = made(lab, lab.function(f"def handler(event, context):\n    return {returned}\n"))
    answer = send("GET", f"{at(lab, host)}/")
    assert (answer.status, answer.headers["content-type"], answer.body.decode()) == (200, "application/json", body)


@documented(AREA, "A function that fails is a 502 for the client", INVOKING)
def test_failing(lab: Lab) -> None:
    answer = send("GET", f"{at(lab, made(lab, lab.function('def handler(event, context): raise KeyError')))}/")
    assert (answer.status, answer.body) == (502, b"Internal Server Error")


@documented(AREA, "A URL that is not there is a 404", CONFIGURING)
def test_no_such_url(lab: Lab) -> None:
    answer = send("GET", f"{lab.endpoint}/_aws/lambda-url/{'a' * 32}/")
    assert (answer.status, answer.body) == (404, b'{"Message":null}')


@documented(AREA, "With `RESPONSE_STREAM` what the runtime does not stream is the body as it is", STREAMING)
def test_not_streamed(lab: Lab) -> None:
    function = lab.function("def handler(event, context):\n    return {'statusCode': 201, 'body': 'x'}\n")
    answer = send("GET", f"{at(lab, made(lab, function, InvokeMode='RESPONSE_STREAM'))}/")
    assert (answer.status, answer.json()) == (200, {"statusCode": 201, "body": "x"})
