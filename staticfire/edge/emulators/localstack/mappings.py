"""Lambda in front of LocalStack: code that lies in its S3, and event source mappings that read its queues.

MiniStack describes the functions and the mappings, but sees nothing of LocalStack. Code that is named by bucket and
key is therefore read here and given to MiniStack as a zip; and each enabled mapping has a reader here, which invokes
the function, waits, and deletes what it was done with. Streams are refused: nothing would read them.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from staticfire.edge.aws.calls import AwsError, Call, Scope
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.http1.messages import Headers, Request, Response
from staticfire.edge.services.lambda_.api import LambdaApi
from staticfire.edge.services.lambda_.model import FunctionRef
from staticfire.edge.services.lambda_.service import Functions

from .queue import RECEIVE_AT_ONCE, Message, Queue, Reader

log = logging.getLogger(__name__)

MAPPINGS = re.compile(r"/2015-03-31/event-source-mappings(/[^/]+)?/?")
CODE = re.compile(
    r"/2015-03-31/functions/?|/2015-03-31/functions/[^/]+/code|/2018-10-31/layers/[^/]+/versions",
)
AT_ONCE = 5


class Mappings:
    """The `lambda` service: what is not said above, LambdaApi answers."""

    def __init__(self, emulator: Emulator, functions: Functions) -> None:
        self._emulator = emulator
        self._functions = functions
        self._api = LambdaApi(functions)
        self._readers: dict[tuple[Scope, str], tuple[str, Reader]] = {}
        self._changing = asyncio.Lock()

    async def answer(self, call: Call) -> Response | None:
        request = call.request
        if request.method == "POST" and MAPPINGS.fullmatch(request.path):
            self._check(json.loads(await call.body()))
        elif request.method in ("POST", "PUT") and CODE.fullmatch(request.path):
            await self._fetch_code(call)
        return await self._api.answer(call)

    async def passed(self, call: Call, status: int) -> None:
        if MAPPINGS.fullmatch(call.request.path) and call.request.method != "GET":
            await self._follow(call.scope)
        await self._api.passed(call, status)

    async def clear(self) -> None:
        readers, self._readers = self._readers, {}
        for _, reader in readers.values():
            await reader.stop()

    def _check(self, mapping: Mapping[str, Any]) -> None:
        source = str(mapping.get("EventSourceArn", ""))
        if source.split(":")[2:3] != ["sqs"]:
            raise AwsError(
                400,
                "InvalidParameterValueException",
                f"On LocalStack an event source mapping can read an SQS queue, and {source!r} is not one: "
                "nothing would read it. The embedded target reads streams too.",
            )
        if mapping.get("FilterCriteria"):
            raise AwsError(
                400,
                "InvalidParameterValueException",
                "FilterCriteria are not available on LocalStack: every message would reach the function. "
                "The embedded target has them.",
            )

    async def _fetch_code(self, call: Call) -> None:
        """Replace a bucket and a key by the zip that lies there."""
        document = json.loads(await call.body())
        code = document.get("Code") or document.get("Content") or document
        if not code.get("S3Bucket") or not code.get("S3Key"):
            return
        version = code.pop("S3ObjectVersion", None)
        target = f"/{quote(code.pop('S3Bucket'))}/{quote(code.pop('S3Key'))}"
        query = f"?versionId={quote(version)}" if version else ""
        answer = await self._emulator.raw(call.scope, "s3", "GET", target + query)
        data = await self._emulator.whole(answer)
        if answer.status != 200:
            raise AwsError(
                400,
                "InvalidParameterValueException",
                f"Error occurred while GetObject. The code {target} was answered with status {answer.status}.",
            )
        code["ZipFile"] = base64.b64encode(data).decode()
        old = call.request
        headers = Headers([header for header in old.headers.items() if header[0] != "content-length"])
        call.request = Request(old.method, old.path, old.query, headers, json.dumps(document).encode(), peer=old.peer)

    async def _follow(self, scope: Scope) -> None:
        """Read what the enabled mappings say, and nothing else."""
        async with self._changing:
            listed = await self._emulator.rest(scope, "lambda", "GET", "/2015-03-31/event-source-mappings")
            enabled = {
                (scope, mapping["UUID"]): mapping
                for mapping in listed.get("EventSourceMappings", ())
                if mapping.get("State") in ("Enabled", "Enabling", "Creating", "Updating")
            }
            said = {key: json.dumps(mapping, sort_keys=True, default=str) for key, mapping in enabled.items()}
            for key in [key for key in self._readers if key[0] == scope]:
                if said.get(key) != self._readers[key][0]:
                    await self._readers.pop(key)[1].stop()
            for key in enabled.keys() - self._readers.keys():
                self._readers[key] = said[key], await self._reader(scope, enabled[key])

    async def _reader(self, scope: Scope, mapping: Mapping[str, Any]) -> Reader:
        arn = str(mapping["EventSourceArn"])
        queue = await Queue.named(self._emulator, scope, arn.rpartition(":")[2])
        batches = QueueBatches(queue, self._functions, mapping)
        return Reader(batches.collect, batches.take)


class QueueBatches:
    """How one mapping reads its queue: batches of its size, a few of them under way at once."""

    def __init__(self, queue: Queue, functions: Functions, mapping: Mapping[str, Any]) -> None:
        self._queue = queue
        self._functions = functions
        self._arn = str(mapping["EventSourceArn"])
        self._function = FunctionRef.parse(mapping["FunctionArn"], queue.scope)
        self._size = int(mapping.get("BatchSize") or RECEIVE_AT_ONCE)
        self._window = int(mapping.get("MaximumBatchingWindowInSeconds") or 0)
        self._reports_failures = "ReportBatchItemFailures" in (mapping.get("FunctionResponseTypes") or ())
        most = (mapping.get("ScalingConfig") or {}).get("MaximumConcurrency") or AT_ONCE
        # A FIFO queue's messages keep their order: one batch at a time.
        self._free = asyncio.Semaphore(1 if self._arn.endswith(".fifo") else int(most))
        self.under_way: set[asyncio.Task[None]] = set()

    async def collect(self) -> list[Message]:
        """The next batch, once another one may be under way: what is received is not kept waiting."""
        await self._free.acquire()
        messages: list[Message] = []
        try:
            messages = await self._received()
        finally:
            if not messages:
                self._free.release()
        return messages

    async def _received(self) -> list[Message]:
        messages = await self._queue.receive(self._size)
        deadline = asyncio.get_running_loop().time() + self._window
        while messages and len(messages) < self._size:
            left = deadline - asyncio.get_running_loop().time()
            more = await self._queue.receive(self._size - len(messages), max(0, min(int(left), 20)))
            messages += more
            if not more and left <= 0:
                break
        return messages

    async def take(self, messages: list[Message]) -> None:
        task = asyncio.create_task(self._invoke(messages))
        self.under_way.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self.under_way.discard(task)
        self._free.release()

    async def _invoke(self, messages: list[Message]) -> None:
        """What is not deleted becomes visible again in its time, and goes to the dead-letter queue at last."""
        event = {"Records": [self._record(message) for message in messages]}
        try:
            outcome = await self._functions.invoke(self._function, json.dumps(event).encode())
            if outcome.error is not None:
                log.info("%s failed with %d messages of %s", self._function.name, len(messages), self._arn)
                return
            failed = _failed(outcome.payload) if self._reports_failures else frozenset()
            await self._queue.delete([message for message in messages if message["MessageId"] not in failed])
        except AwsError as error:
            log.warning("%s did not take %d messages of %s: %s", self._function.name, len(messages), self._arn, error)

    def _record(self, message: Message) -> dict[str, Any]:
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message.get("Attributes", {}),
            "messageAttributes": {
                name: {f"{key[0].lower()}{key[1:]}": inner for key, inner in value.items()}
                for name, value in message.get("MessageAttributes", {}).items()
            },
            "md5OfBody": message.get("MD5OfBody", ""),
            "eventSource": "aws:sqs",
            "eventSourceARN": self._arn,
            "awsRegion": self._queue.scope.region,
        }


def _failed(payload: bytes) -> frozenset[str]:
    answer = json.loads(payload or b"null")
    failures = answer.get("batchItemFailures") if isinstance(answer, dict) else None
    return frozenset(str(failure.get("itemIdentifier")) for failure in failures or ())
