"""Words: a variable says what it holds, and a public class's name stands for one thing."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FOLDERS = ("staticfire", "service", "benchmarks", "loadtests", "scenarios", "tests")
# Participles and pronouns: none says what it holds.
UNFIT = {"found", "each", "given", "told"}


def bound(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of each variable, parameter and attribute. What is imported keeps the name that it came with."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()) | ast.arg(arg=name):
                yield node.lineno, name
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.ExceptHandler(name=str(name)):
                yield node.lineno, name


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_variable_says_what_it_holds(folder: str) -> None:
    assert [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line, name in bound(ast.parse(path.read_text(encoding="utf-8")))
        if name in UNFIT
    ] == []


def test_a_public_class_name_stands_for_one_thing() -> None:
    places = defaultdict(list)
    for path in sorted((ROOT / "staticfire").rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(path.relative_to(ROOT)))
    assert {name: paths for name, paths in places.items() if len(paths) > 1} == {}
