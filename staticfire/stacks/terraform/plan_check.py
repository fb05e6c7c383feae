"""What a plan holds that will not work here, said before it is applied, by the table and by what the arguments ask for.

The table (resource_types.py) has what becomes of a resource type. A check here gets a resource as the plan has it,
without what is known after apply only, and the stack's account; it yields an obstacle for each thing that will not
work, with what to do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from staticfire.toolchain.runtimes import RUNTIME, RUNTIMES_HERE

from .bootstrap import obstacles_of_bootstraps
from .obstacle import Obstacle, Weight
from .output import Resource
from .resource_types import AWS, TABLE, Fate

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
# As staticfire/edge/services/pipes/service.py has them, which a test compares.
PIPE_ENDS: Mapping[str, tuple[str, ...]] = {
    "source": ("sqs", "dynamodb", "kinesis"),
    "enrichment": ("lambda", "states"),
    "target": ("lambda", "states", "sqs", "sns", "kinesis", "events", "logs"),
}
# What a rule and a schedule deliver to: MiniStack, and staticfire/edge/emulators/in_ministack/events.py.
DELIVERED = ("lambda", "sqs", "sns", "states", "events", "logs", "kinesis", "firehose")
LEAVE_OUT = "Leave it out of the local stack"


def obstacles(
    resources: Sequence[Resource],
    account: str,
    settings: Iterable[str] = (),
    *,
    measured: bool = True,
    root: Path | None = None,
) -> list[Obstacle]:
    """What will not work of these resources in this account, in their order.

    `settings`: those that are switched on. `measured`: whether the emulator is the one that the table was made with;
    with another one it only tells what to expect. `root` is where Terraform runs.
    """
    switched_on = frozenset(settings)
    by_resource = [
        obstacle
        for resource in resources
        for obstacle in (
            *_by_type(resource, switched_on, measured),
            *(obstacle for check in CHECKS.get(resource.type, ()) for obstacle in check(resource, account)),
        )
    ]
    return by_resource + (list(obstacles_of_bootstraps(resources, root)) if root else [])


def _by_type(resource: Resource, switched_on: frozenset[str], measured: bool) -> Iterator[Obstacle]:
    address, kind = resource.address, resource.type
    row = TABLE.get(kind)
    if row is None:
        if kind.startswith(AWS):
            yield Obstacle(address, f"is an {kind}: not tried here", "Try it without --strict", Weight.UNTRIED, kind)
    elif row.fate is Fate.REFUSED:
        what = f"is an {kind}, which cannot be made here: {row.note}"
        yield Obstacle(address, what, LEAVE_OUT, Weight.REFUSED if measured else Weight.UNTRIED, kind)
    elif row.fate is Fate.DESCRIBED and row.needs not in switched_on:
        yield Obstacle(address, f"is an {kind}: described only", row.note, Weight.DESCRIBED, kind)
    elif row.fate is Fate.RUNS and row.note:
        yield Obstacle(address, f"is an {kind}, which runs with less than on AWS", row.note, Weight.LESS, kind)


def _image(resource: Resource, account: str) -> Iterator[Obstacle]:
    """An image of a repository of the plan is known after apply only. No registry of others is asked for one."""
    uri = str(resource.values.get("image_uri") or "")
    registry = re.search(r"(?:^|/)(\d{12})\.dkr\.ecr\.", uri)
    if uri and (registry is None or registry[1] != account):
        what = f"is the container image {uri}, which is not in this account's ECR here"
        remedy = "Push it to an aws_ecr_repository of this stack (docs/runtimes.md), and name that one's repository_url"
        yield Obstacle(resource.address, what, remedy)


def _runtime(resource: Resource, account: str) -> Iterator[Obstacle]:
    runtime = resource.values.get("runtime")  # none: an image, or known after apply only
    if runtime and not RUNTIME.fullmatch(runtime):
        name = resource.values.get("function_name") or "its function"
        what = f"has the runtime {runtime}, which cannot run here ({name})"
        needs = next((f"{text}. " for begin, text in NEEDS.items() if runtime.startswith(begin)), "")
        remedy = f"{needs}These run here: {RUNTIMES_HERE}. Give it one of them, or leave it out of the local stack"
        yield Obstacle(resource.address, what, remedy)


def _engine(resource: Resource, account: str) -> Iterator[Obstacle]:
    engine = resource.values.get("engine")  # none: known after apply only, or that of a snapshot
    if engine and engine != "postgres":
        what = f"has the engine {engine}, which is not here"
        yield Obstacle(resource.address, what, "A real PostgreSQL is here: use `postgres`, or leave it out")


def _source(resource: Resource, account: str) -> Iterator[Obstacle]:
    """Queues and streams are read; an ARN that is not known yet is one of these, or is told by AWS's own resources."""
    arn = str(resource.values.get("event_source_arn") or "")
    if resource.values.get("self_managed_event_source") or (arn and arn.split(":")[2:3] not in READ_SOURCES):
        what = f"reads {arn or 'a Kafka of your own'}: the mapping is described only"
        remedy = "Nothing reads it here: SQS, DynamoDB streams and Kinesis are read"
        yield Obstacle(resource.address, what, remedy, Weight.DESCRIBED, resource.type)


def _pipe(resource: Resource, account: str) -> Iterator[Obstacle]:
    """Ends whose ARN is known after apply only are made by the stack itself; the edge refuses what it cannot serve."""
    for end, services in PIPE_ENDS.items():
        arn = str(resource.values.get(end) or "")
        if arn and (arn.split(":")[2:3] not in [[service] for service in services] or ":api-destination/" in arn):
            what = f"has the {end} {arn}, which no pipe has here"
            yield Obstacle(resource.address, what, f"Pipes have {', '.join(services)} there")


def _rule_target(resource: Resource, account: str) -> Iterator[Obstacle]:
    yield from _delivered(resource, str(resource.values.get("arn") or ""))


def _schedule(resource: Resource, account: str) -> Iterator[Obstacle]:
    """Universal targets, which call any API of AWS, have ARNs of the Scheduler's own."""
    for target in resource.values.get("target") or ():
        yield from _delivered(resource, str(target.get("arn") or ""))
    zone = resource.values.get("schedule_expression_timezone") or "UTC"
    if zone != "UTC" and not str(resource.values.get("schedule_expression") or "").startswith("rate("):
        what = f"is a schedule of the time zone {zone}: here it is due at that time in UTC"
        yield Obstacle(resource.address, what, "Do not rely on its hour here", Weight.LESS, resource.type)


def _delivered(resource: Resource, arn: str) -> Iterator[Obstacle]:
    """An ARN that is known after apply only is one of these, or is told by its own resource."""
    if arn and arn.split(":")[2:3] not in [[service] for service in DELIVERED]:
        what = f"has the target {arn}: described only, nothing is delivered to it"
        remedy = f"These get events here: {', '.join(DELIVERED)}"
        yield Obstacle(resource.address, what, remedy, Weight.DESCRIBED, resource.type)


def _function_url(resource: Resource, account: str) -> Iterator[Obstacle]:
    """https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"""
    if resource.values.get("authorization_type") == "NONE":
        what = "asks for one permission here, lambda:InvokeFunctionUrl: on AWS, a new URL is 403 without a second one"
        remedy = "For AWS, permit lambda:InvokeFunction too, with invoked_via_function_url (provider 6.28 and later)"
        yield Obstacle(resource.address, what, remedy, Weight.LESS, resource.type)


Check = Callable[[Resource, str], Iterator[Obstacle]]
CHECKS: Mapping[str, tuple[Check, ...]] = {
    "aws_lambda_function": (_image, _runtime),
    "aws_lambda_event_source_mapping": (_source,),
    "aws_lambda_function_url": (_function_url,),
    "aws_db_instance": (_engine,),
    "aws_pipes_pipe": (_pipe,),
    "aws_cloudwatch_event_target": (_rule_target,),
    "aws_scheduler_schedule": (_schedule,),
}
