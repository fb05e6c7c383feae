"""The API of mappings: what is filled in, told, left out and refused, and what becomes of a mapping afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from staticfire.edge.aws.calls import AwsError, Call, Scope
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.http1.messages import Request
from staticfire.edge.services.lambda_ import Functions
from staticfire.edge.services.lambda_.mappings.operations import MappingOperations
from staticfire.edge.services.lambda_.mappings.service import EventSourceMappings
from staticfire.edge.services.lambda_.model import FunctionRef
from staticfire.edge.store import Store
from staticfire.edge.traces import Traces
from tests.unit.edge.services.lambda_.mappings.kit import QUEUE_ARN, STREAM_ARN, eventually

SCOPE = Scope()
TABLE_ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/1"
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:work"
KAFKA = {
    "SelfManagedEventSource": {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": ["kafka:1000"]}},
    "SourceAccessConfigurations": [{"Type": "BASIC_AUTH", "URI": "arn:secret"}],
    "Topics": ["topic"],
}
STREAM = {"EventSourceArn": STREAM_ARN, "StartingPosition": "LATEST"}


class Empty(Emulator):
    """Queues and streams that exist, and hold nothing."""

    def __init__(self) -> None:
        self.missing = False
        self.invisible = "30"

    async def json(self, scope: Scope, service: str, target: str, body: Any, version: str = "1.1") -> dict[str, Any]:
        if self.missing:
            code = "QueueDoesNotExist" if service == "sqs" else "ResourceNotFoundException"
            raise AwsError(400, code, "It is not there")
        operation = target.rpartition(".")[2]
        answers: dict[str, dict[str, Any]] = {
            "GetQueueUrl": {"QueueUrl": "http://queue"},
            "GetQueueAttributes": {"Attributes": {"VisibilityTimeout": self.invisible}},
            "DescribeStream": {"StreamDescription": {"Shards": []}},
        }
        return answers.get(operation, {})


class Described:
    """Functions that exist by name."""

    traces = Traces(0)

    async def configuration(self, ref: FunctionRef) -> Any:
        if ref.name != "work":
            raise AwsError(404, "ResourceNotFoundException", "Function not found")
        return SimpleNamespace(role="arn:role", timeout=30.0)


class Api:
    def __init__(self, store: Store) -> None:
        self.store = store
        self.emulator = Empty()
        functions = cast(Functions, Described())
        self.mappings = EventSourceMappings(store, self.emulator, functions)
        operations = MappingOperations(self.mappings, functions, self.emulator)
        self._table = {**operations.table(), **operations.tag_table()}

    async def call(self, operation: str, **params: Any) -> dict[str, Any]:
        call = Call(Request("POST", "/"), "lambda", SCOPE)
        answer = await self._table[operation](call, params)
        return dict(answer or {})

    async def create(self, **params: Any) -> dict[str, Any]:
        return await self.call("CreateEventSourceMapping", **{"FunctionName": "work", **params})

    async def refusal(self, **params: Any) -> str:
        with pytest.raises(AwsError) as refused:
            await self.create(**params)
        return f"{refused.value.code}: {refused.value.message}"

    def state(self, uuid: str) -> str | None:
        document = self.mappings.document(SCOPE, uuid)
        return None if document is None else document["description"]["State"]

    async def settled(self, uuid: str, state: str = "Enabled") -> None:
        await eventually(lambda: self.state(uuid) == state, f"the state {state}")


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    store = Store(tmp_path / "edge.sqlite")
    api = Api(store)
    yield api
    await api.mappings.close()
    await store.close()


async def test_a_queues_mapping(api: Api) -> None:
    made = await api.create(EventSourceArn=QUEUE_ARN)
    uuid = made["UUID"]
    assert isinstance(made.pop("LastModified"), float)
    assert made == {
        "BatchSize": 10,
        "EventSourceArn": QUEUE_ARN,
        "EventSourceMappingArn": f"arn:aws:lambda:us-east-1:000000000000:event-source-mapping:{uuid}",
        "FunctionArn": FUNCTION,
        "FunctionResponseTypes": [],
        "MaximumBatchingWindowInSeconds": 0,
        "State": "Creating",
        "StateTransitionReason": "USER_INITIATED",
        "UUID": uuid,
    }


async def test_a_streams_mapping(api: Api) -> None:
    made = await api.create(**STREAM, FilterCriteria={"Filters": []})
    assert {name: made[name] for name in made if name not in ("UUID", "EventSourceMappingArn", "LastModified")} == {
        "BatchSize": 100,
        "BisectBatchOnFunctionError": False,
        "DestinationConfig": {"OnFailure": {}},
        "EventSourceArn": STREAM_ARN,
        "FunctionArn": FUNCTION,
        "FunctionResponseTypes": [],
        "LastProcessingResult": "No records processed",
        "MaximumBatchingWindowInSeconds": 0,
        "MaximumRecordAgeInSeconds": -1,
        "MaximumRetryAttempts": -1,
        "ParallelizationFactor": 1,
        "StartingPosition": "LATEST",
        "State": "Creating",
        "StateTransitionReason": "User action",
        "TumblingWindowInSeconds": 0,
    }


async def test_a_kafka_of_ones_own(api: Api) -> None:
    made = await api.create(**KAFKA)
    uuid = made["UUID"]
    assert {name: made[name] for name in made if name not in ("UUID", "LastModified")} == {
        "BatchSize": 100,
        "FunctionArn": FUNCTION,
        "LastProcessingResult": "No records processed",
        "SelfManagedKafkaEventSourceConfig": {"ConsumerGroupId": uuid},
        "StartingPosition": "TRIM_HORIZON",
        "State": "Creating",
        "StateTransitionReason": "USER_INITIATED",
        **KAFKA,
    }
    servers = {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": ["kafka:1000", "kafka:2000"]}}
    assert await api.refusal(**{**KAFKA, "SelfManagedEventSource": servers}) == (
        f'ResourceConflictException: An event source mapping with event source ("kafka:1000,kafka:2000"), function '
        f'("{FUNCTION}"), topics ("topic") already exists. '
        f"Please update or delete the existing mapping with UUID {uuid}"
    )


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "Unrecognized event source."),
        ({"EventSourceArn": QUEUE_ARN, "FunctionName": "missing"}, "Function does not exist"),
        (
            {"SelfManagedEventSource": KAFKA["SelfManagedEventSource"]},
            "Required 'sourceAccessConfigurations' parameter is missing.",
        ),
        (
            {"EventSourceArn": QUEUE_ARN, "StartingPosition": "LATEST"},
            "StartingPosition is not valid for SQS event sources.",
        ),
        (
            {"EventSourceArn": QUEUE_ARN, "MaximumRetryAttempts": 2},
            "Unsupported MaximumRetryAttempts parameter for given event source mapping type.",
        ),
        (
            {**STREAM, "ScalingConfig": {"MaximumConcurrency": 2}},
            "Unsupported ScalingConfig parameter for given event source mapping type.",
        ),
        (
            {"EventSourceArn": f"{QUEUE_ARN}.fifo", "MaximumBatchingWindowInSeconds": 1},
            "Batching window is not supported for FIFO queues",
        ),
        ({"EventSourceArn": f"{QUEUE_ARN}.fifo", "BatchSize": 11}, "Batch size must not exceed 10 for FIFO queues"),
        (
            {**STREAM, "MaximumRecordAgeInSeconds": 59},
            "MaximumRecordAgeInSeconds must be -1, or from 60 to 604800.",
        ),
        (
            {**STREAM, "DestinationConfig": {"OnFailure": {"Destination": FUNCTION}}},
            f"The destination ARN {FUNCTION} is invalid.",
        ),
        ({**STREAM, "FilterCriteria": {"Filters": [{}]}}, "Invalid filter pattern definition."),
        (
            {**STREAM, "StartingPosition": "AT_TIMESTAMP"},
            "StartingPositionTimestamp must be given with the starting position AT_TIMESTAMP.",
        ),
        (
            {**STREAM, "StartingPositionTimestamp": 1741010802},
            "Timestamp only valid with StartingPosition AT_TIMESTAMP",
        ),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
async def test_what_is_refused(api: Api, params: dict[str, Any], message: str) -> None:
    assert await api.refusal(**params) == f"InvalidParameterValueException: {message}"
    assert api.mappings.documents(SCOPE) == []


async def test_sources_that_are_not_there(api: Api) -> None:
    api.emulator.missing = True
    assert "AWS.SimpleQueueService.NonExistentQueue" in await api.refusal(EventSourceArn=QUEUE_ARN)
    for arn in (STREAM_ARN, TABLE_ARN):
        refused = await api.refusal(EventSourceArn=arn, StartingPosition="LATEST")
        assert refused == f"InvalidParameterValueException: Stream not found: {arn}"


async def test_a_queue_that_does_not_wait_for_the_function(api: Api) -> None:
    api.emulator.invisible = "29"
    refused = await api.refusal(EventSourceArn=QUEUE_ARN)
    assert refused.endswith("Queue visibility timeout: 29 seconds is less than Function timeout: 30 seconds")


async def test_the_function_is_told_as_it_was_named(api: Api) -> None:
    made = await api.create(EventSourceArn=QUEUE_ARN, FunctionName="000000000000:function:work:$LATEST")
    assert made["FunctionArn"] == f"{FUNCTION}:$LATEST"
    assert "already exists" in await api.refusal(EventSourceArn=QUEUE_ARN)
    other = await api.create(EventSourceArn=QUEUE_ARN, FunctionName="work:1")
    listed = await api.call("ListEventSourceMappings", FunctionName="work")
    assert {mapping["UUID"] for mapping in listed["EventSourceMappings"]} == {made["UUID"], other["UUID"]}
    [only] = (await api.call("ListEventSourceMappings", FunctionName="work:1"))["EventSourceMappings"]
    assert only["UUID"] == other["UUID"]


async def test_an_update_keeps_what_it_does_not_name(api: Api) -> None:
    made = await api.create(**STREAM, MaximumRetryAttempts=3, KMSKeyArn="arn:aws:kms:us-east-1:0:key/k")
    uuid = made["UUID"]
    await api.settled(uuid)
    updated = await api.call("UpdateEventSourceMapping", UUID=uuid, BatchSize=7, KMSKeyArn="")
    assert (updated["State"], updated["BatchSize"], updated["MaximumRetryAttempts"]) == ("Updating", 7, 3)
    assert "KMSKeyArn" in made
    assert "KMSKeyArn" not in updated
    await api.settled(uuid)
    disabled = await api.call("UpdateEventSourceMapping", UUID=uuid, Enabled=False)
    assert disabled["State"] == "Disabling"
    await api.settled(uuid, "Disabled")


async def test_a_deleted_mapping_leaves_nothing(api: Api) -> None:
    uuid = (await api.create(**STREAM))["UUID"]
    await api.settled(uuid)
    assert (await api.call("DeleteEventSourceMapping", UUID=uuid))["State"] == "Deleting"
    await eventually(lambda: api.mappings.document(SCOPE, uuid) is None, "the mapping gone")
    kinds = ("event-source-mapping", "event-source-mapping-checkpoint", "event-source-mapping-result")
    assert [entry for kind in kinds for entry in api.store.everywhere("lambda", kind)] == []


async def test_the_next_edge_goes_on(api: Api) -> None:
    """What was on its way when the edge ended arrives; what was to be deleted goes."""
    enabled = (await api.create(EventSourceArn=QUEUE_ARN))["UUID"]
    disabled = (await api.create(**STREAM, Enabled=False))["UUID"]
    gone = (await api.create(EventSourceArn=TABLE_ARN, StartingPosition="LATEST"))["UUID"]
    await api.settled(gone)
    await api.mappings.close()
    for uuid, state in ((enabled, "Updating"), (disabled, "Disabling"), (gone, "Deleting")):
        document = api.mappings.document(SCOPE, uuid)
        assert document is not None
        document["description"]["State"] = state
        await api.mappings.put(SCOPE, document)
    again = Api(api.store)
    await again.mappings.start()
    await again.settled(enabled)
    await again.settled(disabled, "Disabled")
    assert again.mappings.document(SCOPE, gone) is None
    await again.mappings.close()


async def test_with_the_emulators_state_all_of_it_goes(api: Api) -> None:
    uuid = (await api.create(**STREAM))["UUID"]
    await api.settled(uuid)
    await api.mappings.reset()
    assert api.mappings.documents(SCOPE) == []


async def test_writes_at_the_same_time_lose_nothing(api: Api) -> None:
    """The state that a new mapping comes to, and tags: each is read, changed and written."""
    made = await asyncio.gather(*(api.create(EventSourceArn=f"{QUEUE_ARN}{number}") for number in range(20)))
    tagging = (api.call("TagResource", Resource=mapping["EventSourceMappingArn"], Tags={"a": "1"}) for mapping in made)
    await asyncio.gather(*tagging)
    for mapping in made:
        await api.settled(mapping["UUID"])
        assert await api.call("ListTags", Resource=mapping["EventSourceMappingArn"]) == {"Tags": {"a": "1"}}


async def test_of_two_that_are_the_same_one_is_made(api: Api) -> None:
    made = await asyncio.gather(*(api.create(EventSourceArn=QUEUE_ARN) for _ in range(2)), return_exceptions=True)
    assert [getattr(answer, "code", "") for answer in made] == ["", "ResourceConflictException"]


async def test_tags_lie_with_the_mapping(api: Api) -> None:
    arn = (await api.create(EventSourceArn=QUEUE_ARN, Tags={"a": "1"}))["EventSourceMappingArn"]
    await api.call("TagResource", Resource=arn, Tags={"b": "2"})
    await api.call("UntagResource", Resource=arn, TagKeys=["a"])
    assert await api.call("ListTags", Resource=arn) == {"Tags": {"b": "2"}}
    with pytest.raises(AwsError, match="Event source mapping not found"):
        await api.call("ListTags", Resource=f"{arn[:-1]}-")
