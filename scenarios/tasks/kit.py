"""What the scenarios of the tasks service hand around."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from staticfire.testing.kit import ApiAnswer

Task = dict[str, Any]
Replace = Callable[..., ApiAnswer]
