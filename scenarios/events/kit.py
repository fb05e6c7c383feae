"""What the scenarios of the events service hand around."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Event = dict[str, Any]
Headers = dict[str, str]
Sign = Callable[..., Headers]
# None where there is no such event.
Stored = Callable[[str], Any]
