"""A request's way to its upstream and back: one time for all attempts, retries that cannot act twice, a circuit
breaker.

An attempt is repeated when it failed, or the upstream answered 502, 503 or 504, and repeating is harmless: the method
is idempotent (RFC 9110), or the upstream cannot have acted. Attempts are apart by a random, growing pause, and all of
them share the upstream's time-out.

    no answer, and the upstream cannot be reached   502
    no answer in time                               504
    the breaker is open                             503, Retry-After
"""

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass

from aws_lambda_powertools import Logger
from servicekit.errors import Refused

from gateway.breaker import Breaker
from gateway.configuration import Upstream
from gateway.upstreams import Call, Exchange, exchange_of
from gateway.wire import Failed, Reply

logger = Logger()

IDEMPOTENT = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"}
AWAY = {502, 503, 504}
LEAST_SECONDS = 0.05
PAUSE_SECONDS = 0.05


@dataclass(slots=True)
class Way:
    """What became of one request on its way, for the log."""

    attempts: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class _Line:
    name: str
    upstream: Upstream
    exchange: Exchange
    breaker: Breaker


class Proxy:
    def __init__(self, upstreams: Mapping[str, Upstream]) -> None:
        self._lines = {
            name: _Line(name, upstream, exchange_of(upstream), Breaker(upstream.rest_seconds))
            for name, upstream in upstreams.items()
        }

    def breakers(self) -> dict[str, str]:
        return {name: line.breaker.state for name, line in self._lines.items()}

    def send(self, name: str, call: Call, way: Way, seconds: float) -> Reply:
        """The upstream's answer, whatever its status; Refused with 502, 503 or 504 when there is none in time.

        It has its time-out, and no more than `seconds`.
        """
        line = self._lines[name]
        started = time.monotonic()
        try:
            return self._send(line, call, way, started + min(seconds, line.upstream.timeout_seconds))
        finally:
            way.seconds = time.monotonic() - started

    def _send(self, line: _Line, call: Call, way: Way, deadline: float) -> Reply:
        while True:
            if line.breaker.rest > 0:
                raise _resting(line.breaker)
            way.attempts += 1
            try:
                reply = line.exchange(call, deadline - time.monotonic())
            except Failed as failed:
                line.breaker.failed()
                _log(line, way, str(failed))
                outcome: Reply | Refused = _no_answer(timed_out=failed.timed_out)
                is_harmless = call.method in IDEMPOTENT or not failed.may_have_acted
            else:
                if reply.status not in AWAY:
                    line.breaker.succeeded()
                    return reply
                line.breaker.failed()
                _log(line, way, f"status {reply.status}")
                outcome = reply
                is_harmless = call.method in IDEMPOTENT
            pause = random.uniform(0, PAUSE_SECONDS * 2**way.attempts)
            has_time = time.monotonic() + pause + LEAST_SECONDS < deadline
            if not is_harmless or way.attempts > line.upstream.retries or not has_time:
                if isinstance(outcome, Refused):
                    raise outcome
                return outcome
            time.sleep(pause)


def _no_answer(*, timed_out: bool) -> Refused:
    if timed_out:
        return Refused(504, "The upstream did not answer in time.")
    return Refused(502, "The upstream cannot be reached.")


def _resting(breaker: Breaker) -> Refused:
    wait = str(max(1, round(breaker.rest)))
    return Refused(503, "The upstream keeps failing and is left alone for now.", headers={"retry-after": wait})


def _log(line: _Line, way: Way, problem: str) -> None:
    logger.warning(
        "an attempt failed",
        upstream=line.name,
        attempt=way.attempts,
        problem=problem,
        breaker=line.breaker.state,
    )
