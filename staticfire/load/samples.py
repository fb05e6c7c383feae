"""What the running stack says of itself during a load run: environments and cold starts each second, and durations."""

from __future__ import annotations

import json
import re
import statistics
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from staticfire.edge_client import EdgeClient
from staticfire.errors import StaticfireError
from staticfire.stacks.stack import Stack

LOGGED_SECONDS = 10
REPORT = re.compile(r"^REPORT .*?\tDuration: ([\d.]+) ms")


@dataclass(frozen=True)
class Sample:
    """The stack's functions at one second: environments that there are, and counts since the edge started."""

    environments: int
    cold_starts: int
    throttles: int


class Watch:
    """Asks the edge once a second, in a thread of its own, for the length of a block."""

    def __init__(self, stack: Stack) -> None:
        self.samples: dict[int, Sample] = {}
        self.missed = 0
        self._account = stack.account
        self._control = EdgeClient(stack.running.endpoint, timeout=5.0)
        self._before = self._invocations()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def warnings(self) -> list[str]:
        return [f"The edge did not answer {self.missed} times when it was asked for its functions."] * bool(self.missed)

    def invoked(self) -> Mapping[str, int]:
        """The functions that were invoked since, and how often."""
        now = self._invocations()
        counts = {name: count - self._before.get(name, 0) for name, count in now.items()}
        return {name: count for name, count in sorted(counts.items()) if count > 0}

    def _run(self) -> None:
        while not self._ended.wait(1 - time.time() % 1):
            try:
                functions = list(self._functions())
            except StaticfireError:
                self.missed += 1
                continue
            self.samples[int(time.time())] = Sample(
                sum(len(each["environments"]) for each in functions),
                sum(each["cold_starts"] for each in functions),
                sum(each["throttles"] for each in functions),
            )

    def _functions(self) -> Iterator[Mapping[str, Any]]:
        for each in self._control.functions()["functions"]:
            if each["account"] == self._account:
                yield each

    def _invocations(self) -> dict[str, int]:
        return {each["name"]: each["invocations"] for each in self._functions()}


def durations(stack: Stack, invoked: Mapping[str, int], until: float) -> list[dict[str, Any]]:
    """Memory and durations of the functions, as in report.json, from their reports in the last seconds of the run."""
    rows = []
    for name, invocations in invoked.items():
        configuration = stack.client("lambda").get_function_configuration(FunctionName=name)
        group = configuration.get("LoggingConfig", {}).get("LogGroup", f"/aws/lambda/{name}")
        milliseconds = sorted(_reported(stack, group, until))
        if milliseconds:
            spread = statistics.quantiles(milliseconds, n=20) if len(milliseconds) > 1 else milliseconds * 19
            measured = {
                "p50": round(statistics.median(milliseconds), 3),
                "mean": round(statistics.fmean(milliseconds), 3),
                "p95": round(spread[18], 3),
            }
            rows.append(
                {
                    "name": name,
                    "memory_mb": configuration["MemorySize"],
                    "architecture": configuration.get("Architectures", ["x86_64"])[0],
                    "invocations": invocations,
                    "duration_ms": measured,
                }
            )
    return rows


def _reported(stack: Stack, group: str, until: float) -> Iterator[float]:
    """Durations in the platform's lines of a log group, whichever format it has."""
    window = {"startTime": int((until - LOGGED_SECONDS) * 1000), "endTime": int(until * 1000)}
    for page in stack.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group, **window):
        for event in page["events"]:
            duration = _duration(event["message"])
            if duration is not None:
                yield duration


def _duration(message: str) -> float | None:
    if found := REPORT.match(message):
        return float(found[1])
    if '"platform.report"' not in message:
        return None
    try:
        return float(json.loads(message)["record"]["metrics"]["durationMs"])
    except (ValueError, KeyError, TypeError):  # a function's own line that looks like one
        return None
