"""What a plan holds that will not work here, said before it is applied: a table of checks by resource type.

A check gets a resource as the plan has it, without what is known after apply only, and the stack's account. It yields
an obstacle for each thing that will not work, with what to do. `refuses` is for what cannot run at all, as a function
whose every invocation would be an error; what is only described here, or is
less than on AWS, is said and applied.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from staticfire.toolchain.runtimes import RUNTIME, RUNTIMES_HERE

from .bootstrap import obstacles_of_bootstraps
from .obstacle import Obstacle
from .output import Resource

LAYER_ARN = re.compile(r"arn:[a-z-]+:lambda:[^:]+:(\d{12}):layer:[^:]+:\d+")
# What would be needed, by how the runtime's name begins.
NEEDS = {
    "java": "Java's would need a JDK and AWS's client for Java",
    "dotnet": ".NET's would need the .NET runtime and AWS's client for it",
    "ruby": "Ruby's would need a Ruby and AWS's client for Ruby",
    "go1.x": "AWS ended go1.x: build the same program as `bootstrap` of provided.al2023",
    "provided": "AWS ended `provided`: the same bootstrap runs as provided.al2023",
    "nodejs1": "AWS ended this version",
    "python2": "AWS ended Python 2",
}
READ_SOURCES = (["sqs"], ["dynamodb"], ["kinesis"])
DESCRIBE_ROUTES = "Describe its routes: aws_apigatewayv2_integration, aws_apigatewayv2_route and aws_apigatewayv2_stage"


def obstacles(resources: Sequence[Resource], account: str, root: Path | None = None) -> list[Obstacle]:
    """What will not work of these resources in this account, in their order; `root` is where Terraform runs."""
    by_resource = [
        obstacle
        for resource in resources
        for check in CHECKS.get(resource.type, ())
        for obstacle in check(resource, account)
    ]
    return by_resource + (list(obstacles_of_bootstraps(resources, root)) if root else [])


def _image(resource: Resource, account: str) -> Iterator[Obstacle]:
    if resource.values.get("package_type") == "Image":
        remedy = "Zip packages run here: deploy it as one, or leave it out of the local stack"
        yield Obstacle(resource.address, "is a container image, which cannot run here", remedy, refuses=True)


def _runtime(resource: Resource, account: str) -> Iterator[Obstacle]:
    runtime = resource.values.get("runtime")  # none: an image, or known after apply only
    if runtime and not RUNTIME.fullmatch(runtime):
        name = resource.values.get("function_name") or "its function"
        what = f"has the runtime {runtime}, which cannot run here ({name})"
        needs = next((f"{text}. " for begin, text in NEEDS.items() if runtime.startswith(begin)), "")
        remedy = f"{needs}These run here: {RUNTIMES_HERE}. Give it one of them, or leave it out of the local stack"
        yield Obstacle(resource.address, what, remedy, refuses=True)


def _layers(resource: Resource, account: str) -> Iterator[Obstacle]:
    for arn in resource.values.get("layers") or ():
        owner = LAYER_ARN.fullmatch(arn or "")
        if owner and owner[1] != account:
            what = f"uses the layer {arn} of the account {owner[1]}, which is not here: the function cannot start"
            remedy = "Make a layer of the same content in the stack (aws_lambda_layer_version), or put it into the zip"
            yield Obstacle(resource.address, what, remedy, refuses=True)


def _is_given(resource: Resource, argument: str) -> bool:
    """Also when it is known after apply only, and so not among the values; what nobody gave is there, as null."""
    return bool(resource.values) and bool(resource.values.get(argument, True))


def _http_api(resource: Resource, account: str) -> Iterator[Obstacle]:
    if resource.values.get("protocol_type") == "WEBSOCKET":
        what = "is a WebSocket API, and these cannot be made here"
        yield Obstacle(resource.address, what, "Leave it out of the local stack: HTTP APIs run here", refuses=True)
    elif _is_given(resource, "body"):
        what = "has a `body` (an OpenAPI document), which cannot be imported here"
        yield Obstacle(resource.address, what, DESCRIBE_ROUTES, refuses=True)


def _only(what: str, remedy: str) -> Callable[[Resource, str], Iterator[Obstacle]]:
    def check(resource: Resource, account: str) -> Iterator[Obstacle]:
        yield Obstacle(resource.address, what, remedy)

    return check


def _source(resource: Resource, account: str) -> Iterator[Obstacle]:
    """Queues and streams are read; an ARN that is not known yet is one of these, or is told by AWS's own resources."""
    arn = str(resource.values.get("event_source_arn") or "")
    if resource.values.get("self_managed_event_source") or (arn and arn.split(":")[2:3] not in READ_SOURCES):
        what = f"reads {arn or 'a Kafka of your own'}: the mapping is described only"
        yield Obstacle(resource.address, what, "Nothing reads it here: SQS, DynamoDB streams and Kinesis are read")


Check = Callable[[Resource, str], Iterator[Obstacle]]
CHECKS: Mapping[str, tuple[Check, ...]] = {
    "aws_lambda_function": (_image, _runtime, _layers),
    "aws_lambda_event_source_mapping": (_source,),
    "aws_apigatewayv2_api": (_http_api,),
    "aws_api_gateway_rest_api": (
        _only(
            "is a REST API: the emulator serves it",
            "What it answers is not held to AWS's documentation, as an HTTP API (aws_apigatewayv2_api) is",
        ),
    ),
    "aws_pipes_pipe": (
        _only(
            "is an EventBridge pipe: described only",
            "Nothing is delivered by it here: an event source mapping does",
        ),
    ),
}
