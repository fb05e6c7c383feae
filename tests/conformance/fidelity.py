"""Writes docs/fidelity.md from the cases of tests/conformance and tests/recorded: behaviour, AWS, here.

    make fidelity

Every case carries `@documented(area, aws, page)`: the behaviour in one sentence as AWS documents it, and the page.
`here` says what differs; a case without it does the same here, which is what the case asserts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

DOCS = "https://docs.aws.amazon.com/"
SAME = "the same"

HEAD = """\
# Fidelity: what AWS documents, and what happens here

Made from tests/conformance and tests/recorded (`make fidelity`): each row is a case that `tox -e conformance` runs
against the edge through plain HTTP and boto3. Where this endpoint differs from AWS, the case asserts the difference
that the row tells. A behaviour is known from AWS's documentation, or from AWS's own answers on the day that is named.
"""

Row = tuple[str, str, str, str]


ADDED_UP = dict.fromkeys(("compose", "containers"), "LocalStack adds up the series that have further dimensions")
GATEWAY = {"compose": "the engine's gateway stands for every client of this machine"}


def documented(
    area: str,
    aws: str,
    page: str,
    here: str = SAME,
    *,
    elsewhere: Mapping[str, str] | None = None,
    recorded: str = "",
) -> pytest.MarkDecorator:
    """Marks a case with the documented behaviour that it shows. `page` is a path below docs.aws.amazon.com or a URL.

    `recorded` is the day on which AWS was seen to answer so, word for word: that wins over its documentation.

    `elsewhere` says, by target, why the case cannot pass on one that is not the embedded one.
    """
    return pytest.mark.documented(
        area=area, aws=aws, page=page, here=here, elsewhere=elsewhere or {}, recorded=recorded
    )


def recorded(
    area: str, aws: str, on: str, here: str = SAME, *, elsewhere: Mapping[str, str] | None = None
) -> pytest.MarkDecorator:
    """Marks a case whose expected answers are what AWS answered that day (ISO date)."""
    return documented(area, aws, "", here, elsewhere=elsewhere, recorded=on)


def _here(case: Mapping[str, Any]) -> str:
    reasons: dict[str, list[str]] = {}
    for target, why in case["elsewhere"].items():
        reasons.setdefault(why, []).append(f"`{target}`")
    return "; ".join([case["here"], *(f"on {' and '.join(targets)}: {why}" for why, targets in reasons.items())])


def render(items: Iterable[pytest.Item]) -> str:
    areas: dict[str, dict[str, Row]] = {}
    for item in items:
        mark = item.get_closest_marker("documented")
        if mark is None:
            raise pytest.UsageError(f"{item.nodeid} names no documented behaviour: add @documented(...)")
        case = mark.kwargs
        areas.setdefault(case["area"], {}).setdefault(case["aws"], _row(case))
    different = {row[0]: row for rows in areas.values() for row in rows.values() if row[3] != SAME}
    tables = [_table("What differs", different), *(_table(area, areas[area]) for area in sorted(areas))]
    return "\n".join([HEAD, *tables])


def _row(case: Mapping[str, Any]) -> Row:
    known = f"recorded {case['recorded']}" if case["recorded"] else "documented"
    return case["aws"], _link(case["page"]), known, _here(case)


def _link(page: str) -> str:
    if not page:
        return ""
    name = page.rstrip("/").rpartition("/")[2].removesuffix(".html")
    return f"[{name}]({page if page.startswith('https:') else DOCS + page})"


def _table(title: str, rows: Mapping[str, Row]) -> str:
    lines = [
        "| behaviour | AWS | known | here |",
        "| --- | --- | --- | --- |",
        *(f"| {' | '.join(row)} |" for row in rows.values()),
    ]
    return f"## {title}\n\n" + "\n".join(lines) + "\n"


def write(items: Iterable[pytest.Item], path: Path) -> None:
    path.write_text(render(items))
