"""The report of a load run: what was measured and what follows from it, as report.json and as a page.

docs/load-report.schema.json describes the document. `complete` adds what follows from the figures: the knee, what it
needs and costs on AWS, the comparison, and the summary, which answers in a few words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from staticfire.host.files import write_atomically, write_json
from staticfire.load.on_aws import deployment as aws
from staticfire.load.thresholds import Step

from .analysis import knee, writes_share
from .compare import compare
from .page import page

JSON, HTML = "report.json", "report.html"


def complete(
    document: Mapping[str, Any],
    deployment: aws.Deployment | None,
    table: Mapping[str, Any],
    *,
    traffic: float | None = None,
    earlier: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The document with what follows from it. `deployment` None: what AWS would run is not known."""
    limits = document["limits"]
    found = knee([Step.of(step) for step in document["steps"]], limits["p95_ms"], limits["errors"])
    whole = {**document, "knee": None if found is None or document["profile"] != "ramp" else asdict(found)}
    carried = _carried(whole)
    whole["aws"] = None if deployment is None else aws.estimate(document, carried["rate"], deployment, table, traffic)
    whole["comparison"] = None if earlier is None else compare(earlier, whole)
    whole["summary"] = carried | _limits(whole)
    return whole


def write(directory: Path, document: Mapping[str, Any]) -> Path:
    """Write both files; the page's path."""
    write_json(directory / JSON, document)
    write_atomically(directory / HTML, page(document).encode())
    return directory / HTML


def _carried(document: Mapping[str, Any]) -> dict[str, Any]:
    """The rate that the report answers with: the knee's, else the one that was measured."""
    found, measured = document["knee"], document["measured"]
    rate, p95, basis = measured["rate"], measured["p95_ms"], "The rate that this run held, not the most that it can."
    if found is not None and found["rate"] is not None:
        rate, p95 = found["rate"], found["p95_ms"]
        basis = (
            "The highest rate at which a step held: the knee."
            if found["found"]
            else "Every step held: it carries more."
        )
    elif found is not None:
        basis = "No step held its limits."
    return {"rate": rate, "writes": rate * writes_share(measured["routes"]), "p95_ms": p95, "basis": basis}


def _limits(document: Mapping[str, Any]) -> dict[str, Any]:
    """What limits the rate: in a word, and in sentences. What makes the measurement itself doubtful comes first."""
    found, generator = document["knee"], document["generator"]
    said = []
    if generator["warning"]:
        word = "The generator"
        said.append(generator["warning"])
    elif found is None:
        word = "Not looked for"
        said.append("This profile does not look for the limit; `--profile ramp` does.")
    elif not found["found"] and found["rate"] is not None:
        word = "Not reached"
        said.append(found["why"])
    else:
        word = "This machine"
        said.append(found["why"])
    if layers := document["layers"]:
        largest = max(layers, key=lambda layer: layer["adds_ms"])
        said.append(
            f"The layer that adds most to a request's time here is “{largest['name']}”: {largest['adds_ms']:.3g} of "
            f"{layers[-1]['p50_ms']:.3g} ms."
        )
    estimate = document["aws"]
    ceilings = [each for each in estimate["ceilings"] if not each["new_accounts_only"]] if estimate else []
    if ceilings:
        first = ceilings[0]
        least, most = min(first["carries"].values()), max(first["carries"].values())
        span = f"{least:,.0f}" if least == most else f"{least:,.0f} to {most:,.0f}"
        said.append(f"On AWS the first limit is: {first['name']}, {first['limit']}: {span} requests/s.")
    return {"limited_by": word, "limits": said}
