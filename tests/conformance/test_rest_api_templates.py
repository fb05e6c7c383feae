"""REST APIs: mapping templates, and what they may take."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conformance.fidelity import documented
from tests.conformance.lab import Lab, together
from tests.conformance.rest_lab import Rest

AREA = "REST API: templates"
REFERENCE = "apigateway/latest/developerguide/api-gateway-mapping-template-reference.html"
OVERRIDE = "apigateway/latest/developerguide/apigateway-override-request-response-parameters.html"
LIMITS = "apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html"
PASS = "apigateway/latest/developerguide/integration-passthrough-behaviors.html"
MOCK = "apigateway/latest/developerguide/how-to-mock-integration.html"

JSON = {"content-type": "application/json"}


def _templated(lab: Lab, template: str, **deployment: Any) -> Rest:
    """An API whose request template is this; the status says that it was rendered, the headers what it set."""
    api = Rest(lab)
    api.method(
        "POST /{id}",
        {"type": "MOCK", "requestTemplates": {"application/json": template}},
        {"200": {"responseTemplates": {"application/json": '{"ok": true}'}}},
    )
    api.deploy(**deployment)
    return api


@documented(AREA, "$input, $context, $stageVariables and $util are there; what is not defined shows nothing", REFERENCE)
def test_variables(lab: Lab) -> None:
    api = Rest(lab)
    template = """
    #set($body = $input.params())
    {
      "id": "$input.params('id')", "q": "$input.params().querystring.q",
      "header": "$input.params().header.get('X-Own')",
      "variable": "$stageVariables.color", "verb": "$context.httpMethod", "none": "$nothing$!{nothing.at.all}",
      "encoded": "$util.base64Encode($util.urlEncode('a b'))",
      "parsed": $util.parseJson('{"z": [1, 2]}').z,
      "escaped": "$util.escapeJavaScript('say "hi"')",
      "keys": [#foreach($key in $input.params().path.keySet())"$key"#if($foreach.hasNext), #end#end]
    }"""
    api.method(
        "GET /{id}",
        {"type": "MOCK", "requestTemplates": {"application/json": '{"statusCode": 200}'}},
        {"200": {"responseTemplates": {"application/json": template}}},
    )
    api.deploy(variables={"color": "blue"})
    assert api.get("/7?q=v", {"X-Own": "h"}).json() == {
        **{"id": "7", "q": "v", "header": "h", "variable": "blue", "verb": "GET", "none": ""},
        **{"encoded": "YSti", "parsed": [1, 2], "escaped": 'say "hi"', "keys": ["id"]},
    }


@documented(AREA, "A response template overrides status and headers", OVERRIDE)
def test_overrides(lab: Lab) -> None:
    api = Rest(lab)
    template = (
        "#set($context.responseOverride.status = 418)"
        "#set($context.responseOverride.header.x-own = \"made of $input.params('q')\")"
        "short and stout"
    )
    api.method(
        "GET /",
        {"type": "MOCK", "requestTemplates": {"application/json": '{"statusCode": 200}'}},
        {"200": {"responseTemplates": {"text/plain": template}}},
    )
    api.deploy()
    answer = api.get("/?q=tea")
    assert (answer.status, answer.body, answer.headers["x-own"]) == (418, b"short and stout", "made of tea")
    assert answer.headers["content-type"] == "text/plain"


@documented(AREA, "A mock's request template says the status, by which the integration response is chosen", MOCK)
def test_mock_status(lab: Lab) -> None:
    api = Rest(lab)
    api.method(
        "GET /",
        {
            "type": "MOCK",
            "requestTemplates": {
                "application/json": "{\"statusCode\": #if($input.params('e') == 'yes')409#{else}200#end}"
            },
        },
        {"200": {}, "409": {"selectionPattern": "4\\d{2}", "responseTemplates": {"application/json": "conflict"}}},
    )
    api.method(
        "GET /bare", {"type": "MOCK", "requestTemplates": {"application/json": "{statusCode: 200}"}}, {"200": {}}
    )
    api.method("GET /none", {"type": "MOCK", "requestTemplates": {"application/json": "no status"}}, {"200": {}})
    api.deploy()
    assert (api.get("/").status, api.get("/?e=yes").status, api.get("/?e=yes").body) == (200, 409, b"conflict")
    assert (api.get("/bare").status, api.get("/none").status) == (200, 500)


@documented(AREA, "Without a template for the content type the body passes, or is 415 by passthroughBehavior", PASS)
@pytest.mark.parametrize(
    ("behaviour", "statuses"),
    [("WHEN_NO_MATCH", (500, 200)), ("WHEN_NO_TEMPLATES", (415, 200)), ("NEVER", (415, 415))],
)
def test_passthrough(lab: Lab, behaviour: str, statuses: tuple[int, int]) -> None:
    api = Rest(lab)
    templates = {"application/json": '{"statusCode": 200}'}
    integration = {"type": "MOCK", "passthroughBehavior": behaviour}
    api.method("POST /with", {**integration, "requestTemplates": templates}, {"200": {}})
    api.method("POST /without", integration, {"200": {}})
    api.deploy()
    # A mock without a template reads its status from the body itself.
    first = api.send("POST", "/with", {"content-type": "text/plain"}, "no status").status
    second = api.send("POST", "/without", {"content-type": "text/plain"}, '{"statusCode": 200}').status
    assert (first, second) == statuses
    assert api.send("POST", "/with", JSON, "{}").status == 200


HOSTILE = {
    "loops in loops": "#foreach($a in [1..1000])#foreach($b in [1..1000])#foreach($c in [1..1000])x#end#end#end",
    "a range": "#foreach($a in [1..2000000000])x#end",
    "doubling": "#set($s = 'xxxxxxxxxxxxxxxx')#foreach($a in [1..1000])#set($s = $s + $s)#end$s",
    "recursion": "#macro(again)#again()#end#again()",
    "a list in itself": "#set($l = [])#foreach($a in [1..1000])#set($void = $l.add($l))#end$l",
    "a pattern": f"#set($s = '{'a' * 50}!')$s.matches('(a|aa)+')$s.replaceAll('(.*)*b', '')",
    "nesting": "#if(true)" * 500 + "#end" * 500,
    "not valid": "#set($a = ",
}


@documented(
    AREA,
    "#foreach has 1,000 iterations at the most, a template 300 KB",
    LIMITS,
    "the same; besides, a rendering ends after 400,000 steps or 10 MB with a 500, and no other API waits for it",
)
def test_hostile_templates(lab: Lab) -> None:
    api, other = Rest(lab), Rest(lab)
    for number, template in enumerate(HOSTILE.values()):
        integration = {"type": "MOCK", "requestTemplates": {"application/json": template}}
        api.method(f"POST /{number}", integration, {"200": {}})
    other.mock("GET /", "alive")
    api.deploy()
    other.deploy()

    def sent(number: int) -> int:
        if number < len(HOSTILE):
            return api.send("POST", f"/{number}", JSON, "{}").status
        return other.get("/").status

    statuses = together(len(HOSTILE) + 4, sent)
    assert statuses == [500] * len(HOSTILE) + [200] * 4


@documented(AREA, "A body that is not JSON is 400 where a template asks for some of it", REFERENCE)
def test_a_body_that_is_not_json(lab: Lab) -> None:
    api = _templated(lab, """{"statusCode": 200, "a": $input.json('$.a')}""")
    refused = api.send("POST", "/1", JSON, "{nope")
    assert refused.status == 400
    assert refused.json()["message"].startswith("Could not parse request body into json: ")
    assert api.send("POST", "/1", JSON, json.dumps({"a": {"b": 1}})).status == 200
