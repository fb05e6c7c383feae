"""One queue of whichever emulator is behind: receive, delete, give back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.aws.emulator import Emulator

RECEIVE_AT_ONCE = 10
# A receive that nobody waits for any longer still takes messages, until this is over.
WAIT_SECONDS = 2

Message = dict[str, Any]


class Queue:
    """One queue, by its URL."""

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
        answer = await self._call(
            "ReceiveMessage",
            MaxNumberOfMessages=min(count, RECEIVE_AT_ONCE),
            WaitTimeSeconds=wait,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        return list(answer.get("Messages") or ())

    async def delete(self, messages: Sequence[Message]) -> None:
        await self._by_tens("DeleteMessageBatch", messages)

    async def give_back(self, messages: Sequence[Message]) -> None:
        """Make them visible again, for whoever reads next."""
        await self._by_tens("ChangeMessageVisibilityBatch", messages, VisibilityTimeout=0)

    async def visibility_timeout(self) -> float:
        answer = await self._call("GetQueueAttributes", AttributeNames=["VisibilityTimeout"])
        return float(answer["Attributes"]["VisibilityTimeout"])

    async def send(self, body: str) -> None:
        await self._call("SendMessage", MessageBody=body)

    async def _by_tens(self, operation: str, messages: Sequence[Message], **fields: object) -> None:
        for begin in range(0, len(messages), RECEIVE_AT_ONCE):
            entries = [
                {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"], **fields}
                for number, message in enumerate(messages[begin : begin + RECEIVE_AT_ONCE])
            ]
            await self._call(operation, Entries=entries)

    async def _call(self, operation: str, **request: object) -> dict[str, Any]:
        request["QueueUrl"] = self.url
        return await self._emulator.json(self.scope, "sqs", f"AmazonSQS.{operation}", request, "1.0")


def is_gone(error: AwsError) -> bool:
    """Whether a queue does not exist."""
    return error.code.endswith(("QueueDoesNotExist", "NonExistentQueue"))
