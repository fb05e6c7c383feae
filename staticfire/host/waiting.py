"""Wait until something is true, and know what was seen last."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Seen = TypeVar("Seen")


def wait_until(look: Callable[[], Seen], patience: float, interval: float = 0.02) -> Seen:
    """What `look()` gives as soon as that is true; when it is not within `patience` seconds, what it gave last."""
    deadline = time.monotonic() + patience
    while not (seen := look()) and time.monotonic() <= deadline:
        time.sleep(interval)
    return seen
