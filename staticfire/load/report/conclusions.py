"""What follows from a run's figures: the rate it held, needs and costs on AWS, the comparison, and the summary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from staticfire.load.figures import MeasuredFigures
from staticfire.load.knee import Knee
from staticfire.load.on_aws.deployment import Deployment
from staticfire.load.on_aws.estimate import AwsEstimate, estimate

from .analysis import HeldRate, held_rate, writes_share
from .compare import compare, gate
from .document import LoadRun, Report, Summary

# Of what was due, so much may be unsent before the headline says so: a second of a run has that much noise.
SMALL_SHARE = 0.01


def complete(
    run: LoadRun,
    deployment: Deployment | None,
    table: Mapping[str, Any],
    *,
    traffic: float | None = None,
    earlier: Report | None = None,
    fail_on_worse: bool = False,
) -> Report:
    """The report. `deployment` None: what AWS would run, or what the run used of it, is not known."""
    held = held_rate(run.steps, run.limits) if run.profile == "ramp" else None
    rate, p95_ms, basis = _carried(run, held)
    aws = None
    if deployment is not None:
        aws = estimate(run.functions, run.metered, rate, deployment, table, traffic)
    limited_by, limits = _limits(run, held, aws)
    comparison = None if earlier is None else compare(earlier, run, held)
    if comparison is not None and fail_on_worse:
        failures, unknown = gate(comparison)
        run = replace(run, failures=(*run.failures, *failures), unknown=(*run.unknown, *unknown))
    return Report(
        **{entry.name: getattr(run, entry.name) for entry in fields(LoadRun) if entry.init},
        held=held,
        aws=aws,
        comparison=comparison,
        summary=Summary(
            looked_for=held is not None or run.generator.warning is not None,
            rate=rate,
            writes=rate * writes_share(run.measured.routes),
            p95_ms=p95_ms,
            basis=basis,
            limited_by=limited_by,
            limits=limits,
        ),
    )


def _carried(run: LoadRun, held: HeldRate | None) -> tuple[float, float | None, str]:
    """The rate that the report answers with, its 95th percentile, and where it is from: a step, else the run."""
    if held is not None and held.rate is not None:
        limit = "" if held.limit_ms is None else f" p95 within {held.limit_ms:,.3g} ms"
        basis = f"The highest rate at which a step held{limit}." if held.met else "Every step held: it carries more."
        return held.rate, held.p95_ms, basis
    basis = "The rate that this run held, not the most that it can." if held is None else "No step held its limits."
    return run.measured.rate, run.measured.p95_ms, basis + _not_the_rate(run.measured)


def _not_the_rate(measured: MeasuredFigures) -> str:
    """What the headline adds where a share of what was due that is not small was never sent."""
    due = measured.requests + measured.unsent
    share = measured.unsent / due if due else 0.0
    if share <= SMALL_SHARE:
        return ""
    return (
        f" These are not the figures of the rate that was asked for: of {due:,} requests that were due, "
        f"{measured.unsent:,} ({share:.0%}) were never sent."
    )


def _limits(run: LoadRun, held: HeldRate | None, aws: AwsEstimate | None) -> tuple[str, tuple[str, ...]]:
    """What limits the rate: in a word, and in sentences. What makes the measurement itself doubtful comes first."""
    if run.generator.warning:
        word, why = "The generator", run.generator.warning
    elif held is None:
        word, why = "Not looked for", "This profile does not look for the limit; --profile ramp does."
    elif not held.met and held.rate is not None:
        word, why = "Not reached", held.why
    else:
        word, why = "This machine", held.why
    sentences = [why]
    if run.knee is not None:
        sentences.append(f"{_knee_in_words(run.knee)} {run.knee.why}")
    if run.breakdown:
        largest = max(run.breakdown, key=lambda variant: variant.adds_ms)
        sentences.append(
            f"What adds most to a request's time here is the step to “{largest.name}”: {largest.adds_ms:.3g} of "
            f"{run.breakdown[-1].p50_ms:.3g} ms."
        )
    first = next((limit for limit in aws.ceilings if not limit.new_accounts_only), None) if aws else None
    if first is not None:
        least, most = min(first.carries.values()), max(first.carries.values())
        span = f"{least:,.0f}" if least == most else f"{least:,.0f} to {most:,.0f}"
        sentences.append(f"On AWS the first limit is: {first.name}, {first.limit}: {span} requests/s.")
    return word, tuple(sentences)


def _knee_in_words(knee: Knee) -> str:
    if knee.rate is None:
        return "No knee."
    if knee.low is None or knee.high is None:
        return f"The knee: {knee.rate:,.0f} requests/s."
    return f"The knee: {knee.rate:,.0f} requests/s ({knee.low:,.0f} to {knee.high:,.0f})."
