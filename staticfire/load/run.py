"""A load run of one stack, from its generator's ceiling to what the report says.

    plan -> ceiling -> baseline -> warm-up -> measured -> books -> breakdown -> report
                                      |          |
                                      +--Ctrl-C--+---> books -> report of what was measured until then
                                      +-the edge-+---> report whose verdict cannot be told; `look_up` asks the books
                                        is gone        later

A run fails when a threshold does not hold, when a write was lost or counted twice, and when the generator lost a
process: each is a line of `failures`. What was not to be found out is a line of `unknown`. What makes its figures
doubtful is a warning.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from staticfire.edge_client import EdgeClient
from staticfire.errors import ApplyError, StaticfireError, UsageError
from staticfire.host import interrupts
from staticfire.host.clock import rfc3339
from staticfire.host.files import read_json, write_json
from staticfire.progress import Progress, Step
from staticfire.settings import LoadSettings, StackSettings
from staticfire.stacks.stack import Stack
from staticfire.testing.kit import StackUnderTest

from . import breakdown
from .ceiling import Ceiling, ceiling
from .expressions import ThresholdExpression, answering_phases
from .figures import distribution_of, in_words, latest, measured_of, series_of, unloaded_of, warm_up_of
from .histograms import histograms
from .integrity import Books, Integrity
from .journal import Journal
from .knee import knee_of
from .locust_processes import JOURNAL, LocustRun, Plan, locust_run
from .machine import Machine, revision, versions
from .meter import Meter, Metered
from .on_aws.bill import price_table
from .on_aws.deployment import Deployment
from .profiles import PROFILES, LoadOptions
from .record import Record
from .report.conclusions import complete
from .report.document import GeneratorUse, LoadRun, Report, read
from .report.doubt import doubt
from .report.live import LivePage
from .report.page import write
from .samples import InvokedFunction, Sampler, invoked_functions
from .thresholds import LoadLimits, judge, limits_of, steps_of

STEPPED = ("ramp", "spike")
BASELINE = "baseline.json"
HISTOGRAMS = "histograms"
# Of the generator's ceiling: beyond, what is measured is the generator.
REFUSED_SHARE = 0.9
INTEGRITY = "integrity"
# What the running stack may answer with when a part of it is not well.
UNREADABLE = (StaticfireError, BotoCoreError, ClientError)
NOTHING_METERED = Metered(0, {}, {})


@dataclass
class Troubles:
    """Why a run failed, why its verdict cannot be told, what makes its figures doubtful, and what cut it short."""

    failures: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    interrupted: bool = False
    lost_a_process: bool = False
    edge_is_gone: bool = False

    @property
    def cut_short(self) -> bool:
        return self.interrupted or self.lost_a_process or self.edge_is_gone


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
    breakdown_rounds: int,
    traffic: float | None = None,
    earlier: Report | None = None,
    fail_on_worse: bool = False,
    expressions: Sequence[ThresholdExpression] = (),
    command: str = "",
) -> tuple[Report, Path]:
    """Load the stack, look up what became of the writes, break its time down, and write the report; where its page is.

    `traffic`: a month's requests to be costed besides the usual; `earlier`: the report to compare this one with.
    """
    described = load_settings(stack.stack_settings)
    table = price_table(described.prices)
    books = _books(described)  # what is wrong with it is said before anything is loaded
    project = stack.settings.project
    with display.step("Ceiling of the load generator") as step:
        most = ceiling(plan.file, plan.workers, stack.layout, project)
        step.done(f"{most.rps:.0f} requests a second")
    _refuse_beyond(most, plan)
    directory, troubles = _new_directory(stack), Troubles()
    deployment = _deployment(stack, table, troubles, display)
    if books is not None:
        with display.step("Books before the run"):
            write_json(directory / BASELINE, books.baseline(StackUnderTest(stack, display)))
    started = rfc3339(precision="seconds")
    meter = Meter(stack)
    with Sampler(stack) as sampler, display.step(f"Load {stack.name}: {plan.profile}") as step:
        live = LivePage(directory, f"{stack.name}: {plan.profile}", plan.limits.p95_ms)
        display.line(f"live: {live.file.as_uri()}")
        locust = _generate(plan, directory, sampler, troubles, project, step, live)
        record = locust.record
        measured = measured_of(record)
        step.done(in_words(measured))
    troubles.warnings += [*record.warnings, *sampler.warnings]
    if sampler.edge_is_gone or EdgeClient(stack.running.endpoint).health() is None:
        troubles.edge_is_gone = True
        troubles.unknown.append(
            "The edge stopped answering during the run: what was sent after that failed, and the "
            "thresholds are not judged."
        )
    profile = PROFILES[plan.profile]
    limits = limits_of(record, profile, plan.limits)
    steps = steps_of(record)
    thresholds = judge(record, steps, plan.profile, limits)
    answering = answering_phases(record, steps, plan.profile, limits)
    if not (troubles.interrupted or troubles.edge_is_gone):
        troubles.failures += [f"threshold {threshold}" for threshold in thresholds if not threshold.holds]
    metered = NOTHING_METERED
    functions: tuple[InvokedFunction, ...] = ()
    if not troubles.edge_is_gone:
        try:
            metered = meter.read(record.requests, deployment.log_groups if deployment else [])
            functions = invoked_functions(stack, sampler.invoked(), answering[-1].ended if answering else 0.0)
        except UNREADABLE as error:
            troubles.warnings.append(f"What the run used of AWS is not known. {error}")
            metered, functions = NOTHING_METERED, ()
    ended = rfc3339(precision="seconds")
    verdict = _integrity(stack, books, directory, troubles, display)
    judged = [expression.judge(record, answering, verdict) for expression in expressions]
    if not (troubles.interrupted or troubles.edge_is_gone):
        troubles.failures += [f"threshold {threshold}" for threshold in judged if not threshold.holds]
    variants = _breakdown(stack, described, breakdown_rounds, directory, troubles, display)
    load_run = LoadRun(
        stack=stack.name,
        profile=plan.profile,
        command=command,
        model=profile.model(plan.options),
        options=plan.options,
        limits=limits,
        target=stack.settings.target,
        started=started,
        ended=ended,
        seconds=round(sum(phase.ended - phase.begun for phase in record.phases), 1),
        machine=Machine.this(),
        versions=versions(),
        revision=revision(project),
        warm_up=warm_up_of(record),
        unloaded=unloaded_of(record, profile),
        measured=measured,
        distribution=distribution_of(record.total(answering)),
        series=series_of(record, sampler.samples),
        steps=tuple(steps) if plan.profile in STEPPED else (),
        knee=knee_of(record) if plan.profile == "ramp" else None,
        generator=_generator_use(most, record, troubles),
        thresholds=(*thresholds, *judged),
        metered=metered,
        functions=functions,
        faults=sampler.faults,
        integrity=verdict,
        breakdown=variants,
        breakdown_doubt=doubt(variants, record),
        interrupted=troubles.interrupted,
        failures=tuple(troubles.failures),
        unknown=tuple(troubles.unknown),
        warnings=tuple(troubles.warnings),
    )
    report = complete(
        load_run,
        deployment if metered is not NOTHING_METERED else None,
        table,
        traffic=traffic,
        earlier=earlier,
        fail_on_worse=fail_on_worse,
    )
    histograms(directory / HISTOGRAMS, record)
    return report, write(directory, report)


def look_up(stack: Stack, directory: Path, display: Progress) -> tuple[Report, Path]:
    """What became of the writes of an earlier run, whose report could not say; the report, with the answer in it."""
    report = read(directory)
    books = _books(load_settings(stack.stack_settings))
    if books is None or report.stack != stack.name:
        raise UsageError(
            f"The writes of {directory} cannot be looked up in the stack {stack.name!r}.",
            checked=[f"the run's stack: {report.stack}", f"the stack's `integrity` file: {books and 'there'}"],
        )
    if report.integrity is not None:
        raise UsageError(
            f"The writes of {directory} were looked up after the run: {report.integrity}",
            remedy="Its report has the answer; what was written since would be taken for the run's.",
        )
    if not (directory / BASELINE).is_file():
        raise UsageError(
            f"{directory} has no {BASELINE}: it is not the directory of a load run with an integrity file."
        )
    troubles = Troubles(
        failures=list(report.failures),
        unknown=[reason for reason in report.unknown if not reason.startswith(INTEGRITY)],
    )
    verdict = _integrity(stack, books, directory, troubles, display)
    if verdict is None:
        raise StaticfireError(*troubles.unknown[-1:])
    report = replace(report, integrity=verdict, failures=tuple(troubles.failures), unknown=tuple(troubles.unknown))
    return report, write(directory, report)


def _books(described: LoadSettings) -> Books | None:
    return None if described.integrity is None else Books(described.integrity)


def _deployment(stack: Stack, table: Mapping[str, Any], troubles: Troubles, display: Progress) -> Deployment | None:
    """What AWS would run, from Terraform; a load run without it is worth having all the same."""
    try:
        return Deployment.of(stack.on_aws(display), table)
    except ApplyError as error:
        troubles.warnings.append(f"What AWS would run is not known, so the report has no needs and no costs. {error}")
        return None


def _refuse_beyond(most: Ceiling, plan: Plan) -> None:
    """A rate that the generator cannot send would measure the generator. A ramp of its own comes as far as it can."""
    if plan.profile == "ramp" and plan.options.rate is None:
        return
    highest = max((phase.rate or 0.0 for phase in PROFILES[plan.profile].phases(plan.options)), default=0.0)
    if most.share_of(highest) > REFUSED_SHARE:
        raise UsageError(
            f"{highest:,.0f} requests a second are {most.share_of(highest):.0%} of what {most.workers} "
            f"generating process{'es' if most.workers > 1 else ''} can send here: the generator would be measured.",
            checked=[f"the generator's ceiling on this machine: {most.rps:,.0f} requests a second"],
            remedy="Give it more processes (--workers N), other machines (docs/load.md), or a lower --rate.",
        )


def _new_directory(stack: Stack) -> Path:
    """A directory for this run alone."""
    moment = time.strftime("%Y-%m-%dT%H-%M-%S")
    for suffix in ("", *(f"-{number}" for number in range(2, 100))):
        directory = stack.layout.reports / f"{moment}{suffix}"
        with contextlib.suppress(FileExistsError):
            directory.mkdir(parents=True)
            return directory
    raise StaticfireError(f"{stack.layout.reports} has a hundred reports of {moment}.")


def _generate(
    plan: Plan, directory: Path, sampler: Sampler, troubles: Troubles, project: Path, step: Step, live: LivePage
) -> LocustRun:
    """The run to its end, or as far as it came: Ctrl-C and an edge that is gone end it."""
    with locust_run(plan, directory, project) as locust:
        try:
            while locust.running and not sampler.edge_is_gone:
                time.sleep(0.5)
                newest = locust.newest
                step.note(latest(newest))
                live.look(newest, sampler.samples)
        except KeyboardInterrupt:
            interrupts.listen_again()  # the next one ends the rest too
            troubles.interrupted = True
            step.note("interrupted; what is under way is waited for")
        problem = None if troubles.interrupted else locust.problem
    live.end()
    if not locust.record.seconds:
        raise StaticfireError(
            "Nothing was measured.",
            checked=[problem or "the run was cut short", f"the end of {locust.log}:\n{locust.said}"],
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
    if warning and most.share_of(rate) > REFUSED_SHARE:
        troubles.unknown.append(warning)
    elif warning:
        troubles.warnings.append(warning)
    return GeneratorUse(most.workers, most.rps, most.share_of(rate), warning)


def _integrity(
    stack: Stack, books: Books | None, directory: Path, troubles: Troubles, display: Progress
) -> Integrity | None:
    """The verdict of the stack's own books; None when it has none, or when they cannot be read now."""
    if books is None:
        return None
    before = read_json(directory / BASELINE)
    try:
        with display.step("Integrity") as step:
            verdict = books.check(Journal(directory / JOURNAL), StackUnderTest(stack, display), before)
            step.done("holds" if verdict.holds else "FAILS")
    except UNREADABLE as error:
        why = error.what if isinstance(error, StaticfireError) else error
        troubles.unknown.append(
            f"{INTEGRITY}: the writes were not looked up: {why}\n"
            "  remedy: The journal has them. Run `staticfire up`, then "
            f"`staticfire load {stack.name} --check {directory}`."
        )
        return None
    if not verdict.holds:
        troubles.failures.append(f"{INTEGRITY}: {verdict}")
    if verdict.earlier_drift:
        troubles.warnings.append(
            f"{verdict.earlier_drift} sums had drifted before the run began; what it did to them cannot be told."
        )
    return verdict


def _breakdown(
    stack: Stack, described: LoadSettings, rounds: int, directory: Path, troubles: Troubles, display: Progress
) -> tuple[breakdown.VariantFigures, ...]:
    if described.breakdown is None or troubles.cut_short or not rounds:
        return ()
    try:
        with display.step("Breakdown") as step:
            return breakdown.measure(stack, described.breakdown, described.file, rounds, directory / "breakdown", step)
    except UNREADABLE as error:  # what was measured before is worth its report
        troubles.failures.append(f"breakdown: {error}")
    except KeyboardInterrupt:
        interrupts.listen_again()
        troubles.interrupted = True
    return ()


def plan_of(
    stack: Stack, profile: str, options: LoadOptions, limits: LoadLimits, workers: int, listen: str = ""
) -> Plan:
    """The stack's own Locust file against its own API. `listen`: where workers on other machines join."""
    url = stack.url
    if url is None:
        raise UsageError(
            f"The stack {stack.name!r} has no HTTP API: its outputs name no `api_id`.",
            checked=[f"outputs: {', '.join(sorted(stack.outputs))}"],
        )
    return Plan(load_settings(stack.stack_settings).file, url, profile, options, limits, workers, listen)
