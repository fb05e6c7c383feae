"""Inboxes: the queues in which LocalStack leaves what it would invoke a function with.

Each function has one for each kind of source, made when it first becomes a target. An inbox is remembered in a file: an
edge that is started again goes on reading, for Terraform has no reason to name the targets again. What arrives is an
asynchronous invocation, as on AWS; its message is deleted once the edge's own queue of events has it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.services.lambda_.mappings.queues import RECEIVE_AT_ONCE, Message, Queue, is_gone
from staticfire.edge.services.lambda_.model import FunctionRef
from staticfire.edge.services.lambda_.service import Functions
from staticfire.host.files import read_json, write_json

log = logging.getLogger(__name__)

AGAIN_SECONDS = 2.0


@dataclass(frozen=True)
class Inbox:
    kind: str  # sns, events or s3
    function: str
    url: str
    account: str
    region: str
    name: str

    @property
    def scope(self) -> Scope:
        return Scope(self.account, self.region)

    @property
    def arn(self) -> str:
        return f"arn:aws:sqs:{self.region}:{self.account}:{self.name}"


class Inboxes:
    def __init__(self, emulator: Emulator, functions: Functions, record: Path) -> None:
        self._emulator = emulator
        self._functions = functions
        self._record = record
        self._inboxes: dict[str, Inbox] = {}
        self._readers: dict[str, Reader] = {}
        for fields in (read_json(record) or {}).get("inboxes", ()):
            self._open(Inbox(**fields))

    async def of(self, scope: Scope, kind: str, function: str) -> str:
        """The ARN of the queue that stands for the function."""
        name = f"staticfire-{kind}-{hashlib.sha256(function.encode()).hexdigest()[:20]}"
        ref = FunctionRef.parse(function, scope)
        await self._functions.describe(ref)
        queue = await Queue.named(self._emulator, scope, name, create=True)
        inbox = Inbox(kind, function, queue.url, scope.account, scope.region, name)
        if self._inboxes.get(inbox.arn) != inbox or self._readers[inbox.arn].ended:
            self._open(inbox)
            self._remember()
        return inbox.arn

    def function(self, queue: str) -> str | None:
        """The function that a queue's ARN stands for."""
        inbox = self._inboxes.get(queue)
        return inbox.function if inbox else None

    def existing(self, scope: Scope, kind: str, function: str) -> str | None:
        """The queue that stands for the function already."""
        return next(
            (
                arn
                for arn, inbox in self._inboxes.items()
                if (inbox.scope, inbox.kind, inbox.function) == (scope, kind, function)
            ),
            None,
        )

    async def clear(self) -> None:
        await self.close()
        self._inboxes.clear()
        self._remember()

    async def close(self) -> None:
        readers, self._readers = self._readers, {}
        for reader in readers.values():
            await reader.stop()

    def _open(self, inbox: Inbox) -> None:
        queue = Queue(self._emulator, inbox.scope, inbox.url)
        self._inboxes[inbox.arn] = inbox
        self._readers[inbox.arn] = Reader(partial(queue.receive, RECEIVE_AT_ONCE), partial(self._take, inbox, queue))

    def _remember(self) -> None:
        write_json(self._record, {"inboxes": [asdict(inbox) for inbox in self._inboxes.values()]})

    async def _take(self, inbox: Inbox, queue: Queue, messages: list[Message]) -> None:
        ref = FunctionRef.parse(inbox.function, inbox.scope)
        for message in messages:
            try:
                event = EVENTS[inbox.kind](message["Body"])
                if event is not None:
                    await self._functions.enqueue(ref, json.dumps(event).encode())
            except AwsError as error:
                if error.status >= 500:
                    raise
                log.error("%s was to be invoked with an event of %s: %s", inbox.function, inbox.kind, error)
            except (KeyError, ValueError) as error:
                log.error("%s holds what is not an event of %s: %r", inbox.url, inbox.kind, error)
            await queue.delete([message])


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
                if is_gone(error):
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


def _from_sns(body: str) -> Any:
    message = json.loads(body)
    if message.get("Type") != "Notification":
        return None
    subscription = parse_qs(urlsplit(message.get("UnsubscribeURL", "")).query).get("SubscriptionArn", [""])[0]
    sns = {
        "Type": "Notification",
        "MessageId": message["MessageId"],
        "TopicArn": message["TopicArn"],
        "Subject": message.get("Subject"),
        "Message": message["Message"],
        "Timestamp": message["Timestamp"],
        "SignatureVersion": message.get("SignatureVersion", "1"),
        "Signature": message.get("Signature", ""),
        "SigningCertUrl": message.get("SigningCertURL", ""),
        "UnsubscribeUrl": message.get("UnsubscribeURL", ""),
        "MessageAttributes": message.get("MessageAttributes", {}),
    }
    record = {"EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": subscription, "Sns": sns}
    return {"Records": [record]}


def _from_events(body: str) -> Any:
    """The event, or the target's own input; one that is not JSON is a string."""
    try:
        return json.loads(body)
    except ValueError:
        return body


def _from_s3(body: str) -> Any:
    event = json.loads(body)
    return event if "Records" in event else None  # S3 tells a queue, but not a function, that it was chosen


EVENTS: dict[str, Callable[[str], Any]] = {"sns": _from_sns, "events": _from_events, "s3": _from_s3}
