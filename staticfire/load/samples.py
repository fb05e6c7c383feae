"""What the running stack says of itself during a load run: execution environments each second, durations, faults."""

from __future__ import annotations

import json
import re
import statistics
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from staticfire.edge_client import fault_in_words
from staticfire.errors import StaticfireError
from staticfire.stacks.stack import Stack

LOGGED_SECONDS = 10
SILENT = 5
REPORT = re.compile(r"^REPORT .*?\tDuration: ([\d.]+) ms")


@dataclass(frozen=True)
class Sample:
    """The stack at one second: execution environments, counts since the edge started, cores in use by each part.

    None: the edge did not say.
    """

    environments: int | None = None
    cold_starts: int | None = None
    throttles: int | None = None
    cpu: Mapping[str, float] = field(default_factory=dict)


NOT_SAMPLED = Sample()


class Sampler:
    """Asks the edge once a second, in a thread of its own, for the length of a block."""

    def __init__(self, stack: Stack) -> None:
        self.samples: dict[int, Sample] = {}
        self.missed = 0
        self._silent = 0
        self._account = stack.account
        # psutil comes with what load runs need; whoever reads their reports has no use for it.
        from .processors import Processors

        self._edge = stack.running.edge(timeout=5.0)
        self._processors = Processors(stack.layout)
        self._before = self._invocations()
        self._faults: dict[str, str] = {}
        self._see_faults()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def warnings(self) -> list[str]:
        return [f"The edge did not answer {self.missed} times when asked for its functions."] * bool(self.missed)

    @property
    def edge_is_gone(self) -> bool:
        """Whether the edge has not answered several times in a row, the last time included."""
        return self._silent >= SILENT

    @property
    def faults(self) -> tuple[str, ...]:
        """The faults that were set at some time of the block and can strike the stack, in words."""
        return tuple(self._faults.values())

    def invoked(self) -> Mapping[str, int]:
        """The functions that were invoked since, and how often."""
        now = self._invocations()
        counts = {name: count - self._before.get(name, 0) for name, count in now.items()}
        return {name: count for name, count in sorted(counts.items()) if count > 0}

    def _run(self) -> None:
        while not self._ended.wait(1 - time.time() % 1):
            cpu = self._processors.cores()
            self.samples[int(time.time())] = Sample(cpu=cpu)
            try:
                functions = list(self._functions())
                self._see_faults()
            except StaticfireError:
                self.missed += 1
                self._silent += 1
                continue
            self._silent = 0
            self.samples[int(time.time())] = Sample(
                sum(len(function["environments"]) for function in functions),
                sum(function["cold_starts"] for function in functions),
                sum(function["throttles"] for function in functions),
                cpu,
            )

    def _see_faults(self) -> None:
        for fault in self._edge.faults()["faults"]:
            if fault["account"] in (None, self._account):
                self._faults[fault["id"]] = fault_in_words(fault)

    def _functions(self) -> Iterator[Mapping[str, Any]]:
        for function in self._edge.functions()["functions"]:
            if function["account"] == self._account:
                yield function

    def _invocations(self) -> dict[str, int]:
        return {function["name"]: function["invocations"] for function in self._functions()}


@dataclass(frozen=True)
class Durations:
    """Of invocations, in milliseconds."""

    p50: float
    mean: float
    p95: float


@dataclass(frozen=True)
class InvokedFunction:
    """A function that the run invoked, and how long it took in the run's last seconds."""

    name: str
    memory_mb: int
    architecture: str
    invocations: int
    duration_ms: Durations


def invoked_functions(stack: Stack, invoked: Mapping[str, int], until: float) -> tuple[InvokedFunction, ...]:
    """Those of `invoked` that logged durations in the seconds before `until`."""
    functions = []
    for name, invocations in invoked.items():
        configuration = stack.client("lambda").get_function_configuration(FunctionName=name)
        group = configuration.get("LoggingConfig", {}).get("LogGroup", f"/aws/lambda/{name}")
        milliseconds = sorted(_reported(stack, group, until))
        if milliseconds:
            spread = statistics.quantiles(milliseconds, n=20) if len(milliseconds) > 1 else milliseconds * 19
            durations = Durations(statistics.median(milliseconds), statistics.fmean(milliseconds), spread[18])
            architecture = configuration.get("Architectures", ["x86_64"])[0]
            functions.append(InvokedFunction(name, configuration["MemorySize"], architecture, invocations, durations))
    return tuple(functions)


def _reported(stack: Stack, group: str, until: float) -> Iterator[float]:
    """Durations in the platform's lines of a log group, whichever format it has."""
    window = {"startTime": int((until - LOGGED_SECONDS) * 1000), "endTime": int(until * 1000)}
    for page in stack.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group, **window):
        for event in page["events"]:
            duration = _duration(event["message"])
            if duration is not None:
                yield duration


def _duration(message: str) -> float | None:
    if line := REPORT.match(message):
        return float(line[1])
    if '"platform.report"' not in message:
        return None
    try:
        return float(json.loads(message)["record"]["metrics"]["durationMs"])
    except (ValueError, KeyError, TypeError):  # a function's own line that looks like one
        return None
