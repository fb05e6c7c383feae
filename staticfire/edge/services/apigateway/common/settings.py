"""CORS, throttling and access logs, as API Gateway's control plane describes them, read from its JSON once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]


def texts(value: Any) -> tuple[str, ...]:
    """A list of texts that may be missing."""
    return tuple(str(item) for item in value or ())


@dataclass(frozen=True, slots=True)
class Cors:
    allow_origins: tuple[str, ...] = ()
    allow_methods: tuple[str, ...] = ()
    allow_headers: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    allow_credentials: bool = False
    max_age: int | None = None

    @classmethod
    def parse(cls, data: Json) -> Cors:
        return cls(
            allow_origins=texts(data.get("AllowOrigins")),
            allow_methods=texts(data.get("AllowMethods")),
            allow_headers=texts(data.get("AllowHeaders")),
            expose_headers=texts(data.get("ExposeHeaders")),
            allow_credentials=bool(data.get("AllowCredentials")),
            max_age=data.get("MaxAge"),
        )


@dataclass(frozen=True, slots=True)
class RouteSettings:
    """Throttling is off unless a rate or a burst is set; one that is not set does not limit."""

    rate: float | None = None
    burst: int | None = None
    detailed_metrics: bool = False

    @classmethod
    def parse(cls, data: Json) -> RouteSettings:
        return cls(
            rate=data.get("ThrottlingRateLimit"),
            burst=data.get("ThrottlingBurstLimit"),
            detailed_metrics=bool(data.get("DetailedMetricsEnabled")),
        )


@dataclass(frozen=True, slots=True)
class AccessLogSettings:
    destination: str
    format: str
