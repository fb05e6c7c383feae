"""Functions' output in CloudWatch Logs: a log stream for each execution environment, named as Lambda names it."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.services.cloudwatch.log_writer import LogStream, LogWriter
from staticfire.host.native_modules import misfits, this_architecture

from .model import FunctionConfig
from .output_parser import Record

IMPORT_ERROR = re.compile(r"ImportModuleError|ModuleNotFoundError|ImportError")
INSTALL_FOR_IT = "Install it for the function: `pip install --only-binary :all: --python-version ... --platform ...`"


def _unfit(places: Sequence[Path], python: str) -> list[str]:
    return [sentence for place in places for sentence in misfits(place, python, this_architecture())]


@dataclass(slots=True, eq=False)
class FunctionLog(LogStream):
    """`packed`: the Python that imports native modules, and where they lie."""

    last: int = 0
    packed: tuple[str, Sequence[Path]] | None = None
    cannot_import: bool = False

    def append(self, records: Sequence[Record]) -> None:
        """They stay in this order: what came later does not look earlier."""
        now = int(time.time() * 1000)
        for when, text in records:
            stamp = now if when is None else when
            if stamp > self.last:
                self.last = stamp
            self.waiting.append((self.last, text))
            if "Error" in text and IMPORT_ERROR.search(text):
                self.cannot_import = True
        self.writer.note(self, len(records))

    async def explain(self) -> None:
        """Name the modules that this Python cannot import, once: the error itself tells of a missing module only."""
        self.cannot_import = False
        if self.packed is not None:
            (python, places), self.packed = self.packed, None
            unfit = await asyncio.to_thread(_unfit, places, python)
            self.append([(None, f"[ERROR] staticfire: {sentence}. {INSTALL_FOR_IT}") for sentence in unfit])


class FunctionLogs(LogWriter):
    def __init__(self, emulator: Emulator) -> None:
        super().__init__(emulator, "lines of function logs")

    async def flush(self) -> bool:
        for stream in list(self._pending):
            if isinstance(stream, FunctionLog) and stream.cannot_import:
                await stream.explain()
        return await super().flush()

    def stream(self, config: FunctionConfig) -> FunctionLog:
        today = datetime.now(UTC).strftime("%Y/%m/%d")
        function = "" if config.logging.group == f"/aws/lambda/{config.name}" else config.name
        name = f"{today}/{function}[{config.version}]{secrets.token_hex(16)}"
        return FunctionLog(self, config.scope, config.logging.group, name, makes_group=True)
