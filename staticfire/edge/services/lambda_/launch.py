"""The first lines in a function's process: make the place an execution environment, then become the runtime.

It runs under the runtime's own Python, uses its standard library only, and hands over to `awslambdaric` in the
same process: a second interpreter start would cost as much as the runtime itself.

    python launch.py SETTINGS   become the runtime; SETTINGS is a JSON object
    python launch.py probe      exit 0 if private mounts work on this machine, 1 if they do not
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import resource
import signal
import sys

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
MS_RDONLY = 1
MS_REMOUNT = 32
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
PR_SET_PDEATHSIG = 1

# Mount flags that an unprivileged remount has to keep; statvfs names them with the same bits.
KEPT_FLAGS = 2 | 4 | 8 | 1024 | 2048


# The module `typing` takes milliseconds to import; only type checkers read this.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypedDict

    class LaunchSettings(TypedDict):
        """What the edge says; `layers` is empty without layers."""

        parent: int
        handler: str
        task_root: str
        layers: str
        tmp: str
        private: bool
        memory_mb: int


def libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def enter_private_mounts() -> None:
    """A mount namespace of our own; without the right to make one, in a user namespace of our own."""
    user, group = os.getuid(), os.getgid()
    if libc().unshare(CLONE_NEWNS) != 0:
        check(libc().unshare(CLONE_NEWUSER | CLONE_NEWNS))
        for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
    mount(None, "/", MS_REC | MS_PRIVATE)


def mount(source: str | None, target: str, flags: int) -> None:
    what = None if source is None else os.fsencode(source)
    check(libc().mount(what, os.fsencode(target), None, ctypes.c_ulong(flags), None))


def bind(source: str, target: str, read_only: bool = False) -> None:
    mount(source, target, MS_BIND | MS_REC)
    if read_only:
        kept = os.statvfs(target).f_flag & KEPT_FLAGS
        mount(None, target, MS_BIND | MS_REMOUNT | MS_RDONLY | kept)


def is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder + os.sep)


def arrange(settings: LaunchSettings) -> None:
    """Code read-only, layers at /opt, and a /tmp that no other execution environment sees."""
    enter_private_mounts()
    task, layers = settings["task_root"], settings["layers"]
    needed = [task, layers, sys.prefix, sys.base_prefix, sys.exec_prefix, os.path.dirname(os.path.realpath(__file__))]
    needed = list(dict.fromkeys(os.path.realpath(path) for path in needed if path))
    bind(task, task, read_only=True)
    if layers:
        bind(layers, layers, read_only=True)
        if os.path.isdir("/opt") and not any(is_below(path, "/opt") for path in needed):
            bind(layers, "/opt", read_only=True)
    hidden = {path: os.open(path, os.O_PATH) for path in needed if is_below(path, "/tmp")}
    bind(settings["tmp"], "/tmp")
    for path, descriptor in hidden.items():
        os.makedirs(path, exist_ok=True)
        bind(f"/proc/self/fd/{descriptor}", path)
        os.close(descriptor)


def limit(settings: LaunchSettings) -> None:
    """What keeps a runaway function from hurting the machine: its memory is watched from outside besides."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ceiling = (settings["memory_mb"] + 2048) * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (ceiling, ceiling))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard == resource.RLIM_INFINITY or hard >= 1024:
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))
    if sys.platform == "linux":
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
        yield_to_the_edge()


def yield_to_the_edge() -> None:
    """A function that gets its next event does not push aside the edge, which has others to hand out."""
    try:
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    except OSError:
        return  # a sandbox may refuse it, which costs speed and nothing else


def die_with(parent: int) -> None:
    """Linux ends this process when the edge ends, however it ends."""
    if sys.platform == "linux":
        check(libc().prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL), 0, 0, 0))
    if os.getppid() != parent:
        os._exit(1)


def probe() -> int:
    try:
        enter_private_mounts()
        bind("/tmp", "/tmp", read_only=True)
    except OSError:
        return 1
    return 0


def enter(settings: LaunchSettings) -> None:
    if settings["private"]:
        arrange(settings)
    die_with(settings["parent"])
    os.chdir(settings["task_root"])


def search(settings: LaunchSettings) -> None:
    """Where modules are looked for."""
    version = "python{}.{}".format(*sys.version_info[:2])
    layers = settings["layers"]
    paths = [f"{layers}/python/lib/{version}/site-packages", f"{layers}/python"] if layers else []
    sys.path[:1] = [settings["task_root"], *paths]
    # For what the function starts itself. Set earlier, it would have this process search there for every module.
    own = os.environ.get("PYTHONPATH")
    runtime = os.environ["LAMBDA_RUNTIME_DIR"]
    os.environ["PYTHONPATH"] = f"{own}{os.pathsep}{runtime}" if own else runtime


def become_runtime(settings: LaunchSettings) -> None:
    """What awslambdaric's own main does, except that for Python 3.12 and newer it would poll in a new thread for every
    invocation, so that signals get through while it waits. Nothing sends any here, and the thread would cost as much as
    all else that the runtime does.
    """
    sys.argv = ["bootstrap", settings["handler"]]
    runtime = importlib.import_module("awslambdaric.lambda_runtime_client")
    bootstrap = importlib.import_module("awslambdaric.bootstrap")
    client = runtime.LambdaRuntimeClient(os.environ["AWS_LAMBDA_RUNTIME_API"])
    bootstrap.run(settings["handler"], client)


def main() -> None:
    settings: LaunchSettings = json.loads(sys.argv[1])
    enter(settings)
    limit(settings)
    search(settings)
    become_runtime(settings)


if sys.argv[1] == "probe":
    sys.exit(probe())
main()
