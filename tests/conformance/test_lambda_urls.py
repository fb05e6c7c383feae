"""Function URLs: what they lead to is the function; what serves them is the emulator."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest

from tests.conformance.conftest import ECHO
from tests.conformance.fidelity import documented
from tests.conformance.lab import Lab, send

AREA = "Lambda: function URLs"
INVOKING = "lambda/latest/dg/urls-invocation.html"
CONFIGURING = "lambda/latest/dg/urls-configuration.html"
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
def host(lab: Lab, echo: str) -> str:
    return made(lab, echo, Cors={"AllowOrigins": ["https://shop.example"], "AllowMethods": ["GET"], "MaxAge": 60})


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
    assert host.endswith(f".lambda-url.{lab.region}.on.aws")
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
