"""MiniStack's memory, written to a file while it changes and read back at the next start.

    changed -> copied by a forked child -> written beside, synced, renamed -> saved

What a service keeps is what its module's own variables hold: containers, some counters. They are pickled together, so
that what two services share stays shared. MiniStack's own persistence leaves out objects in S3, stream records,
challenges and more, and saves at its end alone. The child works on its copy of the memory while requests go on.

    state          a line of JSON, pieces, a digest; a piece is bytes, or names a blob
    blobs/         large bytes (objects in S3, packages), named by their digest, written once
    changed-N      the services that changed after the save before N: save N has it; no save N, and it is lost

A file is read only whole, by its digest, and of this MiniStack: else all of it is put aside and MiniStack begins from
nothing. Only plain data is unpickled: a file does not call what it likes.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import gc
import hashlib
import importlib
import io
import json
import os
import pickle
import re
import secrets
import select
import shutil
import signal
import sys
import threading
import time
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator, MutableMapping
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

FORMAT = 1
SERVICES = "ministack.services."
SAVE, LIFE, RESET = "/_staticfire/save", "/_staticfire/life", "/_ministack/reset"
# Between two saves of what changes; a save may take a tenth of the time, however much there is.
SECONDS, SHARE = 2.0, 0.1
CHILD_SECONDS = 300.0  # a save that takes longer is given up
FORM = 4096  # of a form's bytes, where its operation is looked for
LARGE = 128 * 1024  # bytes from here on are a blob
DIGEST = 32

# What counts up, beside the containers.
COUNTERS = {
    "dynamodb": ("_stream_seq_counter",),
    "firehose": ("_dest_counter",),
    "iot": ("_ca_key_pem", "_ca_cert_pem"),
    "kinesis": ("_sequence_counter",),
    "location": ("_sequence",),
}
# What holds only while this process runs: its threads, directories and connections.
PASSING = {
    "lambda_svc": ("_provided_code_dirs", "_docker_extract_dirs", "_warm_pool", "_inflight", "_esm_inflight"),
    "s3": ("_olap_requests",),
    "stepfunctions": ("_history_page_tokens",),
}
# Calls that change nothing, by their operation: what programs call in a loop.
READING = ("Get", "Describe", "List", "BatchGet", "Query", "Scan", "Head", "Filter", "Search")
READS_AND_CHANGES = ("GetShardIterator", "GetId", "GetOpenIdToken", "GetCredentialsForIdentity")

Send = Callable[[MutableMapping[str, Any]], Any]


class Unusable(Exception):
    """The saved state cannot be read here; it says why."""


class Keeper:
    """The state in one directory, and this process's life of it. An instance is one life: after a loss, another."""

    def __init__(self, directory: Path, *, keep: bool) -> None:
        self.instance = secrets.token_hex(8)
        self.notes: list[str] = []
        self.restored = False
        self._directory = directory
        self._keep = keep
        self._ministack = version("ministack")
        self._number = 0  # of the last save that is whole
        self._next = 1  # the save that will hold what changes now
        self._changed: set[str] = set()  # since the last save was begun
        self._left_out: set[tuple[str, str]] = set()
        self._saving = asyncio.Lock()
        self._wake = asyncio.Event()
        self._last_seconds = 0.0

    @property
    def life(self) -> dict[str, Any]:
        return {"instance": self.instance, "restored": self.restored, "notes": self.notes}

    def restore(self) -> None:
        """Take up the state where the last process left it; before anything is answered."""
        if not self._keep:
            return
        lock = self._directory.with_name(f"{self._directory.name}.lock")
        self._lock = os.open(lock, os.O_WRONLY | os.O_CREAT, 0o600)  # until this process ends
        fcntl.flock(self._lock, fcntl.LOCK_EX)  # a save of the process before may still be at work
        self._directory.mkdir(parents=True, exist_ok=True)
        for unfinished in self._directory.glob("state.*"):
            unfinished.unlink()
        try:
            header = self._read()
        except Unusable as error:
            self._put_aside(str(error))
            return
        lost = self._lost(header["number"])
        if header["number"]:
            self.restored = True
            self._number, self._next = header["number"], header["number"] + 1
            self.instance = header["instance"]
            if lost:
                self.instance = f"{header['instance'].partition('-')[0]}-{secrets.token_hex(4)}"
                saved = time.strftime("%H:%M:%S", time.localtime(header["time"]))
                self.notes.append(
                    f"MiniStack was killed: what {', '.join(lost)} took after {saved} may be missing "
                    "(what is applied and what is in Postgres is not)"
                )
        elif lost:
            self.notes.append(f"MiniStack was killed before its first save: what {', '.join(lost)} held is gone")
        for mark in self._marks():
            mark.unlink()
        if self.restored:
            for service in lost:  # until the new life's name is saved, this is not to be forgotten
                self._mark(service)

    def begin(self) -> None:
        """Save from now on whatever changes."""
        if self._keep:
            if self._changed:
                self._wake.set()
            self._task = asyncio.get_running_loop().create_task(self._save_what_changes())

    async def app(self, inner: Any, scope: Any, receive: Any, send: Send) -> None:
        """MiniStack, with what is asked of its state, and with a mark before each change."""
        path = scope["path"] if scope["type"] == "http" else ""
        if not path:
            await inner(scope, receive, send)
        elif path == LIFE:
            await _answer(send, self.life)
        elif path == SAVE:
            await _answer(send, await self.save())
        elif path == RESET and scope["method"] == "POST":

            async def emptied(message: MutableMapping[str, Any]) -> None:
                if message["type"] == "http.response.start":
                    self.instance = secrets.token_hex(8)
                    self._mark("everything")
                    await self.save()
                await send(message)

            await inner(scope, receive, emptied)
        else:
            service, operation = _called(scope)
            if not operation and scope["method"] == "POST":
                operation, receive = await _named_in_form(receive)
            if operation == "ReceiveMessage":

                async def marking(message: MutableMapping[str, Any]) -> None:
                    if b"ReceiptHandle" in message.get("body", b""):  # an empty answer changed nothing
                        self._mark(service)
                    await send(message)

                await inner(scope, receive, marking)
            else:
                if not _reads(scope, operation):
                    self._mark(service)
                await inner(scope, receive, send)

    def note(self, service: str, operation: str) -> None:
        """Before a call is carried out that did not come through `app`."""
        if not _only_reads(operation):
            self._mark(service)

    async def save(self) -> dict[str, Any]:
        """Save now; whether that went well."""
        if not self._keep:
            return {"kept": False}
        async with self._saving:
            begun = time.monotonic()
            number, self._changed, self._next = self._next, set(), self._next + 1
            reading, writing = os.pipe()
            child = os.fork()
            if child == 0:
                self._in_child(number, writing)
            stalled = time.monotonic() - begun
            os.close(writing)
            outcome = await asyncio.to_thread(_outcome, reading, child)
            self._last_seconds = time.monotonic() - begun
            self._left_out.update(map(tuple, outcome.get("left_out", ())))
            if "error" in outcome:
                print(f"the state was not saved: {outcome['error']}", file=sys.stderr, flush=True)
                self._changed.add("everything")
                return {"kept": False, **outcome}
            self._number = number
            for mark in self._marks():
                if _number_of(mark) <= number:
                    mark.unlink(missing_ok=True)
            return {"kept": True, **outcome, "seconds": self._last_seconds, "stalled": stalled}

    async def finish(self) -> None:
        """Save what is not saved yet: nobody calls any more."""
        if self._changed or self._saving.locked():
            await self.save()

    def _mark(self, service: str) -> None:
        if self._keep and service not in self._changed:
            try:
                with open(self._directory / f"changed-{self._next}", "a", encoding="utf-8") as mark:
                    mark.write(f"{service}\n")
                self._changed.add(service)
            except OSError as error:  # the disk is full: what is asked goes on, and a loss would not be told
                print(f"a change of {service} was not noted: {error}", file=sys.stderr, flush=True)
            self._wake.set()

    async def _save_what_changes(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(max(SECONDS, self._last_seconds / SHARE))
            self._wake.clear()
            await self.save()
            if self._changed:
                self._wake.set()

    def _in_child(self, number: int, writing: int) -> None:
        """The forked child: write its copy of the memory, tell how that went, and end."""
        outcome: dict[str, Any] = {}
        try:
            gc.disable()
            keep = sorted({2, writing, self._lock})
            for low, high in zip([-1, *keep], [*keep, 1 << 20], strict=True):
                os.closerange(low + 1, high)  # a caller of a killed MiniStack is not to wait for us
            left_out = set(self._left_out)
            outcome["bytes"] = self._write(number, left_out)
            outcome["left_out"] = sorted(left_out)
        except BaseException as error:  # noqa: BLE001 - the parent tells it
            outcome["error"] = f"{type(error).__name__}: {error}"
        finally:
            with contextlib.suppress(OSError):
                os.write(writing, json.dumps(outcome).encode())
            os._exit(0)

    def _write(self, number: int, left_out: set[tuple[str, str]]) -> int:
        content = dict(_memory(left_out))
        beside = self._directory / f"state.{number}"
        header = {
            "format": FORMAT,
            "ministack": self._ministack,
            "number": number,
            "instance": self.instance,
            "time": time.time(),
        }
        try:
            with _Writer(beside, self._directory / "blobs", header) as file:
                try:
                    _Pickler(file, 5).dump(content)
                except Exception:  # noqa: BLE001 - something in there is not data: find it, and write the rest
                    file.restart()
                    for module, variables in content.items():
                        for name in list(variables):
                            try:
                                _Pickler(io.BytesIO(), 5).dump(variables[name])
                            except Exception as error:  # noqa: BLE001 - as many as there are kinds of things
                                os.write(2, f"not kept: {module}.{name}: {error}\n".encode())  # no lock of print's
                                left_out.add((module, name))
                                del variables[name]
                    _Pickler(file, 5).dump(content)
            os.replace(beside, self._directory / "state")
            _sync(self._directory)
        finally:
            beside.unlink(missing_ok=True)
        blobs = self._directory / "blobs"
        for blob in os.listdir(blobs) if blobs.exists() else ():
            if blob not in file.blobs:
                (blobs / blob).unlink(missing_ok=True)
        return file.size

    def _read(self) -> dict[str, Any]:
        """Put the saved state into the services; its header. Number 0: there is none."""
        path = self._directory / "state"
        if not path.exists():
            return {"number": 0}
        header, rest = read_state(path, self._ministack)
        enabled = gc.isenabled()
        gc.disable()
        try:
            content = _Unpickler(io.BytesIO(b"".join(_pieces(rest, self._directory / "blobs")))).load()
            _put_into_services(content)
            _end_what_ran()
        except Exception as error:
            raise Unusable(f"{path} cannot be read: {type(error).__name__}: {error}") from error
        finally:
            if enabled:
                gc.enable()
        return header

    def _put_aside(self, why: str) -> None:
        aside = self._directory.with_name(f"{self._directory.name}.aside")
        shutil.rmtree(aside, ignore_errors=True)
        self._directory.rename(aside)
        self._directory.mkdir()
        _empty_services()
        self.notes.append(f"MiniStack begins from nothing: {why}; it lies in {aside} now")

    def _marks(self) -> list[Path]:
        return list(self._directory.glob("changed-*"))

    def _lost(self, number: int) -> list[str]:
        """What changed after that save."""
        marks = [mark for mark in self._marks() if _number_of(mark) > number]
        return sorted({service for mark in marks for service in mark.read_text(encoding="utf-8").split()})


def _number_of(mark: Path) -> int:
    return int(mark.name.rpartition("-")[2])


async def _answer(send: Send, document: dict[str, Any]) -> None:
    body = json.dumps(document).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _called(scope: Any) -> tuple[str, str]:
    """The service and the operation of a call, as far as its headers tell."""
    target = authorization = b""
    for name, value in scope["headers"]:
        if name == b"x-amz-target":
            target = value
        elif name == b"authorization":
            authorization = value
    called = target.rpartition(b".")[2].decode() or scope["path"].rpartition("/operation/")[2]
    parts = authorization.partition(b"Credential=")[2].split(b",")[0].split(b"/")
    service = parts[3].decode() if len(parts) > 3 else "services"
    return service, "" if "/" in called else called


async def _named_in_form(receive: Any) -> tuple[str, Any]:
    """The operation that a form's beginning names (AWS's query protocol), and the same body to be received again."""
    first = await receive()
    named = re.search(rb"(?:^|&)Action=(\w+)", first.get("body", b"")[:FORM])
    waiting = [first]

    async def again() -> Any:
        return waiting.pop() if waiting else await receive()

    return named[1].decode() if named else "", again


def _reads(scope: Any, operation: str) -> bool:
    if scope["path"].startswith("/_ministack/"):
        return scope["method"] in ("GET", "HEAD")
    if operation:
        return _only_reads(operation)
    return scope["method"] in ("GET", "HEAD", "OPTIONS") and b"Action=" not in scope["query_string"]


def _only_reads(operation: str) -> bool:
    return operation.startswith(READING) and operation not in READS_AND_CHANGES


def _outcome(reading: int, child: int) -> dict[str, Any]:
    with open(reading, "rb") as pipe:
        ready, _, _ = select.select([pipe], [], [], CHILD_SECONDS)
        if not ready:
            os.kill(child, signal.SIGKILL)
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    answer: dict[str, Any] = json.loads(said) if said else {"error": f"the saving process ended with {status}"}
    return answer


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# --- what is kept -----------------------------------------------------------------------------------------------------


def _memory(left_out: set[tuple[str, str]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each service's variables, by the name of its module."""
    for name, module in list(sys.modules.items()):
        if name.startswith(SERVICES) and module is not None:
            short = name.removeprefix(SERVICES)
            variables = {
                variable: value
                for variable, value in vars(module).items()
                if _is_state(short, variable, value) and (name, variable) not in left_out
            }
            if variables:
                yield name, variables


def _is_state(module: str, variable: str, value: Any) -> bool:
    if variable in COUNTERS.get(module, ()):
        return True
    constant = variable.startswith("__") or variable.upper() == variable
    return not constant and variable not in PASSING.get(module, ()) and isinstance(value, _containers())


def _containers() -> tuple[type, ...]:
    from ministack.core.responses import AccountRegionScopedDict, AccountScopedDict

    return (dict, list, set, deque, AccountScopedDict, AccountRegionScopedDict)


def _put_into_services(content: dict[str, dict[str, Any]]) -> None:
    """Into the containers that are there: other modules hold them too."""
    for name, variables in content.items():
        module = importlib.import_module(name)
        for variable, value in variables.items():
            if isinstance(value, _containers()):
                _fill(module, variable, value)
            else:
                setattr(module, variable, value)


def _fill(module: ModuleType, variable: str, value: Any) -> None:
    there = getattr(module, variable)
    if type(there) is not type(value):
        raise TypeError(f"{module.__name__}.{variable} is a {type(there).__name__}, not a {type(value).__name__}")
    if hasattr(there, "_data"):
        there, value = there._data, value._data
    there.clear()
    (there.extend if isinstance(there, (list, deque)) else there.update)(value)


def _empty_services() -> None:
    """After a state that was read in part."""
    from ministack import app

    app._reset_all_state()


def _end_what_ran() -> None:
    """What a thread of the process before worked on ends as on a restart of MiniStack with its own persistence."""
    for name, module in list(sys.modules.items()):
        if not name.startswith(SERVICES):
            continue
        short = name.removeprefix(SERVICES)
        if short == "stepfunctions":
            for execution in module._executions.all_values():
                if execution.get("status") == "RUNNING":
                    cause = "Execution was running when service restarted"
                    ended = {"status": "FAILED", "stopDate": module.now_iso(), "error": "States.ServiceRestart"}
                    execution.update(ended, cause=cause)
        elif short == "eventbridge":
            for replay in module._replays.all_values():
                if replay.get("State") in ("STARTING", "RUNNING"):
                    replay.update(State="FAILED", ReplayEndTime=module._now_ts())
        elif short in ("transcribe", "translate"):
            module._fail_orphaned_jobs()
        elif (short == "lambda_svc" and module._esms.has_any()) or (short == "pipes" and module._pipes.has_any()):
            module._ensure_poller()


def read_state(path: Path, ministack: str) -> tuple[dict[str, Any], bytes]:
    """The header of a saved state, and what follows it; Unusable where that MiniStack cannot take it up."""
    data = path.read_bytes()
    if len(data) < DIGEST or hashlib.blake2b(data[:-DIGEST], digest_size=DIGEST).digest() != data[-DIGEST:]:
        raise Unusable(f"{path} is damaged")
    line, _, rest = data[:-DIGEST].partition(b"\n")
    header: dict[str, Any] = json.loads(line)
    if (header["format"], header["ministack"]) != (FORMAT, ministack):
        by = f"MiniStack {header['ministack']} (format {header['format']})"
        raise Unusable(f"{path} was saved by {by}, this is MiniStack {ministack} (format {FORMAT})")
    return header, rest


def check_state(kept: Path, ministack: str) -> None:
    """Unusable where what is kept is not whole, or not of that MiniStack; nothing kept is whole too."""
    if (kept / "state").exists():
        _, rest = read_state(kept / "state", ministack)
        try:
            for _piece in _pieces(rest, kept / "blobs"):
                pass
        except (OSError, ValueError) as error:
            raise Unusable(f"{kept} is damaged: {error}") from error


# --- the file ---------------------------------------------------------------------------------------------------------


class _Writer:
    """The state's file as the pickler writes to it: what is large comes in one piece, and goes into a blob."""

    def __init__(self, path: Path, blobs: Path, header: dict[str, Any]) -> None:
        self.blobs: set[str] = set()
        self.size = 0
        self._directory = blobs
        self._file: BinaryIO = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
        self._header = json.dumps(header).encode() + b"\n"
        self.restart()

    def restart(self) -> None:
        self._file.seek(0)
        self._file.truncate()
        self._digest = hashlib.blake2b(digest_size=DIGEST)
        self.size = 0
        self._put(self._header)

    def write(self, data: Any) -> int:
        size = len(data)
        if size < LARGE:
            self._put(b"D" + size.to_bytes(8, "big"))
            self._put(data)
        else:
            name = hashlib.blake2b(data, digest_size=DIGEST).hexdigest()
            self.blobs.add(name)
            path = self._directory / name
            if not path.exists() or path.stat().st_size != size:
                self._directory.mkdir(exist_ok=True)
                beside = path.with_name(f".{name}")
                with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(beside, path)
                _sync(self._directory)
            self._put(b"B" + bytes.fromhex(name))
        return size

    def _put(self, data: Any) -> None:
        self._digest.update(data)
        self.size += self._file.write(data)

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, *error: object) -> None:
        with self._file:
            self._file.write(self._digest.digest())
            self._file.flush()
            os.fsync(self._file.fileno())


def _pieces(rest: bytes, blobs: Path) -> Iterator[bytes]:
    place = 0
    while place < len(rest):
        if rest[place : place + 1] == b"D":
            begin = place + 9
            place = begin + int.from_bytes(rest[place + 1 : begin], "big")
            yield rest[begin:place]
        else:
            name = rest[place + 1 : place + 1 + DIGEST].hex()
            place += 1 + DIGEST
            data = (blobs / name).read_bytes()
            if hashlib.blake2b(data, digest_size=DIGEST).hexdigest() != name:
                raise ValueError(f"the blob {name} is damaged")
            yield data


def _lock() -> Any:
    return threading.Lock()


def _rlock() -> Any:
    return threading.RLock()


def _event() -> threading.Event:
    return threading.Event()


def _private_key(pem: bytes) -> Any:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    return load_pem_private_key(pem, None)


def _public_key(pem: bytes) -> Any:
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    return load_pem_public_key(pem)


_MADE_ANEW: dict[type, Callable[[], Any]] = {
    type(threading.Lock()): _lock,
    type(threading.RLock()): _rlock,
    threading.Event: _event,
}
_OWN = (_lock, _rlock, _event, _private_key, _public_key)
_PLAIN = (OrderedDict, defaultdict, deque, set, frozenset, dict, list, bytearray, complex, range, slice)
_NAMED = {(thing.__module__, thing.__qualname__): thing for thing in (*_OWN, *_PLAIN)}
_OF_DATA = ("datetime", "decimal", "uuid", "fractions", "zoneinfo")


def _is_data(module: str, name: str) -> bool:
    """Whether a file may name it. A class of MiniStack's is data, a function is not."""
    return (module, name) in _NAMED or module in _OF_DATA or module.startswith("ministack.")


class _Pickler(pickle.Pickler):
    """Data, and the few things in it that are not: locks are made anew, keys are written as PEM."""

    def reducer_override(self, thing: Any) -> Any:
        if callable(thing):
            module, name = getattr(thing, "__module__", ""), getattr(thing, "__qualname__", repr(thing))
            if not _is_data(module, name) or (module.startswith("ministack.") and not isinstance(thing, type)):
                raise pickle.PicklingError(f"{module}.{name} is not data")
        elif type(thing) in _MADE_ANEW:
            return _MADE_ANEW[type(thing)], ()
        elif hasattr(thing, "private_bytes"):
            from cryptography.hazmat.primitives import serialization as form

            pem = thing.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
            return _private_key, (pem,)
        elif hasattr(thing, "public_bytes") and hasattr(thing, "public_numbers"):
            from cryptography.hazmat.primitives import serialization as form

            pem = thing.public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
            return _public_key, (pem,)
        return NotImplemented


class _Unpickler(pickle.Unpickler):
    """Takes data, and no name that would run anything."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _NAMED:
            return _NAMED[module, name]
        thing = super().find_class(module, name) if _is_data(module, name) else None
        if not isinstance(thing, type):
            raise pickle.UnpicklingError(f"{module}.{name} is not data")
        return thing
