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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from staticfire.errors import ApplyError, StaticfireError, UsageError
from staticfire.host import interrupts
from staticfire.host.clock import rfc3339
from staticfire.progress import Progress, Step
from staticfire.settings import LoadSettings, StackSettings
from staticfire.stacks.stack import Stack
from staticfire.testing.kit import StackUnderTest

from . import layers
from .ceiling import Ceiling, ceiling
from .figures import in_words, latest, measured_of, series_of, warm_up_of
from .integrity import Integrity, check_of
from .journal import Journal
from .locust_processes import LocustRun, Plan, locust_run
from .machine import Machine, revision, versions
from .meter import Meter
from .on_aws.bill import price_table
from .on_aws.deployment import Deployment
from .profiles import LoadOptions
from .record import Record
from .report.conclusions import complete
from .report.document import GeneratorUse, LoadRun, Report
from .report.page import write
from .samples import Sampler, invoked_functions
from .thresholds import LoadLimits, LoadStep, judge, steps_of

STEPPED = ("ramp", "spike")


@dataclass
class Troubles:
    """Why a run failed, what makes its figures doubtful, and what cut it short."""

    failures: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    interrupted: bool = False
    lost_a_process: bool = False


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
    layer_rounds: int,
    traffic: float | None = None,
    earlier: Report | None = None,
) -> tuple[Report, Path]:
    """Load the stack, look up what became of the writes, measure the layers, and write the report; where its page is.

    `traffic`: a month's requests to be costed besides the usual; `earlier`: the report to compare this one with.
    """
    described = load_settings(stack.stack_settings)
    table = price_table(described.prices)
    if described.integrity is not None:
        check_of(described.integrity)  # what is wrong with it is said before anything is loaded
    project = stack.settings.project
    with display.step("Ceiling of the load generator") as step:
        most = ceiling(plan.file, plan.workers, stack.layout, project)
        step.done(f"{most.rps:.0f} requests a second")
    directory, troubles = _new_directory(stack), Troubles()
    deployment = _deployment(stack, table, troubles, display)
    started = rfc3339(precision="seconds")
    meter = Meter(stack)
    with Sampler(stack) as sampler, display.step(f"Load {stack.name}: {plan.profile}") as step:
        locust = _generate(plan, directory, troubles, project, step)
        record = locust.record
        measured = measured_of(record)
        step.done(in_words(measured))
    troubles.warnings += [*record.warnings, *sampler.warnings]
    requests = sum(tally.requests for routes in record.seconds.values() for tally in routes.values())
    metered = meter.read(requests, deployment.log_groups if deployment else [])
    steps = steps_of(record)
    thresholds = judge(record, steps, plan.profile, plan.limits)
    if not troubles.interrupted:
        troubles.failures += [f"threshold {threshold}" for threshold in thresholds if not threshold.holds]
    load_run = LoadRun(
        stack=stack.name,
        profile=plan.profile,
        options=plan.options,
        limits=plan.limits,
        target=stack.settings.target,
        started=started,
        seconds=round(sum(phase.ended - phase.begun for phase in record.phases), 1),
        machine=Machine.this(),
        versions=versions(),
        revision=revision(project),
        warm_up=warm_up_of(record),
        measured=measured,
        series=series_of(record, sampler.samples),
        steps=tuple(steps) if plan.profile in STEPPED else (),
        generator=_generator_use(most, record, troubles),
        thresholds=tuple(thresholds),
        metered=metered,
        functions=invoked_functions(stack, sampler.invoked(), _answering_until(record, steps, plan)),
        integrity=_integrity(stack, described, locust, troubles, display),
        layers=_layers(stack, described, layer_rounds, directory, troubles, display),
        interrupted=troubles.interrupted,
        failures=tuple(troubles.failures),
        warnings=tuple(troubles.warnings),
    )
    report = complete(load_run, deployment, table, traffic=traffic, earlier=earlier)
    return report, write(directory, report)


def _deployment(stack: Stack, table: Mapping[str, Any], troubles: Troubles, display: Progress) -> Deployment | None:
    """What AWS would run, from Terraform; a load run without it is worth having all the same."""
    try:
        return Deployment.of(stack.on_aws(display), table)
    except ApplyError as error:
        troubles.warnings.append(f"What AWS would run is not known, so the report has no needs and no costs. {error}")
        return None


def _answering_until(record: Record, steps: Sequence[LoadStep], plan: Plan) -> float:
    """The end of the phase whose figures the report answers with: of a ramp the last step that held, else the last."""
    held = [phase for phase, step in zip(record.measured, steps, strict=True) if not step.broken_by(plan.limits)]
    return held[-1].ended if held and plan.profile == "ramp" else record.phases[-1].ended


def _new_directory(stack: Stack) -> Path:
    """A directory for this run alone."""
    moment = time.strftime("%Y-%m-%dT%H-%M-%S")
    for suffix in ("", *(f"-{number}" for number in range(2, 100))):
        directory = stack.layout.reports / f"{moment}{suffix}"
        with contextlib.suppress(FileExistsError):
            directory.mkdir(parents=True)
            return directory
    raise StaticfireError(f"{stack.layout.reports} has a hundred reports of {moment}.")


def _generate(plan: Plan, directory: Path, troubles: Troubles, project: Path, step: Step) -> LocustRun:
    with locust_run(plan, directory, project) as locust:
        try:
            while locust.running:
                time.sleep(0.5)
                step.note(latest(locust.newest))
        except KeyboardInterrupt:
            interrupts.listen_again()  # the next one ends the rest too
            troubles.interrupted = True
            step.note("interrupted; what is under way is waited for")
        problem = None if troubles.interrupted else locust.problem
    if not locust.record.seconds:
        raise StaticfireError(
            "Nothing was measured.",
            checked=[problem or "the run was interrupted", f"the end of {locust.log}:\n{locust.said}"],
            remedy=f"Run it by hand: `locust -f {plan.file} --headless --profile {plan.profile}`.",
        )
    if problem:
        troubles.lost_a_process = True
        troubles.failures.append(f"generator: {problem}, so a part of the load was missing; see {locust.log}")
    return locust


def _generator_use(most: Ceiling, record: Record, troubles: Troubles) -> GeneratorUse:
    """Its share of what it can do, in the second that it did the most."""
    seconds = [second for phase in record.measured for second in phase.seconds]
    rates = [sum(tally.requests for tally in record.seconds.get(second, {}).values()) for second in seconds]
    rate = max(rates, default=0)
    warning = most.warning(rate)
    if warning:
        troubles.warnings.append(warning)
    return GeneratorUse(most.workers, most.rps, most.share_of(rate), warning)


def _integrity(
    stack: Stack, described: LoadSettings, locust: LocustRun, troubles: Troubles, display: Progress
) -> Integrity | None:
    """The verdict of the stack's own books; None when it has none."""
    if described.integrity is None:
        return None
    with display.step("Integrity") as step:
        verdict = check_of(described.integrity)(Journal(locust.journal), StackUnderTest(stack, display))
        step.done("holds" if verdict.holds else "FAILS")
    if not verdict.holds:
        troubles.failures.append(f"integrity: {verdict}")
    return verdict


def _layers(
    stack: Stack, described: LoadSettings, rounds: int, directory: Path, troubles: Troubles, display: Progress
) -> tuple[layers.LayerFigures, ...]:
    if described.layers is None or troubles.interrupted or troubles.lost_a_process or not rounds:
        return ()
    try:
        with display.step("Layers") as step:
            return layers.measure(stack, described.layers, described.file, rounds, directory / "layers", step)
    except (StaticfireError, BotoCoreError, ClientError) as error:  # what was measured before is worth its report
        troubles.failures.append(f"layers: {error}")
    except KeyboardInterrupt:
        interrupts.listen_again()
        troubles.interrupted = True
    return ()


def plan_of(stack: Stack, profile: str, options: LoadOptions, limits: LoadLimits, workers: int) -> Plan:
    """The stack's own Locust file against its own API."""
    url = stack.url
    if url is None:
        raise UsageError(
            f"The stack {stack.name!r} has no HTTP API: its outputs name no `api_id`.",
            checked=[f"outputs: {', '.join(sorted(stack.outputs))}"],
        )
    return Plan(load_settings(stack.stack_settings).file, url, profile, options, limits, workers)
