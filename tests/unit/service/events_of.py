"""Events of HTTP APIs as JSON files: tests/unit/service/NAME/events."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


class Context:
    """Of Lambda's context, what the functions ask for."""

    function_name = function_version = invoked_function_arn = aws_request_id = "test"
    memory_limit_in_mb = 512

    def get_remaining_time_in_millis(self) -> int:
        return 300_000


def event(service: str, name: str, **changes: Any) -> dict[str, Any]:
    """The event of that name, changed."""
    made: dict[str, Any] = json.loads((HERE / service / "events" / f"{name}.json").read_text(encoding="utf-8"))
    return {**made, **changes}
