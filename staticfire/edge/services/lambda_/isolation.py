"""The place of a function's process: namespaces of its own, and a file system that holds what Lambda's holds.

By hand: what exists for it (bubblewrap, nsjail) is on few machines, and would start a second interpreter. It runs under
the runtime's own Python, and uses its standard library only.

    launcher --fork--> init (PID 1 in there) --fork--> the function

The launcher ends at once: the edge, which adopts orphans, becomes init's parent. init makes the place, reaps what the
function leaves behind and ends with the function; with it the kernel ends all that runs in there. init itself ends with
the edge, however that ends.

Seen inside: /usr and what belongs to it, a few files of /etc, what the runtime needs (Python at its own paths, Node
in /var/lang), /var/task, /var/runtime, /opt, a /proc of its own, and a /tmp of the size that the function has. Nothing
but /tmp can be written to. All capabilities are gone, and no namespace below this one gives any, so nothing of this can
be undone.

Where the kernel refuses namespaces there is an init all the same, which adopts what the function leaves behind.
"""

from __future__ import annotations

# `signal` adds enums to it, whose import takes longer than all else here.
import _signal as signal  # type: ignore[import-not-found]
import ctypes
import os
import sys
import time

CLONE_NEWNS = 0x00020000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_REMOUNT = 32
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
MNT_DETACH = 2
AT_FDCWD = -100
AT_RECURSIVE = 0x8000
MOUNT_ATTR_RDONLY = 1
MOUNT_ATTR_NOSUID = 2
PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
LINUX_CAPABILITY_VERSION_3 = 0x20080522
SYS_MOUNT_SETATTR = 442  # the same on every architecture
SYS_KEYCTL = {"x86_64": 250, "aarch64": 219}
KEYCTL_JOIN_SESSION_KEYRING = 1
SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}

# Added to the status of an extension that ended too early.
OF_AN_EXTENSION = 1000

# As Lambda shows them.
USER, GROUP = 993, 990
PASSWD = f"root:x:0:0:root:/root:/bin/bash\nsbx_user1051:x:{USER}:{GROUP}::/home/sbx_user1051:/sbin/nologin\n".encode()
GROUPS = f"root:x:0:\nslicer:x:{GROUP}:\n".encode()

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
OF_ETC = (
    *("alternatives", "ca-certificates", "ca-certificates.conf", "crypto-policies", "fonts", "gai.conf", "host.conf"),
    *("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "mime.types", "nsswitch.conf", "os-release"),
    *("pki", "protocols", "resolv.conf", "rpc", "services", "ssl", "timezone"),
)
# Root's own even without capabilities, and the machine's, not the function's.
OF_THE_KERNEL = ("/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs", "/proc/acpi", "/proc/scsi")
DEVICES = ("full", "null", "random", "urandom", "zero")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import NotRequired, TypedDict

    class Place(TypedDict):
        """What the edge says of it; `layers` and `runtime` are empty where there are none.

        `shown` says what of the machine is seen, and where, and `links` which symbolic links there are: where the
        function is not this interpreter's. `bootstrap` is there for an exec wrapper of a Python function alone. What is
        `beside` is seen in any case. `image` is the root file system of a function that is an image: then nothing of
        the machine's is seen.
        """

        code: str
        layers: str
        runtime: str
        tmp_mb: int
        bootstrap: NotRequired[str]
        beside: NotRequired[dict[str, str]]
        shown: NotRequired[dict[str, str]]
        links: NotRequired[dict[str, str]]
        image: NotRequired[str]


libc = ctypes.CDLL(None, use_errno=True)


def check(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    text = [None if part is None else os.fsencode(part) for part in (source, target, kind, data)]
    check(libc.mount(text[0], text[1], text[2], ctypes.c_ulong(flags), text[3]), f"mount {target}")


def show(path: str, root: str, at: str = "") -> None:
    """What is at `path` is seen in there at the same place, or `at` another; nothing of it can be written to."""
    target = root + (at or path)
    if os.path.isdir(path):
        os.makedirs(target, exist_ok=True)
    elif not os.path.exists(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "x"):
            pass
    mount(path, target, None, MS_BIND | MS_REC)
    attributes = (ctypes.c_uint64 * 4)(MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, 0, 0, 0)
    result = libc.syscall(
        ctypes.c_long(SYS_MOUNT_SETATTR),
        ctypes.c_int(AT_FDCWD),
        os.fsencode(target),
        ctypes.c_uint(AT_RECURSIVE),
        ctypes.byref(attributes),
        ctypes.c_size_t(ctypes.sizeof(attributes)),
    )
    check(result, f"make {target} read-only")


def enter_namespaces() -> None:
    """Namespaces for mounts, processes and IPC, in one for users where this user is nobody special."""
    user, group = os.geteuid(), os.getegid()
    if user == 0:
        os.setgroups([])
    check(libc.unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC), "unshare")
    for name, text in (("setgroups", "deny"), ("uid_map", f"{USER} {user} 1"), ("gid_map", f"{GROUP} {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
    mount(None, "/", None, MS_REC | MS_PRIVATE)


def leave_keyring() -> None:
    """The keys of the user's session stay the user's. A sandbox that refuses the call refuses the function's too."""
    number = SYS_KEYCTL.get(os.uname().machine)
    if number is not None:
        libc.syscall(ctypes.c_long(number), ctypes.c_int(KEYCTL_JOIN_SESSION_KEYRING), None)


def make_root(place: Place) -> None:
    """Build the file system that the function sees, and make it the root."""
    root = "/tmp"  # anywhere: it is covered in this mount namespace alone
    if "image" in place:
        show_image(place["image"], root, place["tmp_mb"])
    else:
        show_machine(place, root)
    os.mkdir(f"{root}/proc")
    mount("proc", f"{root}/proc", "proc", MS_NOSUID | MS_NODEV)
    end_nesting(f"{root}/proc")
    for path in OF_THE_KERNEL:
        if os.path.exists(root + path):
            show(root + path, "", root + path)
    os.mkdir(f"{root}/.old")
    pivot_root = SYS_PIVOT_ROOT[os.uname().machine]
    check(libc.syscall(ctypes.c_long(pivot_root), os.fsencode(root), os.fsencode(f"{root}/.old")), "pivot_root")
    os.chdir("/")
    check(libc.umount2(b"/.old", MNT_DETACH), "detach the machine's file system")
    os.rmdir("/.old")
    mount(None, "/", None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV)


def end_nesting(proc: str) -> None:
    """No user namespace below this one, where the function would have all capabilities again, over its own mounts."""
    path = f"{proc}/sys/user/max_user_namespaces"
    if os.path.exists(path):  # some sandboxes' /proc has no such file, and they no such namespaces
        with open(path, "w") as file:
            file.write("0")


def show_image(image: str, root: str, tmp_mb: int) -> None:
    """All that the image has, but what the kernel and Lambda have in its place."""
    opened = os.open(image, os.O_PATH)
    source = f"/proc/self/fd/{opened}"
    mount("staticfire", root, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=8m")
    for entry in os.scandir(source):
        if entry.name in ("proc", "dev", "tmp", "sys", ".old", ".made"):
            continue
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), f"{root}/{entry.name}")
        else:
            show(f"{source}/{entry.name}", root, f"/{entry.name}")
    os.close(opened)
    made = f"{root}/.made"
    os.mkdir(made)
    for name, content in (("resolv.conf", read("/etc/resolv.conf")), ("hosts", hosts())):
        write(f"{made}/{name}", content)
        show(f"{made}/{name}", root, f"/etc/{name}")
    make_devices(root)
    os.mkdir(f"{root}/tmp")
    mount("tmp", f"{root}/tmp", "tmpfs", MS_NOSUID | MS_NODEV, f"mode=700,size={tmp_mb}m")


def read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""


def hosts() -> bytes:
    address = os.environ.get("AWS_LAMBDA_RUNTIME_API", "").partition(":")[0]
    return read("/etc/hosts") + (f"\n{address} sandbox.localdomain sandbox\n".encode() if address else b"")


def show_machine(place: Place, root: str) -> None:
    """What of the machine a function sees that is a zip, and where."""
    mounted = {**(place["shown"] if "shown" in place else interpreter_paths()), **place.get("beside", {})}
    links = place.get("links", {"/var/lang": sys.base_prefix})
    sources = (*mounted.values(), place["code"], place["layers"], place["runtime"])
    opened = {path: os.open(path, os.O_PATH) for path in sources if path}
    mount("staticfire", root, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=8m")
    for path in SYSTEM:
        if os.path.islink(path):
            os.symlink(os.readlink(path), root + path)
        elif os.path.isdir(path):
            show(path, root)
    make_etc(root)
    make_devices(root)
    os.makedirs(f"{root}/tmp")
    mount("tmp", f"{root}/tmp", "tmpfs", MS_NOSUID | MS_NODEV, f"mode=700,size={place['tmp_mb']}m")
    for path, source in mounted.items():
        show(f"/proc/self/fd/{opened[source]}", root, path)
    os.makedirs(f"{root}/var", exist_ok=True)
    for path, target in links.items():
        os.makedirs(os.path.dirname(root + path), exist_ok=True)
        os.symlink(target, root + path)
    show(f"/proc/self/fd/{opened[place['code']]}", root, "/var/task")
    if "bootstrap" in place:  # it is one more file there, and the packages are seen at their own path as well
        os.mkdir(f"{root}/var/runtime")
        for name in os.listdir(f"/proc/self/fd/{opened[place['runtime']]}"):
            os.symlink(f"{place['runtime']}/{name}", f"{root}/var/runtime/{name}")
        write(f"{root}/var/runtime/bootstrap.py", place["bootstrap"].encode())
    elif place["runtime"]:
        show(f"/proc/self/fd/{opened[place['runtime']]}", root, "/var/runtime")
    os.makedirs(f"{root}/opt", exist_ok=True)
    if place["layers"]:
        layers = f"/proc/self/fd/{opened[place['layers']]}"
        if not os.listdir(f"{root}/opt"):
            show(layers, root, "/opt")
        else:  # the interpreter is there as well: the layers come beside it
            for name in os.listdir(layers):
                if os.path.exists(f"{root}/opt/{name}"):
                    raise FileExistsError(f"/opt/{name} is a layer's, and this machine has its own there")
                show(f"{layers}/{name}", root, f"/opt/{name}")
    for descriptor in opened.values():
        os.close(descriptor)


def interpreter_paths() -> dict[str, str]:
    """What this interpreter needs to go on, outside of the system's own directories: where it is seen, what it is."""
    paths = {path: os.path.realpath(path) for path in (sys.prefix, sys.base_prefix, sys.exec_prefix)}
    with open("/proc/self/maps") as file:
        mapped = {"/" + line.rstrip("\n").partition("/")[2] for line in file if "/" in line}
    # Memory that is shared has a name as well, `/memfd:x (deleted)`, which is not a file of the root directory.
    folders = {os.path.dirname(name) for name in mapped if os.path.isfile(name)} - {"/"}
    for folder in folders:
        paths.setdefault(folder, folder)
    outside = {path: source for path, source in paths.items() if os.path.isdir(source) and not is_below(path, SYSTEM)}
    return {path: source for path, source in outside.items() if not is_below(path, outside.keys() - {path})}


def is_below(path: str, folders: Iterable[str]) -> bool:
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)


def make_etc(root: str) -> None:
    os.mkdir(f"{root}/etc")
    for name in OF_ETC:
        path = os.path.realpath(f"/etc/{name}")  # resolv.conf is often a link to what is not seen in there
        if os.path.isdir(path):
            show(path, root, f"/etc/{name}")
        elif os.path.exists(path):  # a copy: a mount takes longer
            with open(path, "rb") as source:
                write(f"{root}/etc/{name}", source.read())
    write(f"{root}/etc/passwd", PASSWD)
    write(f"{root}/etc/group", GROUPS)
    write(f"{root}/etc/hosts", hosts())


def write(path: str, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)


def make_devices(root: str) -> None:
    os.mkdir(f"{root}/dev")
    for name in DEVICES:
        with open(f"{root}/dev/{name}", "w"):
            pass
        mount(f"/dev/{name}", f"{root}/dev/{name}", None, MS_BIND)
    for name, target in (("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        os.symlink(target, f"{root}/dev/{name}")


def drop_capabilities() -> None:
    """For good: a program that is set-uid gets none back."""
    check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no new privileges")
    for capability in range(64):
        if libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0:
            break  # one more than the kernel has
    header = (ctypes.c_uint32 * 2)(LINUX_CAPABILITY_VERSION_3, 0)
    check(libc.capset(ctypes.byref(header), ctypes.byref((ctypes.c_uint32 * 6)())), "drop the capabilities")


def enter(place: Place | None, report: int, status: int, edge: int, extensions: list[str], records: int = -1) -> None:
    """Go on as the function's process: isolated, or without a `place` with an init of its own and nothing else.

    `report` gets init's pid, `status` what the function's process ended with, four bytes each. A byte from `edge` says
    that the edge knows the pid: only then anything of the function runs. With extensions, whose output goes to
    `records`, a second byte says that the runtime may start.
    """
    if place is None:
        begin_init(os.getppid(), report, edge)
    else:
        enter_namespaces()
        launcher = os.getpid()
        init = os.fork()
        if init:
            os.write(report, init.to_bytes(4, "little"))
            os._exit(0)
        while parent() == launcher:  # then the edge is: until then the launcher's end would be taken for the edge's
            time.sleep(0.0002)
        begin_init(0, report, edge)
        make_root(place)
        leave_keyring()
        drop_capabilities()
    beside = {start(path, records) for path in extensions}
    if beside and not os.read(edge, 1):
        end_all()
    os.close(edge)
    function = os.fork()
    if function:
        be_init(function, status, beside)
    os.close(status)
    if beside:
        os.close(records)
    if place is not None:
        os.setsid()
        # The edge, where it is not root's, may look at what it started: its sockets, its memory.
        check(libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), "stay visible")
    elif sys.platform == "linux":
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        check(libc.prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL), 0, 0, 0), "end with init")


def begin_init(edge_pid: int, report: int, edge: int) -> None:
    """End with the edge, adopt what the function leaves behind, and wait until the edge says go."""
    if sys.platform == "linux":
        # In namespaces the kernel ends all others with init; elsewhere init has to.
        number = signal.SIGTERM if edge_pid else signal.SIGKILL
        check(libc.prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(number), 0, 0, 0), "end with the edge")
        check(libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "adopt")
    if edge_pid:
        signal.signal(signal.SIGTERM, lambda number, frame: end_all())
        os.write(report, os.getpid().to_bytes(4, "little"))
    os.close(report)
    if not os.read(edge, 1):
        os._exit(1)  # the edge was gone before, or does not want it any more


def start(path: str, records: int) -> int:
    """An extension beside the function; its pid."""
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        restore_signals()
        if sys.platform == "linux":
            check(libc.prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL), 0, 0, 0), "end with init")
        os.dup2(records, 1)
        os.dup2(records, 2)
        os.closerange(3, 256)
        left_out = ("_HANDLER", "_LAMBDA_TELEMETRY_LOG_FD")
        os.execve(path, [path], {name: value for name, value in os.environ.items() if name not in left_out})
    except OSError as error:
        os.write(2, f"{path}: {error.strerror}\n".encode())
    os._exit(126)


def adopt_orphans() -> None:
    """For the edge: what a launcher forks becomes its child."""
    if sys.platform == "linux":
        check(libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "adopt")


def restore_signals() -> None:
    """For a program that this process is going to be: Python ignores these, and a program inherits that."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)


def parent() -> int:
    """As the machine's /proc, which is still seen, numbers it."""
    with open("/proc/self/stat") as file:
        return int(file.read().rpartition(")")[2].split()[1])


def be_init(function: int, status: int, extensions: set[int]) -> None:
    """Reap until the function's own process ends, then end what it left.

    An extension that ends takes the function with it, unless the edge has said by a signal that this is the end: then
    all extensions may finish.
    """
    ending = False

    def end(number: int, frame: object) -> None:
        nonlocal ending
        ending = True

    if extensions:
        signal.signal(signal.SIGUSR1, end)
    for name in os.listdir("/dev/fd"):
        if int(name) != status:
            try:
                os.close(int(name))
            except OSError:
                continue  # the one that listed them
    while True:
        pid, wait_status = os.wait()
        code = os.waitstatus_to_exitcode(wait_status)
        if pid in extensions:
            extensions.discard(pid)
            if not ending:
                os.write(status, (OF_AN_EXTENSION + (code & 0xFF)).to_bytes(4, "little", signed=True))
            if not ending or not extensions:
                end_all()
        elif pid == function and not (ending and extensions):
            os.write(status, code.to_bytes(4, "little", signed=True))
            end_all()


def end_all() -> None:
    """End every process below this one, and this one. In namespaces the kernel would do the same."""
    while children := left():
        for pid in children:
            os.kill(pid, signal.SIGKILL)
        for _ in children:
            os.wait()
    os._exit(0)


def left() -> list[int]:
    """This process's children: those that are orphans come to it one after the other. Without /proc: none are seen."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as file:
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return []


def probe() -> int:
    """0 where all of this is allowed; else 1, and why, on standard error."""
    try:
        enter_namespaces()
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    init = os.fork()
    if init:
        return 1 if os.waitpid(init, 0)[1] else 0
    code = 1
    try:
        make_root({"code": "/usr", "layers": "", "runtime": "/usr", "tmp_mb": 1})
        drop_capabilities()
        code = 0
    except (OSError, KeyError) as error:
        print(error, file=sys.stderr)
    finally:
        os._exit(code)
