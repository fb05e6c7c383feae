"""CreateEventSourceMapping and its siblings: plain values in, what AWS tells out."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from typing import Any

from staticfire.edge.aws.calls import AwsError, Call, Scope
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.aws.protocol import Params
from staticfire.edge.aws.protocol.operations import Carry

from ..model import LATEST, FunctionRef
from ..pages import page_of
from ..service import Functions
from . import queues, streams
from .queues import Queue
from .service import Document, EventSourceMappings, mapping_key, now
from .settings import source_scope
from .streams import DataStream, TableStream
from .validation import created, kind_of, refused, updated

log = logging.getLogger(__name__)

READ_HERE = ("sqs", "dynamodb", "kinesis")
PAGE = 100


class MappingOperations:
    """The operations of the API on event source mappings."""

    def __init__(self, mappings: EventSourceMappings, functions: Functions, emulator: Emulator) -> None:
        self._mappings = mappings
        self._functions = functions
        self._emulator = emulator

    def table(self) -> dict[str, Carry]:
        """By the operations' names."""
        return {
            "CreateEventSourceMapping": self._create,
            "GetEventSourceMapping": self._get,
            "UpdateEventSourceMapping": self._update,
            "DeleteEventSourceMapping": self._delete,
            "ListEventSourceMappings": self._list,
        }

    async def _create(self, call: Call, params: Params) -> Document:
        scope = call.scope
        settings = created(params)
        kind = kind_of(settings)
        ref = await self._function(params["FunctionName"], scope)
        await self._refuse_source(settings.get("EventSourceArn", ""), kind, ref)
        identity = str(uuid.uuid4())
        enabled = params.get("Enabled") is not False
        description: Document = {
            **settings,
            "UUID": identity,
            "FunctionArn": ref.arn,
            "LastModified": now(),
            "State": "Creating" if enabled else "Disabled",
            "StateTransitionReason": "User action" if kind in ("dynamodb", "kinesis") else "USER_INITIATED",
        }
        if kind != "sqs":
            description["LastProcessingResult"] = "No records processed"
        if kind == "self-managed kafka":
            description["SelfManagedKafkaEventSourceConfig"] = {
                "ConsumerGroupId": identity,
                **settings.get("SelfManagedKafkaEventSourceConfig", {}),
            }
        else:
            description["EventSourceMappingArn"] = _arn(scope, identity)
        if kind not in READ_HERE:
            log.warning("The event source mapping %s is described only: nothing here reads its source", identity)
        document = {"description": description, "enabled": enabled, "tags": dict(params.get("Tags") or {})}
        async with self._mappings.writing:
            self._refuse_another(scope, settings, ref)
            await self._mappings.put(scope, document)
        if enabled:
            self._mappings.change(mapping_key(scope, identity), "Enabled")
        return description

    async def _get(self, call: Call, params: Params) -> Document:
        description: Document = self._existing(call.scope, params["UUID"])["description"]
        return description

    async def _update(self, call: Call, params: Params) -> Document:
        scope = call.scope
        key = mapping_key(scope, params["UUID"])
        await self._mappings.settled(key)
        self._existing(scope, params["UUID"])
        ref = await self._function(params["FunctionName"], scope) if params.get("FunctionName") else None
        async with self._mappings.writing:
            document = self._existing(scope, params["UUID"])
            description = updated(document["description"], params)
            if ref is not None:
                description["FunctionArn"] = ref.arn
            enabled = document["enabled"] if params.get("Enabled") is None else bool(params["Enabled"])
            description["LastModified"] = now()
            description["State"] = "Updating"
            if enabled != document["enabled"]:
                description["State"] = "Enabling" if enabled else "Disabling"
            await self._mappings.put(scope, {**document, "description": description, "enabled": enabled})
        self._mappings.change(key, "Enabled" if enabled else "Disabled")
        return description

    async def _delete(self, call: Call, params: Params) -> Document:
        scope = call.scope
        key = mapping_key(scope, params["UUID"])
        document = self._existing(scope, params["UUID"])
        if document["description"]["State"] == "Deleting":
            message = "Cannot delete the event source mapping because it is in use."
            raise AwsError(400, "ResourceInUseException", message, fields={"Type": "User"})
        await self._mappings.settled(key)
        async with self._mappings.writing:
            document = self._existing(scope, params["UUID"])
            document["description"]["State"] = "Deleting"
            await self._mappings.put(scope, document)
        self._mappings.change(key, "Deleting")
        description: Document = document["description"]
        return description

    async def _list(self, call: Call, params: Params) -> Document:
        scope = call.scope
        mappings = [document["description"] for document in self._mappings.documents(scope)]
        if source := params.get("EventSourceArn"):
            mappings = [description for description in mappings if description.get("EventSourceArn") == source]
        if name := params.get("FunctionName"):
            asked = FunctionRef.parse(name, scope)
            mappings = [description for description in mappings if _names(asked, description["FunctionArn"])]
        return page_of(mappings, params, "EventSourceMappings", key="UUID", most=PAGE)

    def tag_table(self) -> dict[str, Carry]:
        """The operations on tags, for the ARN of a mapping."""
        return {"ListTags": self._tags, "TagResource": self._tag, "UntagResource": self._untag}

    async def _tags(self, call: Call, params: Params) -> Document:
        return {"Tags": self._tagged(call.scope, params)["tags"]}

    async def _tag(self, call: Call, params: Params) -> None:
        async with self._mappings.writing:
            document = self._tagged(call.scope, params)
            await self._mappings.put(call.scope, {**document, "tags": {**document["tags"], **params["Tags"]}})

    async def _untag(self, call: Call, params: Params) -> None:
        async with self._mappings.writing:
            document = self._tagged(call.scope, params)
            tags = {name: value for name, value in document["tags"].items() if name not in params["TagKeys"]}
            await self._mappings.put(call.scope, {**document, "tags": tags})

    def _tagged(self, scope: Scope, params: Params) -> Document:
        arn = params["Resource"]
        document = self._mappings.document(scope, arn.rpartition(":")[2])
        if document is None:
            raise _not_found(f"Event source mapping not found: {arn}")
        return document

    def _existing(self, scope: Scope, identity: str) -> Document:
        document = self._mappings.document(scope, identity)
        if document is None:
            raise _not_found("The resource you requested does not exist.")
        return document

    async def _function(self, name: str, scope: Scope) -> FunctionRef:
        ref = FunctionRef.parse(name, scope)
        try:
            await self._functions.configuration(ref)
        except AwsError as error:
            if error.status == 404:
                raise refused("Function does not exist") from error
            raise
        return ref

    def _refuse_another(self, scope: Scope, settings: Mapping[str, Any], ref: FunctionRef) -> None:
        """One function has one mapping of a source."""
        for document in self._mappings.documents(scope):
            description = document["description"]
            same = _unqualified_latest(description["FunctionArn"]) == _unqualified_latest(ref.arn)
            if same and _same_source(description, settings):
                raise AwsError(
                    409,
                    "ResourceConflictException",
                    _conflict(settings, ref, description["UUID"]),
                    fields={"Type": "User"},
                )

    async def _refuse_source(self, arn: str, kind: str, ref: FunctionRef) -> None:
        """A source that does not exist, or does not wait for the function, in the words that AWS uses for each."""
        try:
            if kind == "sqs":
                queue = await Queue.named(self._emulator, source_scope(arn), arn.rpartition(":")[2])
                await self._refuse_short_invisibility(queue, ref)
            elif kind == "dynamodb":
                await TableStream(self._emulator, arn).shards()
            elif kind == "kinesis":
                await DataStream(self._emulator, arn, "").shards()
        except AwsError as error:
            if queues.is_gone(error):
                raise refused(
                    "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. "
                    "SQS Error Message: The specified queue does not exist."
                ) from error
            if streams.is_gone(error):
                raise refused(f"Stream not found: {arn}") from error
            raise

    async def _refuse_short_invisibility(self, queue: Queue, ref: FunctionRef) -> None:
        """A message that becomes visible while the function may still work on it would be taken twice."""
        invisible, timeout = await queue.visibility_timeout(), (await self._functions.configuration(ref)).timeout
        if invisible < timeout:
            visibility = f"Queue visibility timeout: {invisible:.0f} seconds"
            raise refused(f"{visibility} is less than Function timeout: {timeout:.0f} seconds")


def _not_found(message: str) -> AwsError:
    return AwsError(404, "ResourceNotFoundException", message, fields={"Type": "User", "Message": message})


def _arn(scope: Scope, identity: str) -> str:
    return f"arn:aws:lambda:{scope.region}:{scope.account}:event-source-mapping:{identity}"


def _unqualified_latest(arn: str) -> str:
    return arn.removesuffix(f":{LATEST}")


def _names(asked: FunctionRef, arn: str) -> bool:
    """Whether a mapping's function is the one that is asked for: whichever version, unless one is named."""
    if asked.qualifier:
        return arn == asked.arn
    return arn == asked.arn or arn.startswith(f"{asked.arn}:")


def _same_source(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    if kind_of(one) != kind_of(other):
        return False
    if kind_of(other) == "self-managed kafka":
        shared = set(_servers(one)) & set(_servers(other))
        return bool(shared) and one.get("Topics") == other.get("Topics")
    return bool(one["EventSourceArn"] == other["EventSourceArn"])


def _servers(settings: Mapping[str, Any]) -> list[str]:
    servers: list[str] = settings["SelfManagedEventSource"].get("Endpoints", {}).get("KAFKA_BOOTSTRAP_SERVERS", [])
    return servers


def _conflict(settings: Mapping[str, Any], ref: FunctionRef, other: str) -> str:
    """AWS words it differently for each kind of source."""
    kind = kind_of(settings)
    existing = f"already exists. Please update or delete the existing mapping with UUID {other}"
    if kind == "self-managed kafka":
        servers, topics = ",".join(_servers(settings)), ",".join(settings.get("Topics") or ())
        source = f'event source ("{servers}"), function ("{ref.arn}"), topics ("{topics}")'
        return f"An event source mapping with {source} {existing}"
    arn, name = settings["EventSourceArn"], ref.name
    if kind == "sqs":
        return f'An event source mapping with SQS arn (" {arn} ") and function (" {name} ") {existing}'
    return f'The event source arn (" {arn} ") and function (" {name} ") provided mapping {existing}'
