"""Functions' output in CloudWatch Logs: a log stream for each execution environment, named as Lambda names it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.services.cloudwatch.log_writer import LogStream, LogWriter

from .model import FunctionConfig
from .output_parser import Record


@dataclass(slots=True, eq=False)
class FunctionLog(LogStream):
    last: int = 0

    def append(self, records: Sequence[Record]) -> None:
        """They stay in this order: what came later does not look earlier."""
        now = int(time.time() * 1000)
        for when, text in records:
            stamp = now if when is None else when
            if stamp > self.last:
                self.last = stamp
            self.waiting.append((self.last, text))
        self.writer.note(self, len(records))


class FunctionLogs(LogWriter):
    def __init__(self, emulator: Emulator) -> None:
        super().__init__(emulator, "lines of function logs")

    def stream(self, config: FunctionConfig) -> FunctionLog:
        today = datetime.now(UTC).strftime("%Y/%m/%d")
        function = "" if config.logging.group == f"/aws/lambda/{config.name}" else config.name
        name = f"{today}/{function}[{config.version}]{secrets.token_hex(16)}"
        return FunctionLog(self, config.scope, config.logging.group, name, makes_group=True)
