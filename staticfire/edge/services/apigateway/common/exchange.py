"""What is known of any served request, of an HTTP API or of a REST API, while it is on its way."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from .request_ids import clock


@dataclass(slots=True, eq=False, kw_only=True)
class ServedRequest:
    """When it came, its query, and what became of it: errors, latencies, statuses."""

    now: float = field(init=False, default_factory=time.time)
    request_id: str = field(init=False)
    trace_id: str = field(init=False)
    body: bytes = b""
    authorizer_error: str | None = None
    authorizer_latency: int | None = None
    authorizer_status: int | None = None
    integration_error: str | None = None
    integration_latency: int | None = None
    integration_request_id: str | None = None
    integration_status: int | None = None
    error_kind: str | None = None
    error_message: str | None = None
    status: int = 0
    response_length: int = 0
    response_latency: int = 0
    _query: list[tuple[str, str]] | None = None

    @property
    def query_text(self) -> str:
        """The query as it was sent, or as mappings left it."""
        raise NotImplementedError

    @property
    def query(self) -> list[tuple[str, str]]:
        """Query parameters, decoded, in the order sent."""
        if self._query is None:
            text = self.query_text
            self._query = parse_qsl(text, keep_blank_values=True) if text else []
        return self._query

    @property
    def time(self) -> str:
        return clock.text(self.now)

    @property
    def epoch_ms(self) -> int:
        return int(self.now * 1000)
