"""The pipes: what is described of each in the store, its reader while it is to run, and the operations of the API."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any

from staticfire.edge.aws.calls import AwsError, Call, Scope
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.aws.protocol import Operations, Params
from staticfire.edge.http1.messages import Response
from staticfire.edge.services.lambda_.mappings.failures import FailureDestination
from staticfire.edge.services.lambda_.mappings.filters import Filters, patterns_of
from staticfire.edge.services.lambda_.mappings.patterns import BadPattern
from staticfire.edge.services.lambda_.mappings.queue_poller import QueuePoller
from staticfire.edge.services.lambda_.mappings.queues import Queue
from staticfire.edge.services.lambda_.mappings.service import Poller, RunningMapping, StoredCheckpoints
from staticfire.edge.services.lambda_.mappings.settings import BatchSettings, StreamSettings, source_scope
from staticfire.edge.services.lambda_.mappings.stream_poller import StreamPoller
from staticfire.edge.services.lambda_.mappings.streams import DataStream, Stream, TableStream
from staticfire.edge.services.lambda_.service import Functions
from staticfire.edge.store import Key, Store

from .delivery import PipeTaker, service_of

log = logging.getLogger(__name__)

SERVICE, PIPE = "pipes", "pipe"
SOURCES = {
    "sqs": "SqsQueueParameters",
    "dynamodb": "DynamoDBStreamParameters",
    "kinesis": "KinesisStreamParameters",
}
ENRICHMENTS = ("lambda", "states")
TARGETS = ("lambda", "states", "sqs", "sns", "kinesis", "events", "logs")
TOLD = ("Arn", "Name", "DesiredState", "CurrentState", "CreationTime", "LastModifiedTime")
SUMMARY = (*TOLD, "Source", "Target", "Enrichment", "StateReason")
DESCRIBED = ("Description", "SourceParameters", "Enrichment", "EnrichmentParameters", "TargetParameters", "RoleArn")
MORE = ("LogConfiguration", "KmsKeyIdentifier")
PAGE = 100

Document = dict[str, Any]


class Pipes:
    """All pipes of all accounts and regions; the `pipes` service, all of it."""

    def __init__(self, store: Store, emulator: Emulator, functions: Functions) -> None:
        self._store = store
        self._emulator = emulator
        self._functions = functions
        self._running: dict[Key, RunningMapping] = {}
        self._changing = asyncio.Lock()
        self._operations = Operations(
            SERVICE,
            {
                "CreatePipe": self._create,
                "DescribePipe": self._describe,
                "UpdatePipe": self._update,
                "DeletePipe": self._delete,
                "ListPipes": self._list,
                "StartPipe": self._start,
                "StopPipe": self._stop,
                "TagResource": self._tag,
                "UntagResource": self._untag,
                "ListTagsForResource": self._tags,
            },
        )

    async def answer(self, call: Call) -> Response | None:
        response = await self._operations.answer(call)
        if response is None:
            raise AwsError(404, "NotFoundException", f"{call.request.path} is not an operation of EventBridge Pipes.")
        return response

    async def passed(self, call: Call, status: int) -> None:
        """Nothing passes."""

    async def start(self) -> None:
        """Go on with what the store has."""
        for key, pipe in self._store.everywhere(SERVICE, PIPE):
            if pipe["DesiredState"] == "RUNNING":
                self._begin(key)

    async def close(self) -> None:
        running, self._running = list(self._running.values()), {}
        await asyncio.gather(*(reading.stop() for reading in running))

    async def reset(self) -> None:
        """The emulator's state is gone: the sources are."""
        await self.close()
        await self._store.write(deletes=[key for key, _ in self._store.everywhere(SERVICE, PIPE)])

    async def _create(self, call: Call, params: Params) -> Document:
        key = _key(call.scope, params["Name"])
        if self._store.get(key) is not None:
            raise AwsError(409, "ConflictException", f"Pipe {params['Name']} already exists.")
        now = time.time()
        pipe: Document = {name: value for name, value in params.items() if value is not None}
        pipe |= {
            "Arn": f"arn:aws:pipes:{key.region}:{key.account}:pipe/{key.id}",
            "DesiredState": params.get("DesiredState") or "RUNNING",
            "CreationTime": now,
            "LastModifiedTime": now,
            "Tags": params.get("Tags") or {},
        }
        pipe["SourceParameters"] = _with_defaults(pipe)
        _check(pipe)
        await self._change(key, pipe)
        return {**_of(pipe, TOLD), "CurrentState": "CREATING"}

    async def _describe(self, call: Call, params: Params) -> Document:
        _, pipe = self._existing(call.scope, params["Name"])
        return _of(pipe, (*SUMMARY, *DESCRIBED, *MORE, "Tags"))

    async def _update(self, call: Call, params: Params) -> Document:
        key, pipe = self._existing(call.scope, params["Name"])
        changes = {name: value for name, value in params.items() if name != "Name" and value is not None}
        of_source = changes.pop("SourceParameters", None)
        if of_source is not None:
            # Where a stream is begun is not changed; what is not named goes back to its default.
            member = SOURCES[service_of(pipe["Source"])]
            before = (pipe["SourceParameters"].get(member) or {}).items()
            kept = {name: value for name, value in before if name.startswith("StartingPosition")}
            pipe["SourceParameters"] = {**of_source, member: {**kept, **(of_source.get(member) or {})}}
        for name in ("Enrichment", "Description"):
            if changes.get(name) == "":
                pipe.pop(name, None)
                del changes[name]
        pipe |= changes
        pipe["SourceParameters"] = _with_defaults(pipe)
        pipe["LastModifiedTime"] = time.time()
        _check(pipe)
        await self._change(key, pipe)
        return {**_of(pipe, TOLD), "CurrentState": "UPDATING"}

    async def _delete(self, call: Call, params: Params) -> Document:
        key, pipe = self._existing(call.scope, params["Name"])
        async with self._changing:
            await self._end(key)
            await self._store.write(deletes=[key, *self._checkpoints(key).keys()])
        return {**_of(pipe, TOLD), "DesiredState": "DELETED", "CurrentState": "DELETING"}

    async def _start(self, call: Call, params: Params) -> Document:
        return await self._switch(call, params, "RUNNING", "STARTING")

    async def _stop(self, call: Call, params: Params) -> Document:
        return await self._switch(call, params, "STOPPED", "STOPPING")

    async def _switch(self, call: Call, params: Params, desired: str, current: str) -> Document:
        key, pipe = self._existing(call.scope, params["Name"])
        pipe |= {"DesiredState": desired, "LastModifiedTime": time.time()}
        await self._change(key, pipe)
        return {**_of(pipe, TOLD), "CurrentState": current}

    async def _list(self, call: Call, params: Params) -> Document:
        pipes = [pipe for _, pipe in self._store.list(*call.scope, SERVICE, PIPE, params.get("NamePrefix") or "")]
        for member in ("DesiredState", "CurrentState"):
            pipes = [pipe for pipe in pipes if params.get(member) in (None, _of(pipe, TOLD)[member])]
        for member in ("Source", "Target"):
            pipes = [pipe for pipe in pipes if pipe[member].startswith(params.get(f"{member}Prefix") or "")]
        begin = int(params.get("NextToken") or 0)
        end = begin + int(params.get("Limit") or PAGE)
        following = {"NextToken": str(end)} if end < len(pipes) else {}
        return {"Pipes": [_of(pipe, SUMMARY) for pipe in pipes[begin:end]], **following}

    async def _tag(self, call: Call, params: Params) -> None:
        key, pipe = self._by_arn(call.scope, params["resourceArn"])
        await self._store.write({key: {**pipe, "Tags": pipe["Tags"] | params["tags"]}})

    async def _untag(self, call: Call, params: Params) -> None:
        key, pipe = self._by_arn(call.scope, params["resourceArn"])
        tags = {name: value for name, value in pipe["Tags"].items() if name not in params["tagKeys"]}
        await self._store.write({key: {**pipe, "Tags": tags}})

    async def _tags(self, call: Call, params: Params) -> Document:
        return {"tags": self._by_arn(call.scope, params["resourceArn"])[1]["Tags"]}

    def _existing(self, scope: Scope, name: str) -> tuple[Key, Document]:
        key = _key(scope, name)
        pipe = self._store.get(key)
        if pipe is None:
            raise AwsError(404, "NotFoundException", f"Pipe {name} does not exist.")
        return key, pipe

    def _by_arn(self, scope: Scope, arn: str) -> tuple[Key, Document]:
        return self._existing(scope, arn.rpartition("/")[2])

    async def _change(self, key: Key, pipe: Document) -> None:
        """Write it down, and have it read as it says."""
        async with self._changing:
            await self._end(key)
            await self._store.write({key: pipe})
            if pipe["DesiredState"] == "RUNNING":
                # Where LATEST is must be known before anybody hears that the pipe runs.
                first: list[Poller] = []
                try:
                    first.append(await self._poller(key))
                except AwsError as error:
                    log.warning("The pipe %s cannot read %s now: %s", key.id, pipe["Source"], error)
                self._begin(key, first)

    def _begin(self, key: Key, first: list[Poller] | None = None) -> None:
        ready = first or []

        async def make() -> Poller:
            return ready.pop() if ready else await self._poller(key)

        self._running[key] = RunningMapping(Scope(key.account, key.region), f"pipe {key.id}", make)

    async def _end(self, key: Key) -> None:
        reading = self._running.pop(key, None)
        if reading is not None:
            await reading.stop()

    def _checkpoints(self, key: Key) -> StoredCheckpoints:
        return StoredCheckpoints(self._store, Scope(key.account, key.region), f"pipe/{key.id}")

    async def _poller(self, key: Key) -> Poller:
        scope = Scope(key.account, key.region)
        pipe = self._store.get(key)
        if pipe is None:
            raise AwsError(404, "NotFoundException", f"Pipe {key.id} does not exist.")
        arn = pipe["Source"]
        kind = service_of(arn)
        parameters = pipe["SourceParameters"]
        of_source = parameters[SOURCES[kind]]
        batches = BatchSettings(
            size=int(of_source["BatchSize"]),
            window=float(of_source.get("MaximumBatchingWindowInSeconds") or 0),
            filters=Filters(patterns_of(parameters.get("FilterCriteria"))),
        )
        taker = PipeTaker(pipe, scope, self._emulator, self._functions)
        if kind == "sqs":
            queue = await Queue.named(self._emulator, source_scope(arn), arn.rpartition(":")[2])
            return QueuePoller(queue, arn, batches, taker)
        stream: Stream = TableStream(self._emulator, arn)
        if kind == "kinesis":
            stream = DataStream(self._emulator, arn, pipe["RoleArn"])
        to = (of_source.get("DeadLetterConfig") or {}).get("Arn")
        dead = FailureDestination(self._emulator, scope, to, mapping=key.id, function=pipe["Arn"]) if to else None
        settings = StreamSettings(
            position=of_source["StartingPosition"],
            timestamp=of_source.get("StartingPositionTimestamp"),
            lanes=int(of_source.get("ParallelizationFactor") or 1),
            tumbling=0,
            most_retries=_limit(of_source.get("MaximumRetryAttempts")),
            most_age=_limit(of_source.get("MaximumRecordAgeInSeconds")),
            bisects=of_source.get("OnPartialBatchItemFailure") == "AUTOMATIC_BISECT",
        )
        poller = StreamPoller(stream, batches, settings, taker, self._checkpoints(key), destination=dead)
        await poller.begin()
        return poller


def _key(scope: Scope, name: str) -> Key:
    return Key(scope.account, scope.region, SERVICE, PIPE, name)


def _limit(value: int | None) -> int | None:
    return None if value is None or value < 0 else int(value)


def _of(pipe: Mapping[str, Any], names: tuple[str, ...]) -> Document:
    """What is told of it. Changes are over when they are answered."""
    return {name: value for name, value in {**pipe, "CurrentState": pipe["DesiredState"]}.items() if name in names}


def _with_defaults(pipe: Mapping[str, Any]) -> Document:
    """AWS tells the batch size that nobody gave."""
    member = SOURCES.get(service_of(pipe["Source"]))
    parameters = dict(pipe.get("SourceParameters") or {})
    if member is not None:
        size = 10 if member == SOURCES["sqs"] else 100
        parameters[member] = {"BatchSize": size, **(parameters.get(member) or {})}
    return parameters


def _check(pipe: Mapping[str, Any]) -> None:
    """Refuse what cannot run: a pipe that is described and delivers nothing would be a wrong success."""
    for member, services in (("Source", tuple(SOURCES)), ("Enrichment", ENRICHMENTS), ("Target", TARGETS)):
        arn = pipe.get(member)
        # API destinations are EventBridge's too, and nothing is called by HTTP here.
        if arn and (service_of(arn) not in services or ":api-destination/" in arn):
            message = f"The {member.lower()} {arn} is not available here: {', '.join(services)} are."
            raise AwsError(400, "ValidationException", message)
    source = pipe["SourceParameters"][SOURCES[service_of(pipe["Source"])]]
    if service_of(pipe["Source"]) != "sqs" and not source.get("StartingPosition"):
        raise AwsError(400, "ValidationException", "Source parameters need a StartingPosition for a stream.")
    if service_of(pipe["Target"]) == "kinesis":
        of_target = (pipe.get("TargetParameters") or {}).get("KinesisStreamParameters") or {}
        if not of_target.get("PartitionKey"):
            raise AwsError(400, "ValidationException", "Target parameters need a PartitionKey for a Kinesis stream.")
    try:
        Filters(patterns_of(pipe["SourceParameters"].get("FilterCriteria")))
    except BadPattern as error:
        raise AwsError(400, "ValidationException", f"Event pattern is not valid. Reason: {error}") from error
