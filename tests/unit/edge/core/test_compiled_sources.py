"""What mypyc 2.4 gets wrong in coroutines: the modules that are compiled do without it.

Each of these was seen. A wait in an `except` that a cancellation led to corrupts the memory where coroutines are
nested; one in a `finally` leaves its exception the thread's current one; a name that stands for two types of exception
is refused at run time. Asynchronous generators cannot be compiled at all.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from staticfire.edge_build import Sources

WAITS = (ast.Await, ast.AsyncFor, ast.AsyncWith)


def source(module: str) -> str:
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).read_text()


def waits(statements: list[ast.stmt]) -> bool:
    nodes = [node for statement in statements for node in ast.walk(statement)]
    return any(isinstance(node, WAITS) or (isinstance(node, ast.comprehension) and node.is_async) for node in nodes)


def faults(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.AsyncWith):
            yield f"line {node.lineno}: async with waits while an exception is under way"
        if isinstance(node, ast.Try | ast.TryStar) and any(
            map(waits, (node.finalbody, *(each.body for each in node.handlers)))
        ):
            yield f"line {node.lineno}: a handler waits"
        if isinstance(node, ast.AsyncFunctionDef):
            yield from coroutine_faults(node)


def coroutine_faults(function: ast.AsyncFunctionDef) -> Iterator[str]:
    types: dict[str, set[str]] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Yield):
            yield f"line {node.lineno}: {function.name} is an asynchronous generator"
        if isinstance(node, ast.ExceptHandler) and node.name is not None and node.type is not None:
            types.setdefault(node.name, set()).add(ast.unparse(node.type))
    yield from (f"{function.name}: {name} is {found}" for name, found in types.items() if len(found) > 1)


@pytest.mark.parametrize("module", Sources.of_the_edge().modules)
def test_a_compiled_module_keeps_to_what_its_compiler_does_right(module: str) -> None:
    assert list(faults(source(module))) == []


@pytest.mark.parametrize(
    "body",
    [
        "async with lock: pass",
        "try: pass\n finally: await one()",
        "try: pass\n except E: await one()",
        "try: pass\n except* E: await one()",
        "try: pass\n except E: [x async for x in y]",
        "yield 1",
        "try: pass\n except A as e: pass\n except B as e: pass",
    ],
)
def test_each_of_these_is_found(body: str) -> None:
    assert list(faults(f"async def f():\n {body}\n"))
