"""One queue of LocalStack, and whoever reads it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.aws.emulator import Emulator

log = logging.getLogger(__name__)

RECEIVE_AT_ONCE = 10
WAIT_SECONDS = 5
AGAIN_SECONDS = 2.0
GONE = ("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue")

Message = dict[str, Any]


class Queue:
    def __init__(self, emulator: Emulator, scope: Scope, url: str) -> None:
        self.scope = scope
        self.url = url
        self._emulator = emulator

    @classmethod
    async def named(cls, emulator: Emulator, scope: Scope, name: str, *, create: bool = False) -> Queue:
        operation = "CreateQueue" if create else "GetQueueUrl"
        answer = await emulator.json(scope, "sqs", f"AmazonSQS.{operation}", {"QueueName": name}, "1.0")
        return cls(emulator, scope, answer["QueueUrl"])

    async def receive(self, count: int, wait: int = WAIT_SECONDS) -> list[Message]:
        request = {
            "QueueUrl": self.url,
            "MaxNumberOfMessages": min(count, RECEIVE_AT_ONCE),
            "WaitTimeSeconds": wait,
            "MessageSystemAttributeNames": ["All"],
            "MessageAttributeNames": ["All"],
        }
        answer = await self._emulator.json(self.scope, "sqs", "AmazonSQS.ReceiveMessage", request, "1.0")
        return list(answer.get("Messages") or ())

    async def delete(self, messages: Sequence[Message]) -> None:
        for begin in range(0, len(messages), RECEIVE_AT_ONCE):
            entries = [
                {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                for number, message in enumerate(messages[begin : begin + RECEIVE_AT_ONCE])
            ]
            request = {"QueueUrl": self.url, "Entries": entries}
            await self._emulator.json(self.scope, "sqs", "AmazonSQS.DeleteMessageBatch", request, "1.0")


class Reader:
    """Goes on handing batches over until it is stopped, or the queue is gone.

    `take` is waited for before the next batch is received.
    """

    def __init__(
        self, receive: Callable[[], Awaitable[list[Message]]], take: Callable[[list[Message]], Awaitable[None]]
    ):
        self._receive = receive
        self._take = take
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        trouble = ""
        while True:
            try:
                messages = await self._receive()
                if messages:
                    await self._take(messages)
                trouble = ""
            except AwsError as error:
                if error.code.endswith(GONE):
                    log.info("a queue that was read is gone: %s", error.message)
                    return
                if str(error) != trouble:
                    trouble = str(error)
                    log.warning("a queue cannot be read now: %s", trouble)
                await asyncio.sleep(AGAIN_SECONDS)

    @property
    def ended(self) -> bool:
        return self._task.done()

    async def stop(self) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
