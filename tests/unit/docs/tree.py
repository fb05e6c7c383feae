"""The tree of staticfire/ in docs/architecture.md: floors from the top, a line a module, its own first sentence.

python tests/unit/docs/tree.py     writes it anew (`make tree`)
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "staticfire"
DOCUMENT = ROOT / "docs" / "architecture.md"
# From the top: what stands on a floor uses what stands below it.
FLOORS = ("cli", "console", "load", "testing", "stacks", "targets", "toolchain", "edge", "host")
COLUMN, WIDTH = 36, 130


def first_sentence(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    # The rest of a module need not be parsed where it begins with its documentation.
    documented = re.match(r'"""(?:[^"\\]|"(?!""))*"""\n', text)
    text = (ast.get_docstring(ast.parse(documented[0] if documented else text)) or "").partition("\n\n")[0]
    return " ".join(text.split()).partition(". ")[0].rstrip(".")


def lines(folder: Path, depth: int = 0) -> Iterator[str]:
    indent = "  " * depth
    yield _line(f"{indent}{folder.name}/", first_sentence(folder / "__init__.py"))
    packages = [path.parent for path in folder.glob("*/__init__.py")]
    if folder == PACKAGE:
        packages.sort(key=lambda path: FLOORS.index(path.name))
    for package in packages if folder == PACKAGE else sorted(packages):
        yield from lines(package, depth + 1)
    for module in sorted(folder.glob("*.py")):
        if not module.name.startswith("__init__"):
            yield _line(f"{indent}  {module.name}", first_sentence(module))


def _line(name: str, text: str) -> str:
    wrapped = textwrap.wrap(text, WIDTH - COLUMN) or [""]
    rest = [" " * COLUMN + line for line in wrapped[1:]]
    return "\n".join([f"{name:<{COLUMN - 1}} {wrapped[0]}".rstrip(), *rest])


def tree() -> str:
    return "\n".join(lines(PACKAGE)) + "\n"


def written() -> str:
    """What the document says now."""
    return DOCUMENT.read_text(encoding="utf-8").split("```")[1].removeprefix("\n")


if __name__ == "__main__":
    document = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(document.replace(written(), tree(), 1), encoding="utf-8")
