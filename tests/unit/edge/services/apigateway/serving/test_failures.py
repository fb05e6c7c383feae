"""REST APIs whose back ends cannot be called, or answer nonsense: a gateway response each time, never a failure."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

import pytest

from staticfire.edge.aws.calls import AwsError, Call, Scope
from staticfire.edge.http1.head import BadHead
from staticfire.edge.http1.messages import Headers, Request
from staticfire.edge.services.apigateway.openapi.documents import parse
from staticfire.edge.services.apigateway.rest.records import RestRecords
from staticfire.edge.services.apigateway.rest.serving.usage import UsageCounters
from staticfire.edge.store import Store
from tests.unit.edge.services.apigateway.kit import ACCOUNT, REGION, Api, Incoming, Lab, arn

SCOPE = Scope(ACCOUNT, REGION)


async def rest(lab: Lab, integration: dict[str, Any], method: dict[str, Any] | None = None, **stage: Any) -> Api:
    """An API whose root has GET."""
    made = await lab.call("POST", "/restapis", {"name": "r"})
    at = f"/restapis/{made['id']}/resources/{made['rootResourceId']}/methods/GET"
    await lab.call("PUT", at, {"authorizationType": "NONE", **(method or {})})
    await lab.call("PUT", f"{at}/integration", integration)
    await lab.call("POST", f"/restapis/{made['id']}/deployments", {"stageName": "prod", **stage})
    return Api(lab, made["id"], "prod")


def function(uri: str, **members: Any) -> dict[str, Any]:
    path = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{uri}/invocations"
    return {"type": "AWS_PROXY", "httpMethod": "POST", "uri": path, **members}


async def test_a_header_that_cannot_be_sent_is_a_gateway_response(lab: Lab) -> None:
    def refuses(method: str, base: str, target: str) -> Incoming:
        raise BadHead("a header holds a line break or NUL")

    lab.client.answer = refuses
    api = await rest(lab, {"type": "HTTP_PROXY", "httpMethod": "GET", "uri": "http://a"})
    answer = await api.send("GET", "/")
    assert (answer.status, answer.json()) == (500, {"message": "Internal server error"})
    assert answer.headers.get("x-amzn-RequestId")


@pytest.mark.parametrize("mode", ["BUFFERED", "STREAM"])
async def test_a_stage_variable_that_makes_no_function_is_a_gateway_response(lab: Lab, mode: str) -> None:
    integration = function("${stageVariables.f}", responseTransferMode=mode)
    api = await rest(lab, integration, variables={"f": "no such:name"})
    answer = await api.send("GET", "/")
    assert (answer.status, answer.json()) == (500, {"message": "Internal server error"})


async def test_what_a_domain_leads_to_is_not_deleted(lab: Lab) -> None:
    api = await rest(lab, {"type": "HTTP_PROXY", "httpMethod": "GET", "uri": "http://a"})
    await lab.call("POST", "/domainnames", {"domainName": "api.example.com"})
    at = "/domainnames/api.example.com/basepathmappings"
    await lab.call("POST", at, {"restApiId": api.id, "stage": "prod"})
    for path, what in ((f"/restapis/{api.id}/stages/prod", "stage"), (f"/restapis/{api.id}", "API")):
        with pytest.raises(AwsError, match=f"Deleting {what} failed.*api.example.com"):
            await lab.call("DELETE", path)
    await lab.call("DELETE", f"{at}/(none)")
    await lab.call("DELETE", f"/restapis/{api.id}")


@pytest.mark.parametrize(
    "path", ["_ministack/reset", "%5Fministack/reset", "/_localstack/state/reset", "a/../_ministack/reset"]
)
async def test_a_client_s_path_steers_no_emulator(lab: Lab, path: str) -> None:
    integration = {
        "type": "AWS",
        "httpMethod": "POST",
        "uri": f"arn:aws:apigateway:{REGION}:s3:path/{{object}}",
        "credentials": f"arn:aws:iam::{ACCOUNT}:role/r",
        "requestParameters": {"integration.request.path.object": "method.request.querystring.object"},
    }
    api = await rest(lab, integration, {"requestParameters": {"method.request.querystring.object": True}})
    assert (await api.send("GET", f"/?object={quote(path)}")).status == 504
    assert lab.called == []
    await api.send("GET", "/?object=bucket/_key")
    assert [request.path for request in lab.called] == ["/bucket/_key"]


async def test_an_export_in_yaml_says_what_one_in_json_says(lab: Lab) -> None:
    api = await rest(lab, {"type": "HTTP_PROXY", "httpMethod": "GET", "uri": "http://a"})
    path = f"/restapis/{api.id}/stages/prod/exports/oas30"
    documents = []
    for accepts in ("application/json", "application/yaml"):
        call = Call(Request("GET", path, "", Headers([("accept", accepts)])), "apigateway", SCOPE)
        response = await lab.apis.answer(call)
        assert response is not None
        assert isinstance(response.body, bytes)
        documents.append(parse(response.body))
    assert documents[0] == documents[1]
    assert list(documents[0]["paths"]) == ["/"]


async def test_two_imported_keys_are_not_the_same(lab: Lab) -> None:
    value = "a-value-of-twenty-characters"
    request = Request(
        "POST", "/apikeys", "mode=import&format=csv", Headers([]), f"name,key\na,{value}\nb,{value}\n".encode()
    )
    with pytest.raises(AwsError, match="already exists"):
        await lab.apis.answer(Call(request, "apigateway", SCOPE))
    assert (await lab.call("GET", "/apikeys"))["item"] == []


async def test_cookies_that_are_no_list_are_malformed(lab: Lab) -> None:
    lab.functions.handlers["f"] = lambda event: {"statusCode": 200, "cookies": 1}
    api = await rest(lab, function(arn("f")))
    assert (await api.send("GET", "/")).status == 502


async def test_a_quota_counts_what_is_on_its_way_to_the_store(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not once less while it is written, and not twice when it is written and that is not yet told."""
    records = RestRecords(lab.store)
    counters = UsageCounters(records, interval=3600)
    write, writing, written = Store.write, asyncio.Event(), asyncio.Event()
    go_on = asyncio.Event()

    async def slow(self: Store, *args: Any) -> None:
        writing.set()
        await go_on.wait()
        await write(self, *args)
        written.set()
        await asyncio.sleep(0)

    monkeypatch.setattr(Store, "write", slow)
    counters.count(SCOPE, "plan", "key")
    flushing = asyncio.create_task(counters.flush())
    await writing.wait()
    counters.count(SCOPE, "plan", "key")
    assert counters.used(SCOPE, "plan", "key", "DAY", 0) == 2
    go_on.set()
    await written.wait()
    assert counters.used(SCOPE, "plan", "key", "DAY", 0) == 2
    await flushing
    assert counters.used(SCOPE, "plan", "key", "DAY", 0) == 2
    await counters.close()
