"""MiniStack's own code as it was when a change of ours was written: changed only while it is that, else refused.

A change is made either by hunks, each a piece of upstream's text that must be there once, or by a function of ours in
the place of one whose text has the digest that was noted. So a new MiniStack either still has what was changed, or does
not start.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any


class UpstreamChanged(Exception):
    """MiniStack's code is not what a change of ours was written for; it says what to do."""


def digest(function: Callable[..., Any]) -> str:
    return hashlib.sha256(inspect.getsource(function).encode()).hexdigest()[:16]


def unchanged(owner: Any, digests: Mapping[str, str]) -> None:
    """Refuse to go on where one of these functions is another than it was."""
    for name, noted in digests.items():
        there = getattr(owner, name, None)
        if there is None:
            raise UpstreamChanged(_refusal(owner, name, "is gone"))
        if digest(there) != noted:
            raise UpstreamChanged(_refusal(owner, name, f"has the digest {digest(there)}, not {noted}"))


def edit(module: ModuleType, name: str, *hunks: tuple[str, str], **helpers: Any) -> None:
    """Define the function anew, with each hunk's first text replaced by its second; it sees the helpers by name."""
    function = getattr(module, name, None)
    if function is None:
        raise UpstreamChanged(_refusal(module, name, "is gone"))
    text = inspect.getsource(function)
    for before, after in hunks:
        if text.count(before) != 1:
            lacks = f"has this {text.count(before)} times, not once:\n{before}"
            raise UpstreamChanged(_refusal(module, name, lacks))
        text = text.replace(before, after)
    for helper, value in helpers.items():
        if hasattr(module, helper):
            raise UpstreamChanged(_refusal(module, helper, "is there, and a helper of ours would take its place"))
        setattr(module, helper, value)
    # As many lines before it as there were: a traceback names lines near upstream's.
    lines = "\n" * (function.__code__.co_firstlineno - 1)
    exec(compile(lines + text, inspect.getfile(function), "exec"), module.__dict__)


def _refusal(owner: Any, name: str, what: str) -> str:
    place = owner.__name__ if isinstance(owner, ModuleType) else f"{owner.__module__}.{owner.__name__}"
    return (
        f"{place}.{name} {what}. "
        "A change in staticfire/edge/emulators/in_ministack was written for another text of it: compare the two, "
        "mend the change, and run tests/integration/edge/test_dynamodb_as_published.py"
    )
