"""Events that a rule or a schedule cannot deliver: why, the retries of a schedule, and the dead-letter queue.

MiniStack keeps RetryPolicy and DeadLetterConfig, and drops such an event. Here a failure is one that stays: a target
that is not there, or that refuses what it gets. EventBridge sends such an event to the queue at once; the Scheduler
tries it again first, as often and as long as the target's policy says.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html
"""

from __future__ import annotations

import heapq
import itertools
import json
import sys
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

# AWS's own, where a target says nothing: a day, and so many retries.
LONGEST_AGE = 86_400
MOST_RETRIES = 185
# Between two attempts of a schedule, at the most; and how many deliveries wait for their next attempt.
LONGEST_PAUSE = 60.0
MOST_WAITING = 1000


class Failure(NamedTuple):
    """Why a target got nothing: as EventBridge names it, as the target's own service does, and in words."""

    code: str
    error: str
    message: str


def unreachable(arn: Any) -> Failure | None:
    """Why a target cannot be reached; None when it is there."""
    from ministack.services import eventbridge, kinesis, sns, sqs, stepfunctions

    if arn is None:
        return Failure("INVALID_PARAMETER", "ValidationException", "The target's ARN is not valid")
    if arn.service in ("lambda", "sqs", "sns") and not eventbridge._target_matches_request_scope(arn):
        return Failure("NO_RESOURCE", "ResourceNotFoundException", f"{arn} is of another account or region")
    if arn.service == "sqs" and sqs._queue_by_arn(str(arn)) is None:
        missing = "The specified queue does not exist for this wsdl version."
        return Failure("NO_RESOURCE", "AWS.SimpleQueueService.NonExistentQueue", missing)
    if arn.service == "sns" and sns._topic_by_arn_any_scope(str(arn)) is None:
        return Failure("NO_RESOURCE", "NotFoundException", "Topic does not exist")
    if arn.service == "states" and stepfunctions._resolve_state_machine_arn(str(arn)) is None:
        return Failure("NO_RESOURCE", "StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")
    if arn.service == "kinesis" and arn.resource.removeprefix("stream/") not in kinesis._streams:
        return Failure("NO_RESOURCE", "ResourceNotFoundException", f"Stream {arn.resource[7:]} not found.")
    if arn.service == "events" and arn.resource.startswith("event-bus/"):
        name = arn.resource.partition("/")[2]
        if name != "default" and name not in eventbridge._event_buses:
            return Failure("NO_RESOURCE", "ResourceNotFoundException", f"Event bus {name} does not exist.")
    return None


def not_invoked(arn: Any, code: str) -> Failure:
    """A function that is not there, or cannot get what is no JSON."""
    if code == "NO_RESOURCE":
        return Failure(code, "ResourceNotFoundException", f"Function not found: {arn}")
    return Failure(code, "InvalidRequestContentException", "Could not parse request body into json")


def refused(why: str) -> Failure:
    """A target that did not take what it got."""
    missing = "there is no" in why or "ResourceNotFound" in why
    return Failure("NO_RESOURCE" if missing else "ERROR_FROM_TARGET", "ValidationException", why)


def of_a_rule(failure: Failure, rule: Any, target: dict[str, Any], event: Any) -> None:
    """The event goes to the target's queue as it matched the rule."""
    attributes = {
        "RULE_ARN": rule.get("Arn") or str(rule.get("Name")),
        "TARGET_ARN": target.get("Arn", ""),
        "ERROR_CODE": failure.code,
        "ERROR_MESSAGE": failure.message,
        "RETRY_ATTEMPTS": "0",
    }
    _to_queue(target, json.dumps(event), attributes, rule.get("Arn") or str(rule.get("Name")))


Attempt = Callable[[int], tuple[Failure | None, str]]


class _Waiting(NamedTuple):
    due: float
    number: int
    retry: Callable[[], None]


class Retries:
    """Deliveries of schedules that wait for their next attempt: one thread. They are gone when MiniStack ends."""

    def __init__(self) -> None:
        self._waiting: list[_Waiting] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def deliver(self, schedule: Any, target: dict[str, Any], attempt: Attempt) -> None:
        """`attempt(1)` is the first one; it tells why it failed, and what the target was to get."""
        self._attempt(schedule, target, attempt, 1, time.time(), str(uuid.uuid4()))

    def _attempt(
        self, schedule: Any, target: dict[str, Any], attempt: Attempt, number: int, since: float, execution: str
    ) -> None:
        failure, payload = attempt(number)
        if failure is None:
            return
        policy = target.get("RetryPolicy") or {}
        pause = min(2.0 ** min(number - 1, 10), LONGEST_PAUSE)
        condition = ""
        if number > policy.get("MaximumRetryAttempts", MOST_RETRIES):
            condition = "MaximumRetryAttempts"
        elif time.time() + pause - since > policy.get("MaximumEventAgeInSeconds", LONGEST_AGE):
            condition = "MaximumEventAgeInSeconds"
        again = (schedule, target, attempt, number + 1, since, execution)
        if not condition and self._later(pause, lambda: self._attempt(*again)):
            return
        attributes = {
            "ERROR_CODE": failure.error,
            "ERROR_MESSAGE": failure.message,
            "EXECUTION_ID": execution,
            "EXHAUSTED_RETRY_CONDITION": condition or "MaximumRetryAttempts",
            "IS_PAYLOAD_TRUNCATED": "false",
            "RETRY_ATTEMPTS": str(number - 1),
            "SCHEDULED_TIME": datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "SCHEDULE_ARN": schedule.get("Arn", ""),
            "TARGET_ARN": target.get("Arn", ""),
        }
        _to_queue(target, payload, attributes, schedule.get("Arn", ""))

    def _later(self, pause: float, retry: Callable[[], None]) -> bool:
        """Whether there is room for one more. It is tried in the account and the region of now."""
        with self._changed:
            if len(self._waiting) >= MOST_WAITING:
                return False
            entry = _Waiting(time.monotonic() + pause, next(self._numbers), _within_scope(retry))
            heapq.heappush(self._waiting, entry)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True, name="undelivered")
                self._thread.start()
            self._changed.notify()
        return True

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting or self._waiting[0].due > time.monotonic():
                    self._changed.wait(self._waiting[0].due - time.monotonic() if self._waiting else None)
                retry = heapq.heappop(self._waiting).retry
            try:
                retry()
            except Exception as error:  # noqa: BLE001 - one delivery does not end those of the others
                print(f"an event of a schedule is lost: {error!r}", file=sys.stderr)


def _within_scope(retry: Callable[[], None]) -> Callable[[], None]:
    from ministack.core.responses import (
        get_account_id,
        get_region,
        set_request_account_id,
        set_request_region,
    )

    account, region = get_account_id(), get_region()

    def run() -> None:
        set_request_account_id(account)
        set_request_region(region)
        retry()

    return run


def _to_queue(target: dict[str, Any], body: str, attributes: dict[str, str], whose: str) -> None:
    """Into the target's dead-letter queue; where there is none, the event is lost, as on AWS, and that is said."""
    from ministack.services import sqs

    why = f"{attributes['ERROR_CODE']}: {attributes['ERROR_MESSAGE']}"
    arn = (target.get("DeadLetterConfig") or {}).get("Arn")
    if not arn:
        print(f"an event of {whose} is lost: {why}", file=sys.stderr)
        return
    queue = sqs._queue_by_arn(arn)
    if queue is None or queue.get("is_fifo"):
        print(f"an event of {whose} is lost ({why}): there is no standard queue {arn} for it", file=sys.stderr)
        return
    typed = {name: {"DataType": "String", "StringValue": value or "-"} for name, value in attributes.items()}
    try:
        sqs._act_send_message({"MessageBody": body or "{}", "MessageAttributes": typed}, queue["url"])
    except sqs._Err as error:
        print(f"an event of {whose} is lost ({why}): {arn} does not take it: {error}", file=sys.stderr)
