"""Event invocations: accepted once they are on the disk, run later, tried again, and in the end sent to a destination.

    written -> accepted -> run -> succeeded -> on-success destination -> removed
                \\-> failed -> wait -> run ... -> given up -> on-failure destination, dead-letter queue -> removed

An event is in the edge's store from before its caller hears of it until nothing more is to be done for it. An edge that
starts again goes on with those that it finds there: an event runs at least once, and may run twice.

As AWS documents: a function's error is tried again up to MaximumRetryAttempts (2) times with the same request id; a
throttled attempt does not count and is tried again until the event is older than MaximumEventAgeInSeconds; with
reserved concurrency 0 the event is given up at once. AWS waits one minute and then two between attempts; here
`retry_seconds` says, by default one second and two. At most AT_ONCE events of a function run at the same time. While
the emulator does not answer, what waits for it is tried again.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.store import Store, StoreFailed

from .catalog import FunctionCatalog
from .destinations import Destinations
from .metrics import FunctionMetrics
from .model import FunctionRef, Outcome
from .queued_event import KIND, SERVICE, QueuedEvent

if TYPE_CHECKING:
    from staticfire.edge.aws.emulator import Emulator

log = logging.getLogger(__name__)

T = TypeVar("T")

AT_ONCE = 16
DAY_QUARTER = 6 * 3600
THROTTLE_FIRST = 0.25
THROTTLE_LONGEST = 5.0


class EventQueue:
    """Each event is a task of its own. `resume` goes on with the events of an edge that ended before they did."""

    def __init__(
        self,
        emulator: Emulator,
        catalog: FunctionCatalog,
        metrics: FunctionMetrics,
        invoke: Callable[[QueuedEvent], Awaitable[Outcome]],
        retry_seconds: Sequence[float],
        store: Store,
    ) -> None:
        self._catalog = catalog
        self._metrics = metrics
        self._invoke = invoke
        self._retry_seconds = tuple(retry_seconds)
        self._store = store
        self._destinations = Destinations(emulator, self.put)
        self._tasks: dict[asyncio.Task[None], QueuedEvent] = {}
        self._slots: dict[tuple[Scope, str], asyncio.Semaphore] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    async def put(self, ref: FunctionRef, payload: bytes, client_context: str | None = None, trace_id: str = "") -> str:
        """Take an event: it is on the disk when this returns."""
        event = QueuedEvent(ref, _as_utf8(payload), client_context, trace_id)
        try:
            await self._store.write({event.key: event.document()})
        except StoreFailed as error:
            raise AwsError(500, "ServiceException", f"The event was not accepted: {error}") from error
        self._start(event)
        return event.request_id

    def resume(self) -> None:
        left = [QueuedEvent.read(key, document) for key, document in self._store.everywhere(SERVICE, KIND)]
        for event in sorted(left, key=lambda event: event.queued):
            self._start(event)
        if left:
            log.info("%d events that were accepted before are still to be run", len(left))

    async def clear(self) -> None:
        """Drop what is queued; what runs now runs on unattended."""
        dropped = list(self._tasks.values())
        await self.close()
        await self._store.write(deletes=[event.key for event in dropped])

    async def close(self) -> None:
        """Leave what is queued in the store."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._slots.clear()

    def _start(self, event: QueuedEvent) -> None:
        task = asyncio.create_task(self._process(event))
        self._tasks[task] = event
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        event = self._tasks.pop(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("The event %s for %s was left in the store", event.request_id, event.ref.arn, exc_info=error)

    async def _process(self, event: QueuedEvent) -> None:
        settings: Mapping[str, Any] = await self._reached(lambda: self._catalog.event_config(event.ref), event)
        outcome, condition = await self._run_until_done(event, settings)
        await self._finish(event, outcome, condition, settings)
        await self._store.write(deletes=[event.key])

    async def _run_until_done(self, event: QueuedEvent, settings: Mapping[str, Any]) -> tuple[Outcome | None, str]:
        """The last attempt's outcome, and the condition that the event ended in."""
        limit = settings.get("MaximumRetryAttempts")
        retries = 2 if limit is None else int(limit)
        oldest = float(settings.get("MaximumEventAgeInSeconds") or DAY_QUARTER)
        outcome: Outcome | None = None
        throttled = 0
        while True:
            try:
                outcome = await self._run(event)
            except AwsError as error:
                if error.status == 404:
                    log.warning("The event %s for %s cannot run: %s", event.request_id, event.ref.arn, error.message)
                    return outcome, "RetriesExhausted"
                if error.status == 429 and await self._never(event):
                    return outcome, "ZeroReservedConcurrency"
                wait = min(THROTTLE_FIRST * 2**throttled, THROTTLE_LONGEST)
                throttled += 1
            else:
                if outcome.error is None:
                    return outcome, "Success"
                if event.attempts > retries:
                    return outcome, "RetriesExhausted"
                await self._store.write({event.key: event.document()})
                wait = self._retry_seconds[min(event.attempts, len(self._retry_seconds)) - 1]
            if time.time() - event.queued + wait > oldest:
                return outcome, "EventAgeExceeded"
            await asyncio.sleep(wait)

    async def _run(self, event: QueuedEvent) -> Outcome:
        slots = self._slots.setdefault((event.ref.scope, event.ref.name), asyncio.Semaphore(AT_ONCE))
        async with slots:
            outcome = await self._invoke(event)
        event.attempts += 1
        return outcome

    async def _never(self, event: QueuedEvent) -> bool:
        return (await self._catalog.resolve(event.ref)).reserved == 0

    async def _finish(
        self, event: QueuedEvent, outcome: Outcome | None, condition: str, settings: Mapping[str, Any]
    ) -> None:
        destinations = settings.get("DestinationConfig") or {}
        success = condition == "Success"
        target = (destinations.get("OnSuccess" if success else "OnFailure") or {}).get("Destination")
        if target:
            await self._deliver(event, target, lambda: self._destinations.send(target, event, outcome, condition))
        if success:
            return
        dead_letters = await self._dead_letters(event)
        if dead_letters:
            await self._deliver(event, dead_letters, lambda: self._destinations.bury(dead_letters, event, outcome))
        elif not target:
            log.warning(
                "The event %s for %s was given up (%s) and has no destination",
                event.request_id,
                event.ref.arn,
                condition,
            )

    async def _dead_letters(self, event: QueuedEvent) -> str | None:
        """A function that is gone has none."""
        try:
            return (await self._reached(lambda: self._catalog.resolve(event.ref), event)).dead_letter_arn
        except AwsError as error:
            if error.status != 404:
                raise
            return None

    async def _deliver(self, event: QueuedEvent, target: str, send: Callable[[], Awaitable[None]]) -> None:
        try:
            await self._reached(send, event)
        except AwsError as error:
            log.warning("The record of event %s could not be sent to %s: %s", event.request_id, target, error.message)
            self._metrics.count(
                event.ref.scope, event.ref.name, event.ref.qualifier or "", "DestinationDeliveryFailures"
            )

    async def _reached(self, ask: Callable[[], Awaitable[T]], event: QueuedEvent) -> T:
        """What the emulator answers once it answers: it may be down, and come back."""
        attempts = 0
        while True:
            try:
                return await ask()
            except AwsError as error:
                if error.status != 503:
                    raise
                if not attempts:
                    log.info("The event %s for %s waits: %s", event.request_id, event.ref.arn, error.message)
            await asyncio.sleep(min(THROTTLE_FIRST * 2**attempts, THROTTLE_LONGEST))
            attempts += 1


def _as_utf8(payload: bytes) -> bytes:
    """JSON may come in UTF-16 too; the store keeps text."""
    try:
        payload.decode()
    except UnicodeDecodeError:
        return json.dumps(json.loads(payload)).encode()
    return payload
