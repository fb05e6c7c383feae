"""Words: a variable says what it holds, and a public class's name stands for one thing."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FOLDERS = ("staticfire", "service", "benchmarks", "loadtests", "scenarios", "tests")
# Participles and pronouns: none says what it holds.
UNFIT = {"found", "each", "given", "told"}
WORD = re.compile(rf"\b({'|'.join(sorted(UNFIT))})\b")
CLASS = re.compile(r"^class ([A-Za-z]\w*)", re.MULTILINE)


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
        if WORD.search(text := path.read_text(encoding="utf-8"))  # what has no such word need not be parsed
        for line, name in bound(ast.parse(text))
        if name in UNFIT
    ] == []


def test_a_public_class_name_stands_for_one_thing() -> None:
    texts = {path: path.read_text(encoding="utf-8") for path in sorted((ROOT / "staticfire").rglob("*.py"))}
    # A line may be one of a text, too: those files that have the same one as another are parsed.
    counts = Counter(name for text in texts.values() for name in set(CLASS.findall(text)))
    places = defaultdict(list)
    for path, text in texts.items():
        if all(counts[name] == 1 for name in CLASS.findall(text)):
            continue
        for node in ast.parse(text).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(path.relative_to(ROOT)))
    assert {name: paths for name, paths in places.items() if len(paths) > 1} == {}
