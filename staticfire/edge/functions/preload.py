"""Pre-warmed starts, the runtime's side: what an environment has imported, and the zygote, which forks environments.

launch.py loads this under the runtime's own Python, when the edge asks for either.

What is imported ahead are dependencies only: the standard library, the runtime's packages, and what an installer put
into the zip or a layer (it has a `.dist-info` there). The function's own modules are never among them: their code runs
in each environment, as on AWS.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import socket
import sys

# These modules take milliseconds to import; only type checkers read this.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType
    from typing import Any

# The runtime's client takes the address of its Runtime API when it is loaded: each environment loads its own.
OWN = ("awslambdaric", "runtime_client")

PR_GET_TID_ADDRESS = 40
SYS_CLONE3 = 435
CLONE_PARENT = 0x00008000
CLONE_CHILD_CLEARTID = 0x00200000
CLONE_CHILD_SETTID = 0x01000000

MESSAGE_LIMIT = 1 << 20


def report_at_first_poll(client: Any, settings: Any) -> None:
    """Tell the edge which dependencies this environment has imported, once it has initialised."""
    before = dict(os.environ)
    poll = client.wait_next_invocation

    def report_and_poll() -> Any:
        client.wait_next_invocation = poll
        del before["_LAMBDA_TELEMETRY_LOG_FD"]
        with open(settings["report"], "w") as file:
            # Dependencies may have been meant to see variables that the function set before it imported them.
            json.dump(_dependencies(settings) if os.environ == before else None, file)
        return poll()

    client.wait_next_invocation = report_and_poll


def _dependencies(settings: Any) -> list[str]:
    """In the order in which they were imported."""
    own = set(own_modules(settings))
    return [
        name
        for name, module in list(sys.modules.items())
        if name not in own and name.partition(".")[0] not in OWN and _origin(name, module)
    ]


def own_modules(settings: Any) -> Iterator[str]:
    """The loaded modules that are the function's, not a dependency's."""
    handler = settings["handler"].replace("/", ".").partition(".")[0]
    folders = [path for path in sys.path if _is_below(path, settings["task_root"], settings["layers"])]
    vendored = {name for folder in folders for name in _installed(folder)} - {handler}
    for name, module in list(sys.modules.items()):
        dependency = name.partition(".")[0] in vendored
        if not dependency and _is_below(_origin(name, module), settings["task_root"], settings["layers"]):
            yield name


def serve(settings: Any) -> Any:
    """Import what environments import, then fork one for each request of the edge; returns in the children only.

    A request is the child's settings and the variables that differ from the zygote's, with its output's descriptor,
    twice: for standard output and for log records. The child answers with its process id. Nothing is answered if no
    child could be made: the zygote ends with the error, and the edge sees that.
    """
    os.close(int(os.environ.pop("_LAMBDA_TELEMETRY_LOG_FD")))
    control = socket.socket(fileno=settings["control"])
    with open(settings["modules"]) as file:
        file.seek(0)
        names = json.load(file)
    descriptors, files = _descriptors(), set(os.listdir("/tmp"))
    for name in names:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError:
            # Made by another module when it is used: the child finds it as the first environment did.
            continue
    why = _unfit(settings, descriptors, files)
    sys.stdout.flush()
    sys.stderr.flush()
    # What is here now is never garbage: a collection in a child would copy its pages for nothing.
    gc.collect()
    gc.freeze()
    control.send(json.dumps({"unfit": why[:1000]}).encode())
    while True:
        message, received, _, _ = socket.recv_fds(control, MESSAGE_LIMIT, 2)
        if not message:
            os._exit(0)
        if fork() == 0:
            return _become_child(control, json.loads(message), *received)
        for descriptor in received:
            os.close(descriptor)


def fork() -> int:
    """As os.fork, but the child is the edge's own: the edge waits for it, and the zygote's end does not matter to it.

    As fork does, it has the C library's note of the thread's id corrected in the child.
    """
    system = ctypes.PyDLL(None, use_errno=True)
    thread_id = ctypes.c_void_p()
    if system.prctl(PR_GET_TID_ADDRESS, ctypes.byref(thread_id), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_GET_TID_ADDRESS) failed")
    flags = CLONE_PARENT | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID
    # struct clone_args: flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls
    arguments = (ctypes.c_uint64 * 8)(flags, 0, thread_id.value or 0, 0, 0, 0, 0, 0)
    system.PyOS_BeforeFork()
    pid: int = system.syscall(ctypes.c_long(SYS_CLONE3), arguments, ctypes.c_size_t(ctypes.sizeof(arguments)))
    if pid == 0:
        system.PyOS_AfterFork_Child()
        return 0
    system.PyOS_AfterFork_Parent()
    if pid < 0:
        raise OSError(ctypes.get_errno(), "clone3 failed")
    return pid


def _become_child(control: socket.socket, request: Any, output: int, records: int) -> Any:
    # Before the answer: from then on the edge may signal the session.
    os.setsid()
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    os.set_inheritable(records, True)
    control.send(json.dumps({"number": request["number"], "pid": os.getpid()}).encode())
    control.close()
    os.environ.update(request["variables"], _LAMBDA_TELEMETRY_LOG_FD=str(records))
    return request["settings"]


def _unfit(settings: Any, descriptors: dict[int, str], files: set[str]) -> str:
    """Why environments cannot be copies of this process; empty if they can."""
    if own := list(own_modules(settings)):
        return f"they import the function's own modules: {', '.join(own)}"
    if len(os.listdir("/proc/self/task")) > 1:
        return "they start threads"
    if new := [name for number, name in _descriptors().items() if number not in descriptors]:
        return f"they leave open: {', '.join(new)}"
    if written := set(os.listdir("/tmp")) - files:
        return f"they write to /tmp: {', '.join(written)}"
    return ""


def _descriptors() -> dict[int, str]:
    found = {}
    for number in os.listdir("/proc/self/fd"):
        try:
            found[int(number)] = os.readlink(f"/proc/self/fd/{number}")
        except FileNotFoundError:
            # The listing's own descriptor.
            continue
    return found


def _origin(name: str, module: ModuleType | None) -> str:
    """The file of a module under its own name; empty for others."""
    spec = getattr(module, "__spec__", None)
    return spec.origin or "" if spec is not None and spec.name == name and spec.has_location else ""


def _is_below(path: str, *folders: str) -> bool:
    return any(folder and (path == folder or path.startswith(folder + os.sep)) for folder in folders)


def _installed(folder: str) -> Iterator[str]:
    """The top-level names of what an installer put there. Packagers drop some of these files, so all are asked."""
    try:
        entries = os.listdir(folder)
    except FileNotFoundError:
        return
    for entry in entries:
        if not entry.endswith(".dist-info"):
            continue
        yield entry.partition("-")[0]
        for name in ("RECORD", "top_level.txt"):
            path = os.path.join(folder, entry, name)
            if os.path.exists(path):
                with open(path, encoding="utf-8") as file:
                    for line in file:
                        yield line.strip().partition(",")[0].partition("/")[0].partition(".")[0]
