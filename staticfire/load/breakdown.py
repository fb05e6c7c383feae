"""Breakdown of a request's time: the same load on variants of the service tells what each part takes.

Beside the stack's API stand, for the length of a block, APIs of the same kind whose function does a part of what the
stack's own does: the same package with one more file, the same memory, role, variables and Lambda layers, another
handler. The first line of a handler's file says what it is; the last variant is the stack's own API.

A variant may write into the stack's stores what the whole service would have written elsewhere too. So the stack's
`rebuild` functions run afterwards, as they do when an emulator lost its data.
"""

from __future__ import annotations

import ast
import contextlib
import io
import time
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from staticfire.errors import StaticfireError, UsageError
from staticfire.host.waiting import wait_until
from staticfire.progress import Step
from staticfire.settings import Breakdown
from staticfire.stacks.packages import build
from staticfire.stacks.stack import Stack

from .locust_processes import Plan, locust_run
from .profiles import LoadOptions
from .record import Tally

READY_SECONDS = 60.0
ROUND_SECONDS = 4
WARM_UP_SECONDS = 2.0
RATE = 50.0
FAILED_SHARE = 0.1
KEPT = ("Runtime", "Role", "Timeout", "MemorySize", "Architectures", "EphemeralStorage", "TracingConfig")


@dataclass(frozen=True)
class DeployedVariant:
    name: str
    what: str
    url: str


@dataclass(frozen=True)
class VariantFigures:
    """What a variant costs; `adds_ms`: the difference of its median to that of the variant before."""

    name: str
    what: str
    rate: float
    p50_ms: float
    p95_ms: float | None
    adds_ms: float


@contextlib.contextmanager
def deployed_variants(stack: Stack, breakdown: Breakdown) -> Iterator[list[DeployedVariant]]:
    """The variants, from the least to the stack's own API. Nothing of them is left after the block."""
    own = stack.url
    function = stack.outputs.get(breakdown.function)
    if own is None or not isinstance(function, str):
        raise UsageError(
            f"The variants of {stack.name!r} stand in for a function behind its API, and there is none.",
            checked=[f"outputs: {', '.join(sorted(stack.outputs))}"],
            remedy=f"stacks.{stack.name}.load.breakdown.function must name an output that names a function.",
        )
    package = _package(stack, breakdown)
    with contextlib.ExitStack() as undo:
        deployed = []
        for handler in breakdown.handlers:
            url = _StandIn(stack, function, handler.stem, undo).deploy(package, handler)
            deployed.append(DeployedVariant(handler.stem.replace("_", " "), _first_line(handler), url))
        yield [*deployed, DeployedVariant("whole", "The whole service, as deployed.", own)]


def _package(stack: Stack, breakdown: Breakdown) -> bytes:
    """The function's own package, with the handlers beside what is in it."""
    packages = build(stack.settings, stack.stack_settings)
    if breakdown.zip not in packages:
        raise UsageError(
            f"stacks.{stack.name}.load.breakdown.zip is {breakdown.zip!r}, which is not a zip of the stack.",
            checked=[f"the zips are: {', '.join(packages) or 'none'}"],
        )
    buffer = io.BytesIO(packages[breakdown.zip].read_bytes())
    with zipfile.ZipFile(buffer, "a") as archive:
        for handler in breakdown.handlers:
            archive.writestr(handler.name, handler.read_bytes())
    return buffer.getvalue()


def _first_line(handler: Path) -> str:
    text = ast.get_docstring(ast.parse(handler.read_text(encoding="utf-8"))) or handler.stem
    return text.splitlines()[0]


class _StandIn:
    """One variant's function and API. Both are removed by `undo`; what a killed run left is removed before."""

    def __init__(self, stack: Stack, function: str, suffix: str, undo: contextlib.ExitStack) -> None:
        self._stack = stack
        self._function = function
        self._name = f"{function}-load-{suffix.replace('_', '-')}"
        self._undo = undo
        self._lambda = stack.client("lambda")
        self._gateway = stack.client("apigatewayv2")

    def deploy(self, package: bytes, handler: Path) -> str:
        """The URL of the variant's API."""
        self._remove()
        self._undo.callback(self._remove)
        arn = self._make_function(package, f"{handler.stem}.handler")
        return self._make_api(arn)

    def _make_function(self, package: bytes, handler: str) -> str:
        own = self._lambda.get_function_configuration(FunctionName=self._function)
        self._lambda.create_function(
            FunctionName=self._name,
            Handler=handler,
            Code={"ZipFile": package},
            Layers=[layer["Arn"] for layer in own.get("Layers", [])],
            Environment={"Variables": own.get("Environment", {}).get("Variables", {})},
            **{key: own[key] for key in KEPT if own.get(key)},
            **_network(own),
            **_logging(own),
        )
        if not wait_until(self._active, READY_SECONDS, 0.1):
            raise StaticfireError(f"The function {self._name} does not become active.")
        return str(self._lambda.get_function_configuration(FunctionName=self._name)["FunctionArn"])

    def _active(self) -> bool:
        state = self._lambda.get_function_configuration(FunctionName=self._name)
        return bool(state["State"] == "Active" and state["LastUpdateStatus"] == "Successful")

    def _make_api(self, arn: str) -> str:
        """An API with those routes of the stack's own that lead to the function, and its stage."""
        gateway, own = self._gateway, self._stack.outputs["api_id"]
        stage_name = str(self._stack.url).rpartition("/")[2]
        api = gateway.create_api(Name=self._name, ProtocolType="HTTP")["ApiId"]
        integration = gateway.create_integration(
            ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=arn, PayloadFormatVersion="2.0"
        )["IntegrationId"]
        targets = {
            f"integrations/{existing['IntegrationId']}"
            for existing in gateway.get_integrations(ApiId=own)["Items"]
            if self._function in existing.get("IntegrationUri", "")
        }
        for route in gateway.get_routes(ApiId=own)["Items"]:
            if route.get("Target") in targets:
                gateway.create_route(ApiId=api, RouteKey=route["RouteKey"], Target=f"integrations/{integration}")
        self._lambda.add_permission(
            FunctionName=self._name,
            StatementId="load",
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
            SourceArn=f"arn:aws:execute-api:{self._stack.running.region}:{self._stack.account}:{api}/*",
        )
        stage = gateway.get_stage(ApiId=own, StageName=stage_name)
        kept = {key: stage[key] for key in ("AccessLogSettings", "DefaultRouteSettings") if stage.get(key)}
        gateway.create_stage(ApiId=api, StageName=stage_name, AutoDeploy=True, **kept)
        return f"{self._stack.running.endpoint}/_aws/execute-api/{api}/{quote(stage_name, safe='')}"

    def _remove(self) -> None:
        for page in self._gateway.get_paginator("get_apis").paginate():
            for api in page["Items"]:
                if api["Name"] == self._name:
                    self._gateway.delete_api(ApiId=api["ApiId"])
        with contextlib.suppress(self._lambda.exceptions.ResourceNotFoundException):
            self._lambda.delete_function(FunctionName=self._name)


def _network(own: Mapping[str, Any]) -> dict[str, Any]:
    network = own.get("VpcConfig") or {}
    if not network.get("SubnetIds"):
        return {}
    return {"VpcConfig": {key: network[key] for key in ("SubnetIds", "SecurityGroupIds")}}


def _logging(own: Mapping[str, Any]) -> dict[str, Any]:
    """The log group of the function they stand in for: none is left behind."""
    return {"LoggingConfig": own["LoggingConfig"]} if own.get("LoggingConfig") else {}


def measure(
    stack: Stack, breakdown: Breakdown, file: Path, rounds: int, directory: Path, step: Step
) -> tuple[VariantFigures, ...]:
    """What each variant costs, from the least to the whole.

    All get the same modest rate, in rounds that take turns, so that a slow minute of the machine meets them all alike.
    """
    try:
        with deployed_variants(stack, breakdown) as deployed:
            tallies = [Tally() for _ in deployed]
            seconds: Counter[str] = Counter()
            for number in range(rounds):
                for variant, tally in zip(deployed, tallies, strict=True):
                    step.note(f"round {number + 1} of {rounds}: {variant.name}")
                    seconds[variant.name] += _round(stack, variant, file, directory / f"{number}-{variant.name}", tally)
        return _figures(deployed, tallies, seconds)
    finally:
        stack.rebuild(stack.outputs, step)


def _round(stack: Stack, variant: DeployedVariant, file: Path, directory: Path, tally: Tally) -> int:
    options = LoadOptions(rate=RATE, seconds=ROUND_SECONDS, warm_up=WARM_UP_SECONDS)
    with locust_run(Plan(file, variant.url, "steady", options), directory, stack.settings.project) as run:
        while run.running:
            time.sleep(0.05)
    record = run.record
    measured = record.total(record.measured)
    if run.problem or not measured.requests or measured.failed_share > FAILED_SHARE:
        raise StaticfireError(
            f"The variant {variant.name!r} cannot be measured: "
            f"{run.problem or f'{measured.failures} of {measured.requests} requests failed'}.",
            checked=[f"the end of what Locust said:\n{run.said}"],
            remedy="See `staticfire logs`; `--breakdown 0` leaves the breakdown out.",
        )
    tally += measured
    return sum(len(phase.seconds) for phase in record.measured)


def _figures(
    deployed: Sequence[DeployedVariant], tallies: Sequence[Tally], seconds: Mapping[str, int]
) -> tuple[VariantFigures, ...]:
    figures: list[VariantFigures] = []
    for variant, tally in zip(deployed, tallies, strict=True):
        p50 = tally.percentile(0.5) or 0.0
        adds = p50 - figures[-1].p50_ms if figures else p50
        rate = tally.requests / seconds[variant.name] if seconds[variant.name] else 0.0
        figures.append(VariantFigures(variant.name, variant.what, rate, p50, tally.percentile(0.95), adds))
    return tuple(figures)
