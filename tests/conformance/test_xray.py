"""X-Ray: traces of functions, and of what instruments itself."""

from __future__ import annotations

import json
import secrets
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from staticfire.layout import Layout
from staticfire.settings import load
from staticfire.toolchain.runtimes import interpreters, nearest
from staticfire.toolchain.wheels import WheelTarget, install
from tests.conformance.fidelity import documented
from tests.conformance.lab import Lab, eventually

AREA = "X-Ray"
LAMBDA = "lambda/latest/dg/services-xray.html"
SUMMARIES = "xray/latest/api/API_GetTraceSummaries.html"
FILTERS = "xray/latest/devguide/xray-console-filters.html"
BATCH = "xray/latest/api/API_BatchGetTraces.html"
PUT = "xray/latest/api/API_PutTraceSegments.html"
GRAPH = "xray/latest/api/API_GetServiceGraph.html"
SAMPLING = "xray/latest/devguide/xray-api-sampling.html"

TRACED = """
    import os
    import boto3
    from aws_lambda_powertools import Tracer

    tracer = Tracer(service="orders")
    sqs = boto3.client("sqs")

    @tracer.capture_method
    def book(order):
        tracer.put_annotation(key="order", value=order)
        if order == "none":
            raise ValueError("no order")

    @tracer.capture_lambda_handler
    def handler(event, context):
        sqs.list_queues()
        book(event["order"])
        return os.environ["_X_AMZN_TRACE_ID"]
"""


@pytest.fixture(scope="module")
def traced(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A function with active tracing that uses Powertools' Tracer, and so X-Ray's SDK."""
    directory = tmp_path_factory.mktemp("tracer") / "installed"
    target = WheelTarget.on_aws("3.{}".format(*sys.version_info[1:]), "x86_64")
    python = nearest(f"python{target.python}", interpreters())
    layout = Layout.of(load(Path(__file__).parent))
    install(["aws-lambda-powertools", "aws-xray-sdk"], "Powertools", target, python, layout, directory)
    # boto3 is the runtime's own; what is native (wrapt's) has a twin in Python.
    skipped = ("boto3", "botocore", "s3transfer", "dateutil", "urllib3", "jmespath")
    files = [path for kind in ("*.py", "*.json") for path in directory.rglob(kind)]
    named = {str(path.relative_to(directory)): path for path in files}
    kept = {name: path.read_text() for name, path in named.items() if name.split("/")[0] not in skipped}
    runtime = f"python{target.python}"
    return lab.function(
        {**kept, "app.py": TRACED}, Runtime=runtime, TracingConfig={"Mode": "Active"}, Timeout=60, MemorySize=512
    )


def summaries(lab: Lab, expression: str = "") -> list[dict[str, Any]]:
    now = time.time()
    call = {"StartTime": now - 600, "EndTime": now + 60, **({"FilterExpression": expression} if expression else {})}
    return list(lab.aws("xray").get_trace_summaries(**call)["TraceSummaries"])


def documents(lab: Lab, trace: str) -> list[dict[str, Any]]:
    (answer,) = lab.aws("xray").batch_get_traces(TraceIds=[trace])["Traces"]
    return [json.loads(segment["Document"]) for segment in answer["Segments"]]


@documented(AREA, "A function with active tracing is sampled, and its SDK's segments belong to its trace", LAMBDA)
def test_a_functions_trace(lab: Lab, traced: str) -> None:
    order = f"o-{secrets.token_hex(4)}"
    header = dict(part.split("=") for part in lab.result(traced, {"order": order}).split(";"))
    assert header["Sampled"] == "1"
    (summary,) = eventually(lambda: summaries(lab, f'annotation.order = "{order}"'), "a trace with the annotation")
    assert summary["Id"] == header["Root"]
    assert not summary["HasFault"]
    assert summary["Annotations"]["order"][0]["AnnotationValue"] == {"StringValue": order}
    assert traced in [service["Name"] for service in summary["ServiceIds"]]

    def whole() -> dict[str, dict[str, Any]] | None:
        by_origin = {one.get("origin") or one["name"]: one for one in documents(lab, header["Root"])}
        return by_origin if {"AWS::Lambda", "AWS::Lambda::Function", "## handler"} <= by_origin.keys() else None

    segments = eventually(whole, "the segments of Lambda and of the SDK")
    function = segments["AWS::Lambda::Function"]
    assert function["parent_id"] == segments["AWS::Lambda"]["id"]
    assert function["id"] == header["Parent"] == segments["## handler"]["parent_id"]
    assert segments["## handler"]["type"] == "subsegment"
    called = [one for one in function["subsegments"] if one.get("namespace") == "aws"]
    assert [(one["name"], one["aws"]["operation"]) for one in called] == [("SQS", "ListQueues")]


@documented(AREA, "A function's error is a fault, with its exception", LAMBDA)
def test_a_fault(lab: Lab, traced: str) -> None:
    lab.failure(traced, {"order": "none"})
    (summary,) = eventually(lambda: summaries(lab, f'fault AND service("{traced}") {{ fault }}'), "a faulty trace")[-1:]
    assert summary["HasFault"]

    def exceptions() -> list[Any]:
        segments = documents(lab, summary["Id"])
        return [
            one["cause"]["exceptions"][0]["type"] for one in segments if one.get("origin") == "AWS::Lambda::Function"
        ]

    assert exceptions() == ["ValueError"]


def segment(**members: Any) -> dict[str, Any]:
    now = time.time()
    trace = f"1-{int(now):08x}-{secrets.token_hex(12)}"
    own = {"trace_id": trace, "id": secrets.token_hex(8), "name": "shop", "start_time": now - 1, "end_time": now}
    return {**own, **members}


def put(lab: Lab, *documents: Any) -> list[dict[str, Any]]:
    texts = [one if isinstance(one, str) else json.dumps(one) for one in documents]
    return list(lab.aws("xray").put_trace_segments(TraceSegmentDocuments=texts)["UnprocessedTraceSegments"])


@documented(AREA, "PutTraceSegments takes documents, and tells which of them it could not read", PUT)
def test_segments_are_put(lab: Lab) -> None:
    inner = {
        "id": secrets.token_hex(8),
        "name": "db",
        "start_time": time.time(),
        "end_time": time.time(),
        "error": True,
    }
    good, nameless = segment(subsegments=[inner]), segment(name="")
    unprocessed = put(lab, good, "{not json", nameless)
    assert [one["ErrorCode"] for one in unprocessed] == ["ParseError", "MissingName"]
    by_name = {one["name"]: one for one in documents(lab, good["trace_id"])}
    assert by_name["db"]["parent_id"] == good["id"]
    assert by_name["db"]["error"] is True


@documented(AREA, "Filter expressions choose traces by times, statuses, annotations, services", FILTERS)
def test_filter_expressions(lab: Lab) -> None:
    key = f"k{secrets.token_hex(4)}"
    ok = segment(annotations={key: "fine", "n": 5})
    failed = segment(annotations={key: "bad", "n": 7}, fault=True, http={"response": {"status": 503}})
    assert put(lab, ok, failed) == []

    def ids(expression: str) -> set[str]:
        return {one["Id"] for one in summaries(lab, f"annotation.{key} AND ({expression})")}

    both = {ok["trace_id"], failed["trace_id"]}
    assert ids("duration >= 0.5") == both
    assert ids("responsetime > 5") == set()
    assert ids("fault") == {failed["trace_id"]}
    assert ids("ok") == ids("NOT fault") == ids("!fault") == {ok["trace_id"]}
    assert ids("http.status = 503") == {failed["trace_id"]}
    assert ids(f'annotation[{key}] BEGINSWITH "fi"') == {ok["trace_id"]}
    assert ids(f'annotation.n > 6 OR annotation.{key} = "fine"') == both
    with pytest.raises(ClientError) as raised:
        summaries(lab, "nosuchkeyword = 1")
    assert raised.value.response["Error"]["Code"] == "InvalidRequestException"


@documented(AREA, "BatchGetTraces names the traces that it does not have", BATCH)
def test_unprocessed_traces(lab: Lab) -> None:
    absent = f"1-{int(time.time()):08x}-{secrets.token_hex(12)}"
    assert lab.aws("xray").batch_get_traces(TraceIds=[absent])["UnprocessedTraceIds"] == [absent]


@documented(AREA, "A time range is of 24 hours at most", SUMMARIES, "the code is AWS's, its words may differ")
def test_the_time_range(lab: Lab) -> None:
    now = time.time()
    with pytest.raises(ClientError) as raised:
        lab.aws("xray").get_trace_summaries(StartTime=now - 3 * 86400, EndTime=now)
    assert raised.value.response["Error"]["Code"] == "InvalidRequestException"


@documented(AREA, "GetServiceGraph has the services, and who calls whom", GRAPH)
def test_the_service_graph(lab: Lab, traced: str) -> None:
    lab.result(traced, {"order": "1"})
    now = time.time()

    def edges() -> set[str] | None:
        services = lab.aws("xray").get_service_graph(StartTime=now - 600, EndTime=now + 60)["Services"]
        names = {one["ReferenceId"]: one["Name"] for one in services}
        made = [one for one in services if one["Name"] == traced]
        return {names[edge["ReferenceId"]] for one in made for edge in one["Edges"]} if made else None

    assert "SQS" in eventually(edges, "the function in the graph")


@documented(AREA, "The default sampling rule is by_name", SAMPLING, "it samples everything: nothing is lost here")
def test_sampling_rules(lab: Lab) -> None:
    (record,) = lab.aws("xray").get_sampling_rules()["SamplingRuleRecords"]
    assert record["SamplingRule"]["RuleName"] == "Default"
    assert record["SamplingRule"]["FixedRate"] == 1.0
