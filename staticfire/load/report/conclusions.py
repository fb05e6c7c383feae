"""What follows from a run's figures: its knee, what it needs and costs on AWS, the comparison, and the summary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from staticfire.load.on_aws.deployment import Deployment
from staticfire.load.on_aws.estimate import AwsEstimate, estimate

from .analysis import Knee, knee, writes_share
from .compare import compare, gate
from .document import LoadRun, Report, Summary


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
    bend = knee(run.steps, run.limits) if run.profile == "ramp" else None
    rate, p95_ms, basis = _carried(run, bend)
    aws = None
    if deployment is not None:
        aws = estimate(run.functions, run.metered, rate, deployment, table, traffic)
    limited_by, limits = _limits(run, bend, aws)
    comparison = None if earlier is None else compare(earlier, run, bend)
    if comparison is not None and fail_on_worse:
        failures, unknown = gate(comparison)
        run = replace(run, failures=(*run.failures, *failures), unknown=(*run.unknown, *unknown))
    return Report(
        **{entry.name: getattr(run, entry.name) for entry in fields(LoadRun) if entry.init},
        knee=bend,
        aws=aws,
        comparison=comparison,
        summary=Summary(
            rate=rate,
            writes=rate * writes_share(run.measured.routes),
            p95_ms=p95_ms,
            basis=basis,
            limited_by=limited_by,
            limits=limits,
        ),
    )


def _carried(run: LoadRun, bend: Knee | None) -> tuple[float, float | None, str]:
    """The rate that the report answers with, its 95th percentile, and where it is from: the knee, else the run."""
    if bend is not None and bend.rate is not None:
        basis = "The highest rate at which a step held: the knee." if bend.met else "Every step held: it carries more."
        return bend.rate, bend.p95_ms, basis
    basis = "The rate that this run held, not the most that it can." if bend is None else "No step held its limits."
    return run.measured.rate, run.measured.p95_ms, basis


def _limits(run: LoadRun, bend: Knee | None, aws: AwsEstimate | None) -> tuple[str, tuple[str, ...]]:
    """What limits the rate: in a word, and in sentences. What makes the measurement itself doubtful comes first."""
    if run.generator.warning:
        word, why = "The generator", run.generator.warning
    elif bend is None:
        word, why = "Not looked for", "This profile does not look for the limit; `--profile ramp` does."
    elif not bend.met and bend.rate is not None:
        word, why = "Not reached", bend.why
    else:
        word, why = "This machine", bend.why
    sentences = [why]
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
