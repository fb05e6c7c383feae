"""Stage and route throttling: token buckets.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html: `throttlingRateLimit` tokens a
second flow into a bucket that holds `throttlingBurstLimit`; a request without a token is 429. A route has its own
settings or the stage's default ones; either way it has a bucket of its own. A limit of 0 refuses every request.
"""

from __future__ import annotations

from .settings import RouteSettings

UNLIMITED = 1e12


class Bucket:
    """Full at first; `take` is called with a clock that never goes back."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._updated: float | None = None

    def take(self, now: float) -> bool:
        if self._updated is not None:
            self._tokens = min(self._burst, self._tokens + (now - self._updated) * self._rate)
        self._updated = now
        if self._tokens < 1 or self._rate <= 0:
            return False
        self._tokens -= 1
        return True


class Buckets:
    """All buckets. They outlive the description of their API: writing to an API does not refill them."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[str, str, str], tuple[RouteSettings, Bucket]] = {}

    def get(self, api_id: str, stage: str, route: str, settings: RouteSettings) -> Bucket | None:
        """The route's bucket; a new one when its limits changed; None when nothing limits it."""
        if settings.rate is None and settings.burst is None:
            return None
        before, bucket = self._buckets.get((api_id, stage, route), (None, None))
        if before is not None and (before.rate, before.burst) == (settings.rate, settings.burst):
            return bucket
        bucket = Bucket(
            UNLIMITED if settings.rate is None else settings.rate,
            # A bucket smaller than one token could never give one; without a burst it holds a second's worth.
            settings.burst if settings.burst is not None else max(settings.rate or 0, 1),
        )
        self._buckets[api_id, stage, route] = settings, bucket
        return bucket

    def forget(self, api_id: str) -> None:
        """The API is gone."""
        for key in [key for key in self._buckets if key[0] == api_id]:
            del self._buckets[key]
