"""Which tests share a pytest worker with `--dist loadgroup`: the scenarios of one stack, so that it is applied once.

Of what runs beside them, conformance's cases, those of one file. pytest-xdist's own groups are marks, which it writes
into a test's id; since pytest 9.2 they are not read from there any more, and nothing says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from staticfire.settings import load

FOLDER = Path(__file__).parent
APART = "test_chaos.py"  # has a stack of its own


def group_of(nodeid: str, stacks: Iterable[str]) -> str:
    path, _, test = nodeid.partition("::")
    folder, _, file = path.removeprefix(f"{FOLDER.name}/").partition("/")
    if not path.startswith(f"{FOLDER.name}/") or file in ("", APART):
        return path
    # `gateway-image` among the parameters of a scenario of the gateway.
    parameters = test.partition("[")[2]
    variants = [name for name in stacks if name.startswith(f"{folder}-") and name in parameters]
    return max(variants, key=len, default=folder)


class ByStack(LoadScopeScheduling):  # type: ignore[misc]  # it has no types
    def __init__(self, config: pytest.Config, log: Any) -> None:
        super().__init__(config, log)
        self._stacks = tuple(load(FOLDER.parent).stacks)

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid, self._stacks)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByStack | None:
    return ByStack(config, log) if config.getoption("dist") == "loadgroup" else None
