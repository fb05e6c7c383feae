"""X-Ray's trace ids, as the header X-Amzn-Trace-Id has them.

https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
"""

from __future__ import annotations

import random
import time

ROOT = 35  # "1-", 8 hexadecimal digits, "-", 24 of them


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


def entered(header: str, active: bool) -> tuple[str, str, str, str]:
    """An invocation enters a trace: the header that the function gets, the root, the invocation's span, its parent.

    A function with active tracing is sampled, as nothing here is sampled away. What a caller says wholly stays as it
    is elsewhere; without a parent the invocation is one for what the function does.
    """
    span = f"{random.getrandbits(64):016x}"
    root = root_of(header)
    if not root:
        root = new_root(time.time())[5:]
        return f"Root={root};Parent={span};Sampled={int(active)}", root, span, ""
    if len(header) == ROOT + 5:
        return f"{header};Parent={span};Sampled={int(active)}", root, span, ""
    parent = _part(header, "Parent=")
    if active:
        return f"Root={root};Parent={span};Sampled=1", root, span, parent
    if not parent:
        sampled = _part(header, "Sampled=") or "0"
        return f"Root={root};Parent={span};Sampled={sampled}", root, span, ""
    return (header if "Sampled=" in header else f"{header};Sampled=0"), root, span, parent


def _part(header: str, name: str) -> str:
    return next((part[len(name) :] for part in header.split(";") if part.startswith(name)), "")


def root_of(header: str) -> str:
    """The trace that a header X-Amzn-Trace-Id names: `1-67891233-abcdef012345678912345678`; empty without one."""
    start = 5 if header.startswith("Root=1-") else header.find("Root=1-") + 5
    root = header[start : start + ROOT] if start >= 5 else ""
    well = len(root) == ROOT and root[10] == "-" and root.isascii() and ";" not in root and root.isprintable()
    return root if well else ""
