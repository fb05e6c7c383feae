"""What a saved state may name, and what a file that is not one does."""

from __future__ import annotations

import io
import os
import pickle
import sys
import threading
from collections import OrderedDict, defaultdict, deque
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from staticfire.edge.emulators.in_ministack import keeping

LARGE = os.urandom(keeping.LARGE * 2)


def written(value: Any) -> bytes:
    file = io.BytesIO()
    keeping._Pickler(file, 5).dump(value)
    return file.getvalue()


def read(data: bytes) -> Any:
    return keeping._Unpickler(io.BytesIO(data)).load()


def test_data_comes_back_as_it_was() -> None:
    shared = {"a": [1, b"\0", None]}
    value = {
        ("t", 1): {1.5, "x"},
        "d": defaultdict(dict, {"k": shared}),
        "o": OrderedDict(b=2, a=1),
        "q": deque([shared]),
        "when": datetime.now(UTC),
        "n": Decimal("1.10"),
        "f": frozenset((1,)),
    }
    back = read(written(value))
    assert back == value
    assert back["d"].default_factory is dict
    assert back["d"]["k"] is back["q"][0]  # shared, as it was


def test_locks_are_made_anew_and_keys_stay_the_same() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    other = ec.generate_private_key(ec.SECP256R1())
    back = read(written([threading.Lock(), threading.RLock(), threading.Event(), key, key.public_key(), other]))
    assert back[0].acquire(blocking=False)
    assert back[1].acquire(blocking=False)
    assert not back[2].is_set()
    assert back[3].private_numbers() == key.private_numbers()
    assert back[4].public_numbers() == key.public_key().public_numbers()
    assert back[5].private_numbers() == other.private_numbers()


class Runs:
    def __init__(self, call: Any, *arguments: Any) -> None:
        self._call = call, arguments

    def __reduce__(self) -> Any:
        return self._call


@pytest.mark.parametrize(
    "call",
    [
        (os.system, "true"),
        (eval, "1"),
        (getattr, "a", "upper"),
        (__import__, "os"),
        (keeping._sync, "/"),
        (open, "/etc/passwd"),
    ],
)
def test_a_file_runs_nothing(call: tuple[Any, ...]) -> None:
    with pytest.raises(pickle.UnpicklingError, match="is not data"):
        read(pickle.dumps(Runs(*call)))


def test_a_file_calls_no_function_of_ministack(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("ministack.app")
    module.main = print  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ministack", ModuleType("ministack"))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    with pytest.raises(pickle.UnpicklingError, match="is not data"):
        read(b"cministack.app\nmain\n(tR.")


@pytest.mark.parametrize(
    "value", [print, threading.Thread(), lambda: 1, os], ids=["builtin", "thread", "lambda", "module"]
)
def test_what_is_not_data_is_not_written(value: Any) -> None:
    with pytest.raises((pickle.PicklingError, TypeError)):
        written({"a": value})


def file_of(directory: Path, value: Any) -> Path:
    path = directory / "state"
    header = {"format": keeping.FORMAT, "ministack": "1", "number": 3, "instance": "i", "time": 0.0}
    with keeping._Writer(path, directory / "blobs", header) as file:
        keeping._Pickler(file, 5).dump(value)
    return path


def test_what_is_large_is_written_once_beside(tmp_path: Path) -> None:
    value = {"a": LARGE, "b": [LARGE], "c": b"small", "d": ["x" * 1000] * 1000}
    path = file_of(tmp_path, value)
    [blob] = (tmp_path / "blobs").iterdir()
    written_at = blob.stat().st_mtime_ns
    file_of(tmp_path, value)
    assert blob.stat().st_mtime_ns == written_at
    assert path.stat().st_size < len(LARGE)
    _, rest = keeping.read_state(path, "1")
    assert read(b"".join(keeping._pieces(rest, tmp_path / "blobs"))) == value


@pytest.mark.parametrize("place", [0, 1, 30, -33, -1])
def test_each_changed_byte_is_found(tmp_path: Path, place: int) -> None:
    path = file_of(tmp_path, {"a": "b" * 1000})
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    with pytest.raises(keeping.Unusable, match="damaged"):
        keeping.check_state(tmp_path, "1")


def test_a_changed_or_missing_blob_is_found(tmp_path: Path) -> None:
    file_of(tmp_path, {"a": LARGE})
    [blob] = (tmp_path / "blobs").iterdir()
    blob.write_bytes(LARGE[:-1] + b"\0\0")
    with pytest.raises(keeping.Unusable, match="blob"):
        keeping.check_state(tmp_path, "1")
    blob.unlink()
    with pytest.raises(keeping.Unusable, match="damaged"):
        keeping.check_state(tmp_path, "1")


def test_the_state_of_another_ministack_is_named(tmp_path: Path) -> None:
    file_of(tmp_path, {})
    with pytest.raises(keeping.Unusable, match=r"saved by MiniStack 1 .*this is MiniStack 2"):
        keeping.check_state(tmp_path, "2")


@pytest.mark.parametrize(
    ("method", "path", "query", "headers", "reads"),
    [
        ("POST", "/", b"", {b"x-amz-target": b"DynamoDB_20120810.GetItem"}, True),
        ("POST", "/", b"", {b"x-amz-target": b"DynamoDB_20120810.PutItem"}, False),
        ("POST", "/", b"", {b"x-amz-target": b"AWSCognitoIdentityService.GetId"}, False),
        ("POST", "/", b"", {}, False),
        ("GET", "/bucket/key", b"", {}, True),
        ("PUT", "/bucket/key", b"", {}, False),
        ("GET", "/", b"Action=SendMessage", {}, False),
        ("GET", "/_ministack/health", b"", {}, True),
        ("POST", "/_ministack/reset", b"", {}, False),
    ],
)
def test_what_counts_as_a_change(
    method: str, path: str, query: bytes, headers: dict[bytes, bytes], reads: bool
) -> None:
    scope = {"method": method, "path": path, "query_string": query, "headers": list(headers.items())}
    _, operation = keeping._called(scope)
    assert keeping._reads(scope, operation) is reads


@pytest.mark.parametrize(
    ("body", "operation"),
    [
        (b"Action=DescribeVpcs&Version=2016-11-15", "DescribeVpcs"),
        (b"Version=2016-11-15&Action=CreateVpc", "CreateVpc"),
        (b"MessageBody=Action=GetItem", ""),
        (b"", ""),
    ],
)
async def test_a_form_names_its_operation_and_is_received_whole(body: bytes, operation: str) -> None:
    messages = [{"body": body, "more_body": True}, {"body": b"&Rest=1"}]

    async def receive() -> Any:
        return messages.pop(0)

    named, again = await keeping._named_in_form(receive)
    assert named == operation
    assert [await again(), await again()] == [{"body": body, "more_body": True}, {"body": b"&Rest=1"}]
