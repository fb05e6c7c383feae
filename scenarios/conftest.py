"""Which tests share a pytest worker with `--dist loadgroup`: the scenarios of one stack, so that it is applied once.

Of what runs beside them, conformance's cases, those of one file; a case that awaits a work begun with the run is alone.
"""

from __future__ import annotations

from pathlib import Path

import pytest

SCENARIOS = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and item.path.is_relative_to(SCENARIOS):
            item.add_marker(pytest.mark.xdist_group(_stack_of(item)))
        elif item.get_closest_marker("begins") is None:
            item.add_marker(pytest.mark.xdist_group(item.path.name))


def _stack_of(item: pytest.Function) -> str:
    """The folder's stack, or the one that a parameter names. A stack apart is another one."""
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    name = parameters.get("staticfire_stack_name") or item.path.relative_to(SCENARIOS).parts[0]
    return f"{name} apart" if "staticfire_own" in item.fixturenames else str(name)
