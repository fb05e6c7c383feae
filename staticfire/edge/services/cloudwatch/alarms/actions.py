"""What follows an alarm's change: it is published, once, to the SNS topics that the alarm names for the new state.

MiniStack sets the state, so it knows every change that there is, by whomever, and hands each over once.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.aws.emulator import Emulator

from . import wording
from .wording import Transition

log = logging.getLogger(__name__)


class Actions:
    """`as_put` completes what MiniStack keeps of an alarm."""

    def __init__(self, emulator: Emulator, as_put: Callable[[Scope, Mapping[str, Any]], Mapping[str, Any]]) -> None:
        self._emulator = emulator
        self._as_put = as_put

    async def transition(self, report: Mapping[str, Any]) -> None:
        """A change, as ministack_main.py reports it."""
        scope = Scope(report["account"], report["region"])
        alarm, state = self._as_put(scope, report["alarm"]), report["state"]
        log.info("alarm %s went from %s to %s: %s", alarm["AlarmName"], report["before"], state, report["reason"])
        if not alarm.get("ActionsEnabled", True):
            return
        document = Transition(scope, alarm, report["before"], state, report["reason"], datetime.now(UTC)).document()
        for action in alarm.get(wording.NAMED_FOR[state]) or ():
            if action.split(":")[2:3] == ["sns"]:
                await self._publish(scope, action, document)
            else:
                log.warning("alarm %s names %s, which hears nothing: only SNS topics do", alarm["AlarmName"], action)

    async def _publish(self, scope: Scope, topic: str, document: Mapping[str, Any]) -> None:
        message = json.dumps(document)
        published = {
            "TopicArn": topic,
            "Subject": wording.subject(document),
            "MessageStructure": "json",
            "Message": json.dumps({"default": message, "email": wording.text(document)}),
        }
        try:
            await self._emulator.query(scope, "sns", "Publish", published)
        except AwsError as error:
            log.warning("alarm %s cannot be published to %s: %s", document["AlarmName"], topic, error)
