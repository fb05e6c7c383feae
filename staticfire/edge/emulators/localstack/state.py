"""LocalStack's state: somebody else runs it, so that a parameter in it has to tell whether it is still the same."""

from __future__ import annotations

import logging
import secrets
from typing import Any

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.emulators.state import answers

log = logging.getLogger(__name__)

MARKER = "/staticfire/instance"


class LocalStackState:
    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    async def health(self) -> dict[str, Any]:
        emulator = self._emulator
        well = await answers(emulator, "/")
        health = {"state": "running" if well else "silent", "name": emulator.name, "url": emulator.base_url}
        return health if well else {**health, "why": f"it does not answer at {emulator.base_url}"}

    async def instance(self) -> str:
        """A parameter that only this life of the state holds: it is lost with the rest."""
        try:
            return await self._marker()
        except AwsError as error:
            log.warning("%s cannot tell which life of its state this is: %s", self._emulator.name, error)
            return ""

    async def _marker(self) -> str:
        try:
            answer = await self._emulator.json(Scope(), "ssm", "AmazonSSM.GetParameter", {"Name": MARKER})
        except AwsError as error:
            if error.code != "ParameterNotFound":
                raise
            value = secrets.token_hex(8)
            marker = {"Name": MARKER, "Value": value, "Type": "String", "Overwrite": True}
            await self._emulator.json(Scope(), "ssm", "AmazonSSM.PutParameter", marker)
            return value
        return str(answer["Parameter"]["Value"])
