"""docs/services-of-aws.md, from the table of resource types and from the roots that were applied here.

python -m tests.unit.docs.services_of_aws     writes it anew (`make services`)
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from staticfire.stacks.terraform.resource_types import BY_SERVICE, TABLE, Fate, ResourceType

ROOT = Path(__file__).parents[3]
DOCUMENT = ROOT / "docs" / "services-of-aws.md"
RESOURCE = re.compile(r'^resource "(aws_\w+)"', re.M)
REPOSITORIES = ROOT / "tests/adoption/repositories"
# What applies each root, the one that shows most of a resource first.
SHOWN_BY: Mapping[Path, str] = {
    ROOT / "infra": "scenarios",
    REPOSITORIES / "parts": "tests/adoption/test_parts.py",
    REPOSITORIES / "seed": "tests/adoption/test_account.py",
    REPOSITORIES / "pattern": "tests/adoption/test_provisioner.py",
    REPOSITORIES / "environments": "tests/adoption/test_side_by_side.py",
    REPOSITORIES / "resources": "tests/adoption/test_resources.py",
    REPOSITORIES / "refused": "tests/adoption/test_resources.py",
}
INTRODUCTION = """# Services of AWS

What becomes here of each resource type of Terraform's AWS provider (5.100) on the target `embedded`. `staticfire up`
says it of a plan before anything is applied.

| | |
| --- | --- |
| runs | it does its work here; what is less than on AWS stands beside it |
| described only | it is made, read, changed and destroyed, and nothing follows from it: `up --strict` refuses it |
| refused | it cannot be made here; `up` applies nothing, unless `--allow-unsupported` says to try |

A type that is not in the table was not tried: `up` says so and applies it, `up --strict` does not. On the targets with
LocalStack the table tells what to expect, and refuses nothing. {counts}

"""


def shown() -> Mapping[str, str]:
    """By type, the test that applies it."""
    tests: dict[str, str] = {}
    for directory, test in SHOWN_BY.items():
        for path in sorted(directory.rglob("*.tf")):
            for name in RESOURCE.findall(path.read_text(encoding="utf-8")):
                tests.setdefault(name, test)
    return tests


def document() -> str:
    counts = Counter(row.fate for row in TABLE.values())
    summary = ", ".join(f"{counts[fate]} {'are ' if fate is not Fate.RUNS else ''}{fate.value}" for fate in Fate)
    summary = summary.replace(" runs", " run")
    return INTRODUCTION.format(counts=f"Of {len(TABLE)} types, {summary}.") + "\n".join(_sections())


def _sections() -> Iterator[str]:
    tests = shown()
    for service, rows in BY_SERVICE.items():
        yield f"## {service}\n"
        yield "| resource type | here | | by |\n| --- | --- | --- | --- |"
        for name, row in rows.items():
            test = tests[name]
            yield f"| `{name}` | {row.fate.value} | {_note(row)} | [{test}](../{test}) |"
        yield ""


def _note(row: ResourceType) -> str:
    notes = [row.note, "The next apply changes it once more" if row.restless else ""]
    text = ". ".join(note for note in notes if note)
    return text[:1].upper() + text[1:]


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
