"""A load run of one stack, from its generator's ceiling to what the report says.

    plan -> ceiling -> warm-up -> measured -> books -> layers -> report
                          |          |
                          +--Ctrl-C--+---> books -> report of what was measured until then

A run fails when a threshold does not hold, when a write was lost or counted twice, and when the generator lost a
process: each is a line of `failures`. What makes its figures doubtful is a warning.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from staticfire.errors import ApplyError, StaticfireError, UsageError
from staticfire.host.clock import rfc3339
from staticfire.load.on_aws.deployment import Deployment, price_table
from staticfire.load.report.document import complete, write
from staticfire.progress import Progress, Step
from staticfire.settings import LoadSettings, StackSettings
from staticfire.stacks.stack import Stack
from staticfire.testing.kit import StackUnderTest

from . import layers
from .ceiling import Ceiling, ceiling
from .figures import figures, latest, summary
from .integrity import check_of
from .journal import Journal
from .locust_processes import Generator, Plan, generating
from .machine import machine, revision, versions
from .meter import Meter
from .profiles import Asked
from .record import Phase, Record
from .thresholds import Limits, judge, step_holds
from .watch import Watch, durations

SCHEMA = 1
LAYER_ROUNDS = 3


@dataclass
class Outcome:
    """What a run left in its directory, what it measured, and why it failed, if it did."""

    directory: Path
    report: dict[str, Any] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    interrupted: bool = False
    lost_a_process: bool = False
    page: Path | None = None


def load_settings(stack: StackSettings) -> LoadSettings:
    """How the stack is to be loaded; an error that says what is missing."""
    described = stack.load
    if described is None:
        raise UsageError(
            f"The stack {stack.name!r} has no Locust file.",
            remedy=f"Name one in staticfire.toml: `file` in a table [stacks.{stack.name}.load].",
        )
    if not described.file.is_file():
        raise UsageError(
            f"There is no Locust file {described.file}.",
            remedy=f"Correct stacks.{stack.name}.load.file in staticfire.toml.",
        )
    return described


def run(
    stack: Stack,
    plan: Plan,
    display: Progress,
    *,
    layer_rounds: int = LAYER_ROUNDS,
    traffic: float | None = None,
    earlier: Mapping[str, Any] | None = None,
) -> Outcome:
    """Load the stack, look up what became of the writes, measure the layers, and write the report.

    `traffic` is what a month's costs are told for besides, `earlier` the report that this one is compared with.
    """
    described = load_settings(stack.stack_settings)
    table = price_table(described.prices)
    if described.integrity is not None:
        check_of(described.integrity)  # what is wrong with it is said before anything is loaded
    project = stack.settings.project
    with display.step("Ceiling of the load generator") as step:
        most = ceiling(plan.file, plan.workers, stack.layout, project)
        step.done(f"{most.rps:.0f} requests a second")
    outcome = Outcome(_new_directory(stack))
    deployment = _deployment(stack, table, outcome, display)
    started = datetime.now(UTC)
    meter = Meter(stack)
    with Watch(stack) as watch, display.step(f"Load {stack.name}: {plan.profile}") as step:
        generator = _generate(plan, outcome, project, step)
        record = generator.record
        step.done(summary(record))
    outcome.warnings += [*record.warnings, *watch.warnings]
    requests = sum(tally.requests for routes in record.seconds.values() for tally in routes.values())
    metered = meter.read(requests, deployment.log_groups if deployment else [])
    thresholds = judge(record, plan.profile, plan.limits)
    if not outcome.interrupted:
        outcome.failures += [f"threshold {threshold}" for threshold in thresholds if not threshold.holds]
    measured = {
        "schema": SCHEMA,
        "stack": stack.name,
        "profile": plan.profile,
        "asked": asdict(plan.asked),
        "limits": asdict(plan.limits),
        "target": stack.settings.target,
        "started": rfc3339(started, "seconds"),
        "seconds": round(sum(phase.ended - phase.begun for phase in record.phases), 1),
        "interrupted": outcome.interrupted,
        "machine": dict(machine()),
        "versions": dict(versions()),
        "revision": revision(project),
        **figures(record, watch.samples, plan.profile),
        "generator": _generator(most, record, outcome),
        "thresholds": [asdict(threshold) for threshold in thresholds],
        "metered": metered,
        "functions": durations(stack, watch.invoked(), _answering(record, plan).ended),
        "integrity": _integrity(stack, described, generator, outcome, display),
        "layers": _layers(stack, described, layer_rounds, outcome, display),
    }
    outcome.report = {
        **complete(measured, deployment, table, traffic=traffic, earlier=earlier),
        "failures": outcome.failures,
        "warnings": outcome.warnings,
        "passed": not outcome.failures and not outcome.interrupted,
    }
    outcome.page = write(outcome.directory, outcome.report)
    return outcome


def _deployment(stack: Stack, table: Mapping[str, Any], outcome: Outcome, display: Progress) -> Deployment | None:
    """What AWS would run, from Terraform; a load run without it is worth having all the same."""
    try:
        return Deployment.of(stack.on_aws(display), table)
    except ApplyError as error:
        outcome.warnings.append(f"What AWS would run is not known, so neither needs nor costs are told. {error}")
        return None


def _answering(record: Record, plan: Plan) -> Phase:
    """The phase whose figures the report answers with: of a ramp the last step that held, else the last one."""
    held = [phase for phase in record.measured if step_holds(record, phase, plan.limits)]
    return held[-1] if held and plan.profile == "ramp" else record.phases[-1]


def _new_directory(stack: Stack) -> Path:
    """A directory for this run alone."""
    moment = time.strftime("%Y-%m-%dT%H-%M-%S")
    for suffix in ("", *(f"-{number}" for number in range(2, 100))):
        directory = stack.layout.reports / f"{moment}{suffix}"
        with contextlib.suppress(FileExistsError):
            directory.mkdir(parents=True)
            return directory
    raise StaticfireError(f"{stack.layout.reports} has a hundred reports of {moment}.")


def _generate(plan: Plan, outcome: Outcome, project: Path, step: Step) -> Generator:
    with generating(plan, outcome.directory, project) as generator:
        try:
            while generator.running:
                time.sleep(0.5)
                step.note(latest(generator.newest))
        except KeyboardInterrupt:
            outcome.interrupted = True
            step.note("interrupted; what is under way is waited for")
        problem = None if outcome.interrupted else generator.problem
    if not generator.record.seconds:
        raise StaticfireError(
            "Nothing was measured.",
            checked=[problem or "the run was interrupted", f"the end of {generator.log}:\n{generator.said}"],
            remedy=f"Run it by hand: `locust -f {plan.file} --headless --profile {plan.profile}`.",
        )
    if problem:
        outcome.lost_a_process = True
        outcome.failures.append(f"generator: {problem}, and a part of the load was missing; see {generator.log}")
    return generator


def _generator(most: Ceiling, record: Record, outcome: Outcome) -> dict[str, Any]:
    """Its share of what it can do, in the second that it did the most."""
    seconds = [second for phase in record.measured for second in phase.seconds]
    rates = [sum(tally.requests for tally in record.seconds.get(second, {}).values()) for second in seconds]
    rate = max(rates, default=0)
    warning = most.warning(rate)
    if warning:
        outcome.warnings.append(warning)
    return {
        "processes": most.workers,
        "ceiling_rps": most.rps,
        "used_share": round(most.share_of(rate), 4),
        "warning": warning,
    }


def _integrity(
    stack: Stack, described: LoadSettings, generator: Generator, outcome: Outcome, display: Progress
) -> dict[str, Any] | None:
    """The verdict of the stack's own books; None when it has none."""
    if described.integrity is None:
        return None
    with display.step("Integrity") as step:
        verdict = check_of(described.integrity)(Journal(generator.journal), StackUnderTest(stack, display))
        step.done("holds" if verdict.holds else "FAILS")
    if not verdict.holds:
        outcome.failures.append(f"integrity: {verdict}")
    return verdict.as_dict()


def _layers(
    stack: Stack, described: LoadSettings, rounds: int, outcome: Outcome, display: Progress
) -> list[dict[str, Any]]:
    if described.layers is None or outcome.interrupted or outcome.lost_a_process or not rounds:
        return []
    try:
        with display.step("Layers") as step:
            return layers.measure(stack, described.layers, described.file, rounds, outcome.directory / "layers", step)
    except (StaticfireError, BotoCoreError, ClientError) as error:  # what was measured before is worth its report
        outcome.failures.append(f"layers: {error}")
    except KeyboardInterrupt:
        outcome.interrupted = True
    return []


def plan_of(stack: Stack, profile: str, asked: Asked, limits: Limits, workers: int) -> Plan:
    """The stack's own Locust file against its own API."""
    url = stack.url
    if url is None:
        raise UsageError(
            f"The stack {stack.name!r} has no HTTP API: its outputs name no `api_id`.",
            checked=[f"outputs: {', '.join(sorted(stack.outputs))}"],
        )
    return Plan(load_settings(stack.stack_settings).file, url, profile, asked, limits, workers)
