"""The time of day as text."""

from __future__ import annotations

from datetime import UTC, datetime


def rfc3339(moment: datetime | None = None, precision: str = "milliseconds") -> str:
    """`2026-03-12T19:03:58.000Z`: now, or a moment in UTC."""
    return (moment or datetime.now(UTC)).isoformat(timespec=precision).replace("+00:00", "Z")
