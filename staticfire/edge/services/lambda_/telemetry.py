"""The Telemetry API of one execution environment: what happens in it, to the extensions that subscribed.

https://docs.aws.amazon.com/lambda/latest/dg/telemetry-api.html, and the Logs API before it.

Records are gathered for each subscriber and posted to `sandbox.localdomain`, the execution environment's own loopback
address, as soon as one of the limits that the subscriber named is met. While the function sleeps nothing takes them:
they are there with the next invocation.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from staticfire.edge.http1.client import Client
from staticfire.host.clock import rfc3339

log = logging.getLogger(__name__)

HOSTS = ("sandbox.localdomain", "sandbox")
TYPES = frozenset(("platform", "function", "extension"))
KEPT = 10_000
ATTEMPT_SECONDS = 0.1
ATTEMPTS = 50
# What the Logs API has of the platform's records.
OF_LOGS_API = frozenset(("platform.start", "platform.end", "platform.report", "platform.fault", "platform.extension"))

Record = dict[str, Any]


class BadSubscription(ValueError):
    """The text says what is wrong with it."""


@dataclass(slots=True, eq=False)
class Subscriber:
    name: str
    types: frozenset[str]
    base_url: str
    target: str
    is_logs_api: bool
    most: int
    seconds: float
    waiting: list[Record] = field(default_factory=list)
    full: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, record: Record) -> None:
        kind = record["type"]
        of_platform = kind.startswith("platform.")
        if (kind.partition(".")[0]) not in self.types or (self.is_logs_api and of_platform and kind not in OF_LOGS_API):
            return
        if len(self.waiting) >= KEPT:
            del self.waiting[0]
        self.waiting.append(record)
        if len(self.waiting) >= self.most:
            self.full.set()


class Telemetry:
    """Nothing is gathered until the execution environment has extensions."""

    def __init__(self) -> None:
        self.host = "127.0.0.1"
        self.wanted = False
        self._early: list[Record] | None = []
        self._subscribers: dict[str, Subscriber] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def emit(self, kind: str, record: object) -> None:
        if not self.wanted:
            return
        event = {"time": rfc3339(), "type": kind, "record": record}
        if self._early is not None:
            self._early.append(event)
        for subscriber in self._subscribers.values():
            subscriber.take(event)

    def initialised(self) -> None:
        """Who subscribes from now on hears nothing of the initialisation."""
        self._early = None

    def subscribe(self, name: str, body: bytes, *, is_logs_api: bool) -> None:
        """Take a subscription, the newest in the place of one before it."""
        subscriber = _read(name, body, self.host, is_logs_api)
        self._subscribers[name] = subscriber
        for event in self._early or ():
            subscriber.take(event)
        kind = "platform.logsSubscription" if is_logs_api else "platform.telemetrySubscription"
        self.emit(kind, {"name": name, "state": "Subscribed", "types": sorted(subscriber.types)})
        task = asyncio.create_task(self._deliver(subscriber))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def hurry(self) -> None:
        """Deliver what there is: the end is near."""
        for subscriber in self._subscribers.values():
            subscriber.full.set()

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _deliver(self, subscriber: Subscriber) -> None:
        client = Client()
        try:
            while self._subscribers.get(subscriber.name) is subscriber:
                with suppress(TimeoutError):  # what there is goes then
                    await asyncio.wait_for(subscriber.full.wait(), subscriber.seconds)
                subscriber.full.clear()
                batch, subscriber.waiting = subscriber.waiting, []
                if batch:
                    await self._post(client, subscriber, batch)
        finally:
            client.close()

    async def _post(self, client: Client, subscriber: Subscriber, batch: list[Record]) -> None:
        body = json.dumps(batch).encode()
        headers = [("content-type", "application/json")]
        for _ in range(ATTEMPTS):
            try:
                response = await client.request("POST", subscriber.base_url, subscriber.target, headers, body)
                await response.read()
            except OSError:
                await asyncio.sleep(ATTEMPT_SECONDS)
            else:
                return
        log.warning("%d records for the extension %s were not taken", len(batch), subscriber.name)


def _read(name: str, body: bytes, host: str, is_logs_api: bool) -> Subscriber:
    try:
        asked = json.loads(body)
        destination = asked["destination"]
        types, url = frozenset(asked["types"]), urlsplit(str(destination.get("URI") or destination.get("uri")))
        buffering: Mapping[str, Any] = asked.get("buffering") or {}
        most, milliseconds = int(buffering.get("maxItems", KEPT)), int(buffering.get("timeoutMs", 1000))
        port = url.port or 80
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadSubscription(f"The body is not a subscription: {error!r}") from error
    if not types or types - TYPES:
        raise BadSubscription(f"types are some of {', '.join(sorted(TYPES))}")
    if destination.get("protocol") != "HTTP" or url.scheme != "http":
        raise BadSubscription("Here a destination's protocol is HTTP")
    if url.hostname not in HOSTS:
        raise BadSubscription(f"A destination is at {HOSTS[0]}")
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    most, milliseconds = min(max(most, 1), KEPT), min(max(milliseconds, 25), 30_000)
    return Subscriber(name, types, f"http://{host}:{port}", target, is_logs_api, most, milliseconds / 1000)
