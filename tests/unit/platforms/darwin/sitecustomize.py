"""A Linux that says it is macOS: Python reads this first, and what only Linux has is gone."""

from __future__ import annotations

import builtins
import contextlib
import os
import platform
import select
import signal
import sys
import sysconfig
import types
from typing import Any

# Python's own build and compiled libraries are this machine's: what they say is asked before.
sysconfig.get_config_vars()
with contextlib.suppress(ImportError):
    import psutil  # noqa: F401

sys.platform = "darwin"
platform.system = lambda: "Darwin"
# What macOS's Python has beside it, for urllib.
proxies = types.ModuleType("_scproxy")
proxies.__dict__.update(_get_proxy_settings=dict, _get_proxies=dict)
sys.modules["_scproxy"] = proxies

for module, names in (
    (os, ("pidfd_open", "memfd_create", "sched_getaffinity", "sched_setaffinity", "unshare", "setns")),
    (signal, ("pidfd_send_signal",)),
    (select, ("epoll",)),
):
    for name in names:
        if hasattr(module, name):
            delattr(module, name)


def hidden(path: object) -> bool:
    try:
        text = os.fsdecode(os.fspath(path))  # type: ignore[call-overload]
    except TypeError:
        return False  # a descriptor
    return text == "/proc" or text.startswith("/proc/")


def without_proc(call: Any) -> Any:
    def called(path: Any = ".", *arguments: Any, **options: Any) -> Any:
        if hidden(path):
            raise FileNotFoundError(2, "No such file or directory", str(path))
        return call(path, *arguments, **options)

    return called


builtins.open = without_proc(builtins.open)
for name in ("open", "stat", "lstat", "listdir", "scandir", "readlink"):
    setattr(os, name, without_proc(getattr(os, name)))
