"""X-Ray's trace ids, as the header X-Amzn-Trace-Id has them.

https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
"""

from __future__ import annotations

import random
import time


def new_root(now: float) -> str:
    """A trace that begins here: API Gateway's. An id is a name, not a secret."""
    return f"Root=1-{int(now):08x}-{random.getrandbits(96):024x}"


def new_trace() -> str:
    """A trace that begins with a function's invocation, and is not sampled."""
    return f"{new_root(time.time())};Parent={random.getrandbits(64):016x};Sampled=0"


def continued(header: str) -> str:
    """The trace that a caller's header names, with what it left out; a new one without a usable header."""
    if not header.isprintable() or "Root=" not in header:
        return new_trace()
    if "Parent=" not in header:
        header += f";Parent={random.getrandbits(64):016x}"
    return header if "Sampled=" in header else f"{header};Sampled=0"
