"""Functions that attack run for real, as in the unit tests of Lambda."""

from __future__ import annotations

from tests.unit.edge.services.lambda_.conftest import lab, making_node, runtime_python, runtime_version, said

__all__ = ["lab", "making_node", "runtime_python", "runtime_version", "said"]
