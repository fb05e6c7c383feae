"""Functions behind URLs run for real, as those of Lambda's own tests."""

from __future__ import annotations

from tests.unit.edge.services.lambda_.conftest import lab, making_node, runtime_python, runtime_version

__all__ = ["lab", "making_node", "runtime_python", "runtime_version"]
