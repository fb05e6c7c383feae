"""The mappings that run: each enabled one has a reader here, from the edge's start to its end.

    Creating -> Enabled <-> Disabled     Updating, Enabling, Disabling are on the way
                   \\-> Deleting -> gone

What a mapping says and how far it has read lie in the store, so an edge that is started again, however it ended, goes
on where it was.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.store import Key, Store

from ..model import FunctionRef
from ..service import Functions
from .failures import FailureDestination
from .invocation import FunctionTaker
from .queue_poller import AT_ONCE, GRACE_SECONDS, QueuePoller
from .queues import WAIT_SECONDS, Queue
from .settings import batch_settings, source_scope, stream_settings
from .stream_poller import Checkpoint, StreamPoller
from .streams import DataStream, Stream, TableStream
from .trouble import Trouble
from .validation import kind_of

log = logging.getLogger(__name__)

SERVICE = "lambda"
MAPPING = "event-source-mapping"
CHECKPOINT = "event-source-mapping-checkpoint"
RESULT = "event-source-mapping-result"

Document = dict[str, Any]
Poller = QueuePoller | StreamPoller


class StoredCheckpoints:
    """How far one mapping has read each shard."""

    def __init__(self, store: Store, scope: Scope, uuid: str) -> None:
        self._store = store
        self._scope = scope
        self._uuid = uuid

    def get(self, shard: str) -> Checkpoint | None:
        return self._store.get(self._key(shard))

    async def put(self, checkpoints: Mapping[str, Checkpoint]) -> None:
        await self._store.write({self._key(shard): checkpoint for shard, checkpoint in checkpoints.items()})

    def empty(self) -> bool:
        return not self.keys()

    def keys(self) -> list[Key]:
        scope = self._scope
        listed = self._store.list(scope.account, scope.region, SERVICE, CHECKPOINT, f"{self._uuid}:")
        return [key for key, _ in listed]

    def _key(self, shard: str) -> Key:
        return Key(*self._scope, SERVICE, CHECKPOINT, f"{self._uuid}:{shard}")


class RunningMapping:
    """The reader of one mapping or pipe, as long as that is enabled; `name` is what messages call it."""

    def __init__(self, scope: Scope, name: str, make: Callable[[], Coroutine[Any, Any, Poller]]) -> None:
        self.scope = scope
        self.name = name
        self.poller: Poller | None = None
        self._make = make
        self._stopping = False
        self._reading = False
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        """What cannot be read now is tried again: a queue or a stream may be made again."""
        trouble = Trouble(f"The {self.name}")
        while not self._stopping:
            try:
                self.poller = await self._make()
                trouble.over()
                if not self._stopping:
                    self._reading = True
                    await self.poller.run()
            except AwsError as error:
                self._reading = False
                await trouble.wait(error)
            except Exception:
                log.exception("The %s failed, and begins again", self.name)
                await asyncio.sleep(1)

    async def stop(self) -> None:
        """What is under way may end."""
        self._stopping = True
        if self.poller is not None and self._reading:
            self.poller.stop()
            await asyncio.wait([self._task], timeout=WAIT_SECONDS + GRACE_SECONDS)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if isinstance(self.poller, QueuePoller):
            await self.poller.finish()


class EventSourceMappings:
    """All mappings of all accounts and regions."""

    def __init__(self, store: Store, emulator: Emulator, functions: Functions) -> None:
        self._store = store
        self._emulator = emulator
        self._functions = functions
        self._running: dict[Key, RunningMapping] = {}
        self._changes: dict[Key, asyncio.Task[None]] = {}
        self._results: dict[Key, str] = {}
        self._notes: set[asyncio.Task[None]] = set()
        # Held while what is described is read, changed and written: a read sees what is committed alone.
        self.writing = asyncio.Lock()

    async def start(self) -> None:
        """Go on with what the store has; what was on its way when the edge ended arrives now."""
        for key, document in self._store.everywhere(SERVICE, MAPPING):
            if document["description"]["State"] == "Deleting":
                await self._remove(key)
            elif document["enabled"]:
                self.change(key, "Enabled")
            else:
                self.change(key, "Disabled")

    def documents(self, scope: Scope) -> list[Document]:
        return [self._with_result(key, document) for key, document in self._store.list(*scope, SERVICE, MAPPING)]

    def document(self, scope: Scope, uuid: str) -> Document | None:
        key = mapping_key(scope, uuid)
        document = self._store.get(key)
        return None if document is None else self._with_result(key, document)

    async def put(self, scope: Scope, document: Document) -> None:
        await self._store.write({mapping_key(scope, document["description"]["UUID"]): document})

    def change(self, key: Key, state: str) -> None:
        """Carry out what the document says, and then tell `state`: after the change that is under way."""
        before = self._changes.get(key)
        task = self._changes[key] = asyncio.create_task(self._change(key, state, before))
        task.add_done_callback(lambda task: self._changed(key, task))

    async def settled(self, key: Key) -> None:
        """No change is under way."""
        while (task := self._changes.get(key)) is not None:
            await asyncio.wait([task])

    async def reset(self) -> None:
        """The emulator's state is gone: the sources are, and what was read of them."""
        await self.close()
        kinds = (MAPPING, CHECKPOINT, RESULT)
        keys = [key for kind in kinds for key, _ in self._store.everywhere(SERVICE, kind)]
        await self._store.write(deletes=keys)

    async def close(self) -> None:
        """Documents stay as they are: the next edge goes on with them."""
        changes = list(self._changes.values())
        for task in changes:
            task.cancel()
        await asyncio.gather(*changes, return_exceptions=True)
        running, self._running = list(self._running.values()), {}
        await asyncio.gather(*(mapping.stop() for mapping in running))
        await asyncio.gather(*self._notes)
        self._results.clear()

    def wrote(self, service: str, scope: Scope) -> None:
        """Somebody wrote to a stream: whoever waits for records of it looks now."""
        for key, running in self._running.items():
            poller = running.poller if (key.account, key.region) == scope else None
            if isinstance(poller, StreamPoller) and poller.stream.service == service:
                poller.bell.ring()

    def _changed(self, key: Key, task: asyncio.Task[None]) -> None:
        if self._changes.get(key) is task:
            del self._changes[key]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("The event source mapping %s could not be changed", key.id, exc_info=error)

    async def _change(self, key: Key, state: str, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        running = self._running.pop(key, None)
        if running is not None:
            await running.stop()
        document = self._store.get(key)
        if document is None:
            return
        if state == "Deleting":
            await self._remove(key)
            return
        if state == "Enabled" and kind_of(document["description"]) in ("sqs", "dynamodb", "kinesis"):
            await self._enable(key)
        # It may have changed again meanwhile; then what comes next tells its state.
        async with self.writing:
            document = self._store.get(key)
            if document is not None and self._changes.get(key) is asyncio.current_task():
                document["description"]["State"] = state
                await self._store.write({key: document})

    async def _enable(self, key: Key) -> None:
        scope = Scope(key.account, key.region)
        first: list[Poller] = []
        # Where LATEST is must be known before anybody hears that the mapping is enabled.
        with contextlib.suppress(AwsError):
            first.append(await self._poller(key))

        async def make() -> Poller:
            return first.pop() if first else await self._poller(key)

        self._running[key] = RunningMapping(scope, f"event source mapping {key.id}", make)

    async def _poller(self, key: Key) -> Poller:
        document = self._store.get(key)
        if document is None:
            raise AwsError(404, "ResourceNotFoundException", "The resource you requested does not exist.")
        description = document["description"]
        ref = FunctionRef.parse(description["FunctionArn"], Scope(key.account, key.region))
        reports = "ReportBatchItemFailures" in description["FunctionResponseTypes"]
        taker = FunctionTaker(self._functions, ref, reports=reports)
        arn = description["EventSourceArn"]
        if kind_of(description) == "sqs":
            queue = await Queue.named(self._emulator, source_scope(arn), arn.rpartition(":")[2])
            at_once = (description.get("ScalingConfig") or {}).get("MaximumConcurrency") or AT_ONCE
            return QueuePoller(queue, arn, batch_settings(description), taker, at_once=int(at_once))
        return await self._stream_poller(key, description, ref, taker)

    async def _stream_poller(
        self, key: Key, description: Document, ref: FunctionRef, taker: FunctionTaker
    ) -> StreamPoller:
        scope = Scope(key.account, key.region)
        arn = description["EventSourceArn"]
        stream: Stream
        if kind_of(description) == "dynamodb":
            stream = TableStream(self._emulator, arn)
            self._functions.traces.item_writes.follow(*source_scope(arn), arn.split("/")[1])
        else:
            stream = DataStream(self._emulator, arn, await self._role(ref))
        to = description["DestinationConfig"]["OnFailure"].get("Destination")
        destination = None
        if to:
            function = description["FunctionArn"]
            destination = FailureDestination(self._emulator, scope, to, mapping=key.id, function=function)
        poller = StreamPoller(
            stream,
            batch_settings(description),
            stream_settings(description),
            taker,
            StoredCheckpoints(self._store, scope, key.id),
            destination=destination,
            note=lambda result: self._note(key, result),
        )
        await poller.begin()
        return poller

    async def _role(self, ref: FunctionRef) -> str:
        """The function's; a mapping whose function is gone goes on reading."""
        try:
            return (await self._functions.configuration(ref)).role
        except AwsError as error:
            if error.status == 404:
                return ""
            raise

    def _note(self, key: Key, result: str) -> None:
        """What the last batch came to, where it differs from the one before."""
        if self._results.get(key) != result:
            self._results[key] = result
            task = asyncio.create_task(self._store.write({key._replace(kind=RESULT): {"result": result}}))
            self._notes.add(task)
            task.add_done_callback(self._notes.discard)

    def _with_result(self, key: Key, document: Document) -> Document:
        last = self._store.get(key._replace(kind=RESULT))
        if last is not None:
            document["description"]["LastProcessingResult"] = last["result"]
        return document

    async def _remove(self, key: Key) -> None:
        await asyncio.gather(*self._notes)
        self._results.pop(key, None)
        checkpoints = StoredCheckpoints(self._store, Scope(key.account, key.region), key.id)
        async with self.writing:
            await self._store.write(deletes=[key, key._replace(kind=RESULT), *checkpoints.keys()])


def mapping_key(scope: Scope, uuid: str) -> Key:
    return Key(scope.account, scope.region, SERVICE, MAPPING, uuid)


def now() -> float:
    return round(time.time(), 3)
