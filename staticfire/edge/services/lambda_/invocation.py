"""One attempt to run a function: what it gets, and how it ended."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from .admission import Lease
from .model import FunctionRef
from .response_stream import ResponseStream


@dataclass(slots=True)
class Result:
    """How an invocation ended. A handler that raises is a success to the platform: the runtime told of it (`failed`).

    `error_type` says why the platform itself ended it; its status is then not `success`. `function_error` is what the
    runtime called the handler's error.
    """

    payload: bytes
    failed: bool = False
    error_type: str = ""
    function_error: str = ""
    status: str = "success"
    seconds: float = 0.0
    log_tail: str = ""


@dataclass(slots=True, eq=False)
class Invocation:
    """What a function gets, and the future of its result.

    `tail` gathers its log where the caller wants to see it; `stream` gets the response where the caller reads it as it
    comes, and the result's payload is empty then, or the error that broke the response off. `root`, `span` and `parent`
    are its place in its trace.
    """

    ref: FunctionRef
    request_id: str
    payload: bytes
    trace_id: str
    client_context: str | None
    tail: list[str] | None
    lease: Lease
    done: asyncio.Future[Result]
    stream: ResponseStream | None = None
    root: str = ""
    span: str = ""
    parent: str = ""
    queued: float = field(default_factory=time.monotonic)
