"""What an execution did, line by line, in AWS's words: for execution logs and for TestInvokeMethod."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

MAX_LINE = 1024
MAX_LINES = 200


class Trail:
    """Lines with their times. Without `bodies` (data tracing) nothing of what was sent and received is told."""

    def __init__(self, *, bodies: bool, errors_only: bool = False) -> None:
        self.bodies = bodies
        self.errors_only = errors_only
        self.lines: list[tuple[int, str]] = []

    def add(self, text: str) -> None:
        if len(self.lines) < MAX_LINES and not self.errors_only:
            self.lines.append((int(time.time() * 1000), _cut(text)))

    def error(self, text: str) -> None:
        if len(self.lines) < MAX_LINES:
            self.lines.append((int(time.time() * 1000), _cut(text)))

    def data(self, text: str) -> None:
        """A line that holds what was sent or received."""
        if self.bodies:
            self.add(text)


def _cut(text: str) -> str:
    return text if len(text) <= MAX_LINE else f"{text[:MAX_LINE]} [TRUNCATED]"


def java_map(items: Mapping[str, str] | Iterable[tuple[str, str]]) -> str:
    """`{name=value, name=value}`; the values of one name together."""
    joined: dict[str, str] = {}
    for name, value in items.items() if isinstance(items, Mapping) else items:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return "{" + ", ".join(f"{name}={value}" for name, value in joined.items()) + "}"


def decoded(body: bytes) -> str:
    return body[:MAX_LINE].decode("utf-8", "replace")
