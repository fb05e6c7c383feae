"""The Extensions API of one execution environment: programs of layers beside the runtime, and what they are told.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html

    started -> registers -> waits for its next event -> INVOKE ... -> SHUTDOWN -> ends

External extensions (/opt/extensions) start before the runtime, which starts once all have registered. The execution
environment is initialised, and free again after an invocation, once the runtime and every extension wait for the next
event. An internal one registers from the runtime's own process, and hears of no SHUTDOWN.
"""

from __future__ import annotations

import json
import uuid
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from .model import FunctionConfig
from .runtime_api import ACCEPTED, JSON, Reply, encode, problem
from .telemetry import BadSubscription, Telemetry

API = "/2020-01-01/extension/"
TELEMETRY = "/2022-07-01/telemetry"
LOGS = "/2020-08-15/logs"
NAME, IDENTIFIER, ERROR_TYPE = (
    b"lambda-extension-name",
    b"lambda-extension-identifier",
    b"lambda-extension-function-error-type",
)
EVENTS = ("INVOKE", "SHUTDOWN")
AT_MOST = 10


class ExtensionsOwner(Protocol):
    """The execution environment."""

    def extensions_registered(self) -> None:
        """All external ones: the runtime may start."""

    def extensions_idle(self) -> None:
        """All wait for their next event."""

    def extension_failed(self, error_type: str) -> None:
        """It said so itself, and ends."""


@dataclass(slots=True, eq=False)
class Extension:
    name: str
    events: frozenset[str]
    is_external: bool
    waits: Reply | None = None
    due: deque[bytes] = field(default_factory=deque)


class Extensions:
    """`external` are the names of the programs; `initialising` says whether one may still register."""

    def __init__(
        self, config: FunctionConfig, external: Iterable[str], telemetry: Telemetry, owner: ExtensionsOwner
    ) -> None:
        self.external = tuple(external)
        self.initialising = True
        self._config = config
        self._telemetry = telemetry
        self._owner = owner
        self._registered: dict[str, Extension] = {}

    def __bool__(self) -> bool:
        """Whether there are any, or will be."""
        return bool(self.external or self._registered)

    @property
    def idle(self) -> bool:
        """Whether all wait for their next event, and no external one is still to come."""
        if not self._registered:
            return not self.external
        return not self._missing and all(one.waits is not None for one in self._registered.values())

    @property
    def _missing(self) -> set[str]:
        return set(self.external) - {one.name for one in self._registered.values()}

    def lines(self) -> list[str]:
        """What Lambda logs of each once all are ready."""
        return [
            f"EXTENSION\tName: {one.name}\tState: Ready\tEvents: [{', '.join(sorted(one.events))}]\n"
            for one in self._registered.values()
        ]

    def invoked(self, request_id: str, deadline_ms: int, arn: str, trace_id: str) -> None:
        self._tell(
            "INVOKE",
            {
                "deadlineMs": deadline_ms,
                "requestId": request_id,
                "invokedFunctionArn": arn,
                "tracing": {"type": "X-Amzn-Trace-Id", "value": trace_id},
            },
        )

    def shut_down(self, reason: str, deadline_ms: int) -> bool:
        """Tell those that want to know; whether there are any."""
        self.initialising = False
        return self._tell("SHUTDOWN", {"shutdownReason": reason, "deadlineMs": deadline_ms})

    def called(self, method: str, path: str, headers: Mapping[bytes, str], body: bytes, reply: Reply) -> None:
        """A call of the Extensions, Telemetry or Logs API."""
        if (method, path) == ("POST", f"{API}register"):
            self._register(headers, body, reply)
            return
        extension = self._registered.get(headers.get(IDENTIFIER, ""))
        if extension is None:
            kind = "MissingHeader" if IDENTIFIER not in headers else "InvalidExtensionIdentifier"
            reply(problem(403, f"Extension.{kind}", "The header Lambda-Extension-Identifier names no extension"))
        elif (method, path) == ("GET", f"{API}event/next"):
            self._wait(extension, reply)
        elif (method, path) in (("POST", f"{API}init/error"), ("POST", f"{API}exit/error")):
            reply(ACCEPTED)
            self._owner.extension_failed(headers.get(ERROR_TYPE, "Extension.Error"))
        elif method == "PUT" and path in (TELEMETRY, LOGS):
            self._subscribe(extension, path, body, reply)
        else:
            reply(problem(404, "UnknownPath", "The Extensions API has no such path"))

    def _register(self, sent: Mapping[bytes, str], body: bytes, reply: Reply) -> None:
        name = sent.get(NAME, "")
        is_external = name in self._missing
        events = _events(body)
        if not name:
            reply(problem(400, "Extension.MissingHeader", "The header Lambda-Extension-Name is missing"))
        elif events is None:
            reply(problem(400, "InvalidRequestFormat", "The body is a JSON object with a list of events"))
        elif unknown := events - set(EVENTS):
            reply(problem(400, "Extension.InvalidEventType", f"There is no event {unknown.pop()}"))
        elif not is_external and "SHUTDOWN" in events:
            reply(problem(403, "Extension.InvalidEventType", "An internal extension cannot register for SHUTDOWN"))
        elif not self.initialising or len(self._registered) >= AT_MOST:
            message = "Extensions register during initialisation, ten at the most"
            reply(problem(403, "Extension.RegistrationClosed", message))
        else:
            identifier = str(uuid.uuid4())
            self._registered[identifier] = Extension(name, frozenset(events), is_external)
            described = {
                "functionName": self._config.name,
                "functionVersion": self._config.version,
                "handler": self._config.handler,
                "accountId": self._config.scope.account,
            }
            reply(
                encode("200 OK", [*JSON, ("Lambda-Extension-Identifier", identifier)], json.dumps(described).encode())
            )
            if is_external and not self._missing:
                self._owner.extensions_registered()

    def _wait(self, extension: Extension, reply: Reply) -> None:
        if extension.due:
            reply(extension.due.popleft())
            return
        extension.waits = reply
        if self.idle:
            self._owner.extensions_idle()

    def _tell(self, kind: str, event: Mapping[str, Any]) -> bool:
        listening = [one for one in self._registered.values() if kind in one.events]
        for extension in listening:
            body = json.dumps({"eventType": kind, **event}).encode()
            headers = [*JSON, ("Lambda-Extension-Event-Identifier", str(uuid.uuid4()))]
            waits, extension.waits = extension.waits, None
            if waits is not None:
                waits(encode("200 OK", headers, body))
            else:
                extension.due.append(encode("200 OK", headers, body))
        return bool(listening)

    def _subscribe(self, extension: Extension, path: str, body: bytes, reply: Reply) -> None:
        try:
            self._telemetry.subscribe(extension.name, body, is_logs_api=path == LOGS)
        except BadSubscription as error:
            reply(problem(400, "ValidationError", str(error)))
        else:
            reply(encode("200 OK", [("content-type", "text/plain")], b'"OK"'))


def _events(body: bytes) -> set[str] | None:
    """None where the body is not one of a registration."""
    try:
        events = json.loads(body or b"{}").get("events", [])
    except (ValueError, AttributeError):
        return None
    is_list = isinstance(events, list) and all(isinstance(event, str) for event in events)
    return set(events) if is_list else None
