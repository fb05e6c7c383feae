"""Whether two figures of one report belong together: the breakdown's whole, and the step of nearly the same rate.

Both are the same service at the same load, minutes apart. Where they differ by more than their seconds do among
themselves, the machine changed meanwhile, and what the breakdown says of one part is said of another machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import quantiles

from staticfire.load.breakdown import VariantFigures
from staticfire.load.record import Phase, Record, total

# Rates farther apart are other loads.
ALIKE = 1.5
# Medians of two seconds of one run may differ by this much and mean nothing.
LEAST_SHARE = 0.25


def doubt(variants: Sequence[VariantFigures], record: Record) -> str:
    """Empty where they agree, or where there is nothing to compare."""
    if not variants:
        return ""
    whole = variants[-1]
    phase = _nearest(record.measured, whole.rate)
    if phase is None:
        return ""
    medians = [median for second in phase.seconds if (median := _median(record, second)) is not None]
    if len(medians) < 4:
        return ""
    low, *_, high = quantiles(medians, n=10)
    low, high = low * (1 - LEAST_SHARE), high * (1 + LEAST_SHARE)
    if low <= whole.p50_ms <= high:
        return ""
    change = "slower" if whole.p50_ms > high else "quicker"
    return (
        f"The whole service took {whole.p50_ms:.3g} ms here, and {low:.3g} to {high:.3g} ms (noise included) at "
        f"{phase.rate:,.0f}/s in “{phase.name}”: the machine became {change} meanwhile. Take the parts as shares of "
        "the whole, not as times."
    )


def _nearest(phases: Sequence[Phase], rate: float) -> Phase | None:
    alike = [phase for phase in phases if phase.rate and 1 / ALIKE <= phase.rate / rate <= ALIKE]
    return min(alike, key=lambda phase: abs((phase.rate or 0.0) - rate), default=None)


def _median(record: Record, second: int) -> float | None:
    return total(record.seconds.get(second, {}).values()).percentile(0.5)
