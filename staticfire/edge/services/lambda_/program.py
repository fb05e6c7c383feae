"""What a function's process becomes where its runtime is not Python: Node, its own bootstrap, an image's entrypoint.

It uses what is built into the interpreter only: each module that is read from disk adds to a cold start.
"""

from __future__ import annotations

import _socket
import errno
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn, NotRequired, TypedDict

    class Program(TypedDict):
        """Commands of which the first one that is there runs; `architecture` as the function's configuration has it,
        empty where it does not count.

        `connects`: it gets a socket of the Runtime API, and a descriptor for framed records. `workdir` is an image's,
        whose one command is looked for on PATH.
        """

        commands: list[list[str]]
        architecture: str
        connects: bool
        workdir: NotRequired[str]


ARCHITECTURES = {62: "x86_64", 183: "arm64"}  # by their number in an ELF header
ELF_HEAD = 20
INVALID, INVALID_PLACE = "Runtime.InvalidEntrypoint", "Runtime.InvalidWorkingDir"


def become(program: Program) -> NoReturn:
    """Run it in this process; what keeps it from running is told to the Runtime API, in Lambda's words."""
    records = int(os.environ.pop("_LAMBDA_TELEMETRY_LOG_FD"))
    if program["connects"]:
        connect_node(records)
    else:
        os.close(records)
    if "workdir" in program:
        become_image(program["commands"][0], program["workdir"], program["architecture"])
    commands = [command for command in program["commands"] if os.path.exists(command[0])]
    if not commands:
        paths = " ".join(command[0] for command in program["commands"])
        fail(f"Couldn't find valid bootstrap(s): [{paths}]")
    wrapper = os.environ.get("AWS_LAMBDA_EXEC_WRAPPER") if program["connects"] else None
    if wrapper:
        become_wrapper(wrapper, commands[0])
    execute(commands[0][0], commands[0], program["architecture"])


def execute(path: str, command: list[str], architecture: str) -> NoReturn:
    try:
        check_architecture(path, architecture)
        os.execv(path, command)
    except OSError as error:
        tell_architecture(path, architecture)
        fail(f"fork/exec {path}: {reason_of(error)}")


def become_image(command: list[str], workdir: str, architecture: str) -> NoReturn:
    """ENTRYPOINT and CMD, as an engine starts them."""
    try:
        os.chdir(workdir)
    except OSError as error:
        fail(f"chdir {workdir}: {reason_of(error)}", INVALID_PLACE)
    if not command:
        fail("the image has neither ENTRYPOINT nor CMD")
    path = command[0]
    if "/" not in path:
        places = [f"{folder or '.'}/{path}" for folder in os.environ.get("PATH", "").split(":")]
        path = next((place for place in places if os.path.isfile(place) and os.access(place, os.X_OK)), "")
    if not path:
        fail(f'exec: "{command[0]}": executable file not found in $PATH')
    execute(path, command, architecture)


def reason_of(error: OSError) -> str:
    reason = os.strerror(error.errno or errno.EIO)
    return f"{reason[0].lower()}{reason[1:]}"


def become_wrapper(wrapper: str, command: list[str]) -> NoReturn:
    """AWS_LAMBDA_EXEC_WRAPPER in a managed runtime's place: it gets the command that it is to end with."""
    try:
        os.execv(wrapper, [wrapper, *command])
    except OSError as error:
        reason = os.strerror(error.errno or errno.EIO)
        os.write(2, f"/var/runtime/bootstrap: {wrapper}: {reason}\n".encode())
        os._exit(127 if error.errno == errno.ENOENT else 126)  # as a shell


def connect_node(records: int) -> None:
    """What rapid-client.js and the client's log want. Node has its standard output not block, which is a property of
    what is open, not of its number: records are written to the same pipe, opened once more."""
    api = connection()
    os.environ["STATICFIRE_RUNTIME_API_SOCKET"] = str(api)
    try:
        opened = os.open(f"/dev/fd/{records}", os.O_WRONLY)
        os.close(records)
    except OSError:
        opened = records
    os.environ["_LAMBDA_TELEMETRY_LOG_FD"] = str(opened)
    for descriptor in (api, opened):
        os.set_inheritable(descriptor, True)


def connection() -> int:
    host, _, port = os.environ["AWS_LAMBDA_RUNTIME_API"].partition(":")
    api = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    api.connect((host, int(port)))
    api.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
    return api.detach()


def check_architecture(path: str, architecture: str) -> None:
    """What is built for another architecture than the function's does not run on AWS, whatever this machine is."""
    if architecture and built_for(path) not in ("", architecture):
        raise OSError(errno.ENOEXEC, "")


def tell_architecture(path: str, architecture: str) -> None:
    """A line in the function's log, where that is why it does not run."""
    own, machine = built_for(path), {"aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
    if own and architecture and own != architecture:
        print(f"{path} is built for {own}; the function's architecture is {architecture}", flush=True)
    elif own and own != machine:
        print(f"{path} is built for {own}; this machine is {machine}, and has no qemu-user to run it", flush=True)


def built_for(path: str) -> str:
    """The architecture of an executable file, in AWS's words; empty where it is not an ELF file, as a script is not."""
    try:
        with open(path, "rb") as file:
            return elf_architecture(file.read(ELF_HEAD))
    except OSError:
        return ""


def elf_architecture(head: bytes) -> str:
    if head[:4] != b"\x7fELF":
        return ""
    return ARCHITECTURES.get(int.from_bytes(head[18:20], "little"), "another architecture")


def fail(message: str, kind: str = INVALID) -> NoReturn:
    escaped = message.replace("\\", "\\\\").replace('"', '\\"')
    printable = "".join(letter if letter.isprintable() else "?" for letter in escaped)
    body = f'{{"errorType":"{kind}","errorMessage":"{printable}"}}'.encode()
    head = (
        f"POST /2018-06-01/runtime/init/error HTTP/1.1\r\nhost: {os.environ['AWS_LAMBDA_RUNTIME_API']}\r\n"
        f"lambda-runtime-function-error-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    api = connection()
    os.write(api, head.encode() + body)
    os.read(api, 4096)
    os._exit(1)
