"""What a function's process becomes where its runtime is not Python: Node, or the function's own bootstrap.

It uses what is built into the interpreter only: each module that is read from disk adds to a cold start.
"""

from __future__ import annotations

import _socket
import errno
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn, TypedDict

    class Program(TypedDict):
        """Commands of which the first one that is there runs; `architecture` as the function's configuration has it.

        `connects`: it gets a socket of the Runtime API, and a descriptor for framed records.
        """

        commands: list[list[str]]
        architecture: str
        connects: bool


ARCHITECTURES = {62: "x86_64", 183: "arm64"}  # by their number in an ELF header
ELF_HEAD = 20
INVALID = "Runtime.InvalidEntrypoint"


def become(program: Program) -> NoReturn:
    """Run it in this process; what keeps it from running is told to the Runtime API, in Lambda's words."""
    records = int(os.environ.pop("_LAMBDA_TELEMETRY_LOG_FD"))
    if program["connects"]:
        connect_node(records)
    else:
        os.close(records)
    commands = [command for command in program["commands"] if os.path.exists(command[0])]
    if not commands:
        paths = " ".join(command[0] for command in program["commands"])
        fail(f"Couldn't find valid bootstrap(s): [{paths}]")
    path = commands[0][0]
    wrapper = os.environ.get("AWS_LAMBDA_EXEC_WRAPPER") if program["connects"] else None
    if wrapper:
        become_wrapper(wrapper, commands[0])
    try:
        check_architecture(path, program["architecture"])
        os.execv(path, commands[0])
    except OSError as error:
        tell_architecture(path, program["architecture"])
        reason = os.strerror(error.errno or errno.EIO)
        fail(f"fork/exec {path}: {reason[0].lower()}{reason[1:]}")


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
    if built_for(path) not in ("", architecture):
        raise OSError(errno.ENOEXEC, "")


def tell_architecture(path: str, architecture: str) -> None:
    """A line in the function's log, where that is why it does not run."""
    own, machine = built_for(path), {"aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
    if own and own != architecture:
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


def fail(message: str) -> NoReturn:
    body = f'{{"errorType":"{INVALID}","errorMessage":"{message}"}}'.encode()
    head = (
        f"POST /2018-06-01/runtime/init/error HTTP/1.1\r\nhost: {os.environ['AWS_LAMBDA_RUNTIME_API']}\r\n"
        f"lambda-runtime-function-error-type: {INVALID}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    api = connection()
    os.write(api, head.encode() + body)
    os.read(api, 4096)
    os._exit(1)
