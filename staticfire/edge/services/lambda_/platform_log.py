"""The lines that Lambda itself writes into a function's log: as text each ends with a line feed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from staticfire.host.clock import rfc3339

from .model import FunctionConfig
from .output_parser import Record


class PlatformLog:
    """Text, or JSON where the function's LoggingConfig says so."""

    def __init__(self, config: FunctionConfig, runtime: str) -> None:
        self._config = config
        self._json = config.logging.json
        self._info = config.logging.system_level in ("DEBUG", "INFO")
        self._runtime = runtime

    def init_start(self) -> list[Record]:
        if not self._json and self._config.package_type == "Image":
            return []  # no runtime of Lambda's begins
        if not self._json:
            arn = self._config.runtime_version_arn
            return [(None, f"INIT_START Runtime Version: {self._runtime}\tRuntime Version ARN: {arn}\n")]
        return self._event("initStart", self.described("init")) if self._info else []

    def described(self, phase: str) -> dict[str, Any]:
        """What the platform's records of an initialisation begin with."""
        return {
            "initializationType": self._config.initialization_type,
            "phase": phase,
            "runtimeVersion": self._runtime,
            "runtimeVersionArn": self._config.runtime_version_arn,
            "functionName": self._config.name,
            "functionVersion": self._config.version,
        }

    def metrics(self, seconds: float, init_seconds: float | None, memory_bytes: int) -> dict[str, float]:
        """Since August 2025 AWS bills the time of initialisation too."""
        duration, init = seconds * 1000, None if init_seconds is None else init_seconds * 1000
        metrics: dict[str, float] = {
            "durationMs": round(duration, 3),
            "billedDurationMs": -int(-(duration + (init or 0)) // 1),
            "memorySizeMB": self._config.memory,
            "maxMemoryUsedMB": min(-(-memory_bytes // (1024 * 1024)), self._config.memory),
        }
        return metrics if init is None else {**metrics, "initDurationMs": round(init, 3)}

    def init_failed(self, seconds: float, phase: str, status: str, error_type: str) -> list[Record]:
        if not self._json:
            kind = f"\tError Type: {error_type}" if error_type else ""
            report = f"INIT_REPORT Init Duration: {seconds * 1000:.2f} ms\tPhase: {phase}\tStatus: {status}{kind}\n"
            return [(None, report)]
        metrics = {"durationMs": round(seconds * 1000, 3)}
        record = {
            "initializationType": self._config.initialization_type,
            "phase": phase,
            "status": status,
            "metrics": metrics,
        }
        return self._event("initReport", {**record, "errorType": error_type} if error_type else record)

    def extensions(self, lines: Sequence[str]) -> list[Record]:
        return [] if self._json else [(None, line) for line in lines]

    def start(self, request_id: str) -> list[Record]:
        if not self._json:
            return [(None, f"START RequestId: {request_id} Version: {self._config.version}\n")]
        if not self._info:
            return []
        return self._event("start", {"requestId": request_id, "version": self._config.version})

    def timed_out(self, request_id: str) -> list[Record]:
        if self._json:
            return []
        return [(None, f"{rfc3339()} {request_id} Task timed out after {self._config.timeout:.2f} seconds\n")]

    def exited(self, request_id: str, message: str, error_type: str) -> list[Record]:
        return [] if self._json else [(None, f"{message}\n{error_type}\n")]

    def end(
        self,
        request_id: str,
        seconds: float,
        init_seconds: float | None,
        memory_bytes: int,
        status: str,
        error_type: str,
    ) -> list[Record]:
        """END and REPORT."""
        if self._json and not self._info and status == "success":
            return []
        metrics = self.metrics(seconds, init_seconds, memory_bytes)
        if self._json:
            record = {"requestId": request_id, "metrics": metrics, "status": status}
            return self._event("report", {**record, "errorType": error_type} if error_type else record)
        report = (
            f"REPORT RequestId: {request_id}\tDuration: {seconds * 1000:.2f} ms\t"
            f"Billed Duration: {metrics['billedDurationMs']} ms\t"
            f"Memory Size: {self._config.memory} MB\tMax Memory Used: {metrics['maxMemoryUsedMB']} MB\t"
        )
        if init_seconds is not None:
            report += f"Init Duration: {init_seconds * 1000:.2f} ms\t"
        if status != "success":
            report += f"Status: {status}" + (f"\tError Type: {error_type}" if error_type else "")
        return [(None, f"END RequestId: {request_id}\n"), (None, f"{report}\n")]

    @staticmethod
    def _event(kind: str, record: Mapping[str, Any]) -> list[Record]:
        return [(None, json.dumps({"time": rfc3339(), "type": f"platform.{kind}", "record": record}))]
