"""The report of a load run: its parts, and report.json, which docs/load-report.schema.json describes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from staticfire.errors import UsageError
from staticfire.load.breakdown import VariantFigures
from staticfire.load.figures import DistributionPoint, Figures, MeasuredFigures, Second
from staticfire.load.integrity import Integrity
from staticfire.load.knee import Knee
from staticfire.load.machine import Machine
from staticfire.load.meter import Metered
from staticfire.load.on_aws.estimate import AwsEstimate
from staticfire.load.profiles import LoadOptions
from staticfire.load.samples import InvokedFunction
from staticfire.load.thresholds import LoadLimits, LoadStep, Threshold
from staticfire.load.typed_json import json_name, of_json

from .analysis import HeldRate

SCHEMA = 3
JSON, HTML = "report.json", "report.html"
PASSED, FAILED, INTERRUPTED, CANNOT_BE_TOLD = "passed", "failed", "interrupted", "cannot be told"


@dataclass(frozen=True)
class GeneratorUse:
    """What the load generator did, as a share of what it can do on this machine."""

    processes: int
    ceiling_rps: float
    used_share: float
    warning: str | None


@dataclass(frozen=True)
class Measure:
    """One line of a comparison. `low` to `high`: where the change lies by chance in 95 of 100 runs."""

    name: str
    before: float | None
    after: float | None
    change: float | None
    low: float | None
    high: float | None
    verdict: str


@dataclass(frozen=True)
class EarlierRun:
    stack: str
    profile: str
    started: str
    revision: str


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """`differences`: what makes the runs different questions; `machine_drift`: by how much the empty handler slowed."""

    earlier: EarlierRun = field(metadata=json_name("with"))
    differences: tuple[str, ...]
    machine_drift: float | None
    measures: tuple[Measure, ...]


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The answers in a few words. `rate`: the highest held, else the one that was measured, as `basis` says."""

    looked_for: bool
    rate: float
    writes: float
    p95_ms: float | None
    basis: str
    limited_by: str
    limits: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class LoadRun:
    """What a run measured.

    `command`: the command line; `limits`: what had to hold, with what followed from the unloaded level; `unknown`: why
    the verdict cannot be told; `faults`: those that were set, in words; `breakdown_doubt`: why its figures and those of
    the steps do not belong together.
    """

    schema: int = SCHEMA
    stack: str
    profile: str
    command: str
    model: str
    options: LoadOptions = field(metadata=json_name("asked"))
    limits: LoadLimits
    target: str
    started: str
    ended: str
    seconds: float
    interrupted: bool
    machine: Machine
    versions: Mapping[str, str]
    revision: str
    warm_up: Figures
    unloaded: Figures | None
    measured: MeasuredFigures
    distribution: tuple[DistributionPoint, ...]
    series: tuple[Second, ...]
    steps: tuple[LoadStep, ...]
    knee: Knee | None
    generator: GeneratorUse
    thresholds: tuple[Threshold, ...]
    metered: Metered
    functions: tuple[InvokedFunction, ...]
    faults: tuple[str, ...]
    integrity: Integrity | None
    breakdown: tuple[VariantFigures, ...]
    breakdown_doubt: str
    failures: tuple[str, ...]
    unknown: tuple[str, ...]
    warnings: tuple[str, ...]
    verdict: str = field(init=False)
    passed: bool = field(init=False)

    def __post_init__(self) -> None:
        verdict = PASSED
        if self.interrupted:
            verdict = INTERRUPTED
        elif self.failures:
            verdict = FAILED
        elif self.unknown:
            verdict = CANNOT_BE_TOLD
        object.__setattr__(self, "verdict", verdict)
        object.__setattr__(self, "passed", verdict == PASSED)


@dataclass(frozen=True, kw_only=True)
class Report(LoadRun):
    """A run, and what follows from its figures (conclusions.py)."""

    held: HeldRate | None
    aws: AwsEstimate | None
    comparison: Comparison | None
    summary: Summary


def read(path: Path) -> Report:
    """An earlier report: its report.json, or the directory that holds it."""
    file = path / JSON if path.is_dir() else path
    remedy = "Name the report.json of a run."
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{file} cannot be read: {error}.", remedy=remedy) from error
    if not isinstance(document, dict) or not isinstance(document.get("schema"), int):
        raise UsageError(f"{file} is not the report of a load run.", remedy=remedy)
    if document["schema"] != SCHEMA:
        raise UsageError(
            f"{file} is the report of another version of Staticfire: its schema is {document['schema']}, not {SCHEMA}.",
            remedy="Run that revision's load again with this version of Staticfire.",
        )
    try:
        report: Report = of_json(Report, document)
    except (KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{file} is not a whole report: {error!r} in it.", remedy=remedy) from error
    return report
