"""Writes docs/fidelity.md from the conformance cases: behaviour, AWS, here.

    python -m pytest tests/conformance --collect-only -q --fidelity docs/fidelity.md

Every case carries `@documented(area, aws, page)`: the behaviour in one sentence as AWS documents it, and the page.
`here` says what differs; a case without it does the same here, which is what the case asserts.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

DOCS = "https://docs.aws.amazon.com/"
SAME = "the same"

HEAD = """\
# Fidelity: what AWS documents, and what happens here

Made from tests/conformance (`make fidelity`): each row is a case that `tox -e conformance` runs against the edge
through plain HTTP and boto3. Where this endpoint differs from AWS, the case asserts the difference that the row tells.
"""


def documented(area: str, aws: str, page: str, here: str = SAME) -> pytest.MarkDecorator:
    """Marks a case with the documented behaviour that it shows. `page` is a path below docs.aws.amazon.com or a URL."""
    return pytest.mark.documented(area=area, aws=aws, page=page, here=here)


def render(items: Iterable[pytest.Item]) -> str:
    rows: dict[str, dict[str, str]] = {}
    for item in items:
        mark = item.get_closest_marker("documented")
        if mark is None:
            raise pytest.UsageError(f"{item.nodeid} names no documented behaviour: add @documented(...)")
        case = mark.kwargs
        page = case["page"]
        name = page.rpartition("/")[2].removesuffix(".html")
        link = page if page.startswith("https:") else DOCS + page
        rows.setdefault(case["area"], {}).setdefault(
            case["aws"], f"| {case['aws']} | [{name}]({link}) | {case['here']} |"
        )
    parts = [HEAD]
    for area in sorted(rows):
        parts.append(f"\n## {area}\n\n| behaviour | AWS | here |\n| --- | --- | --- |")
        parts.append("\n".join(rows[area].values()))
    return "\n".join(parts) + "\n"


def write(items: Iterable[pytest.Item], path: Path) -> None:
    path.write_text(render(items))
