"""Queues and topics that a function's events go to in the end: whether they are there."""

from __future__ import annotations

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.services.lambda_.mappings import queues

_NO_TOPIC = ("NotFound", "NotFoundException", "ResourceNotFoundException")


class Targets:
    """Asks the emulator, which has them."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    async def missing(self, scope: Scope, arn: str) -> bool:
        """Whether it is a queue or a topic of this account and region, and is not there.

        Another account's may be on AWS alone.
        """
        parts = arn.split(":", 5)
        if len(parts) < 6 or Scope(parts[4], parts[3]) != scope:
            return False
        try:
            if parts[2] == "sqs":
                await queues.Queue.named(self._emulator, scope, parts[5])
            elif parts[2] == "sns":
                await self._emulator.query(scope, "sns", "GetTopicAttributes", {"TopicArn": arn})
        except AwsError as error:
            if queues.is_gone(error) or error.code in _NO_TOPIC:
                return True
            raise
        return False
