"""Zips on disk: unpacked once, never outside of their directory."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import sys
import time
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.services.lambda_ import FunctionRef, code, zips
from staticfire.edge.services.lambda_.code import CodeStore, hexadecimal
from staticfire.edge.services.lambda_.control_plane import packages
from staticfire.edge.services.lambda_.policy import allows
from staticfire.edge.services.lambda_.runtimes.python import PythonRuntime
from staticfire.edge.store import Key, Store
from tests.unit.edge.services.lambda_.kit import digest, packed

RUNTIME = PythonRuntime(sys.executable, "{}.{}".format(*sys.version_info[:2]))


@pytest.fixture
async def documents(tmp_path: Path) -> AsyncIterator[Store]:
    documents = Store(tmp_path / "edge.sqlite")
    yield documents
    await documents.close()


@pytest.fixture
def store(tmp_path: Path, documents: Store) -> CodeStore:
    return CodeStore(tmp_path, documents)


@pytest.fixture(params=["small", "large"])
def of_both_sizes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small zip lies in the store, a large one is a file."""
    if request.param == "large":
        monkeypatch.setattr(zips, "SMALL", 0)


def zipped(*entries: tuple[str, str | bytes, int]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data, mode in entries:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            archive.writestr(info, data)
    return buffer.getvalue()


def serving(data: bytes, asked: list[int]) -> Callable[[], Awaitable[bytes]]:
    async def fetch() -> bytes:
        asked.append(1)
        return data

    return fetch


async def test_a_tree_is_made_once_and_compiled(store: CodeStore, code_digest: Callable[[bytes], str]) -> None:
    data = zipped(("app.py", "x = 1", 0o100644), ("bin/run", "#!", 0o100755))
    asked: list[int] = []
    first = await store.tree(code_digest(data), RUNTIME, serving(data, asked))
    again = await store.tree(code_digest(data), RUNTIME, serving(data, asked))
    assert first == again
    assert asked == [1]
    assert list(first.joinpath("__pycache__").glob("app.*.pyc"))
    assert stat.S_IMODE(first.joinpath("bin/run").stat().st_mode) == 0o755


async def test_what_was_not_used_for_a_week_or_not_finished_goes_with_the_next_start(
    store: CodeStore, documents: Store, code_digest: Callable[[bytes], str], tmp_path: Path
) -> None:
    old, new = zipped(("app.py", "x = 1", 0o100644)), zipped(("app.py", "x = 2", 0o100644))
    for data in (old, new):
        await store.tree(code_digest(data), RUNTIME, serving(data, []))
    (tmp_path / "code" / "partial-1").mkdir()
    (tmp_path / "zips").mkdir()
    (tmp_path / "zips" / "partial-2").touch()
    for path in tmp_path.glob("*/*"):
        os.utime(path, (0, 0))
    await store.tree(code_digest(new), RUNTIME, serving(new, []))
    CodeStore(tmp_path, documents)
    digest = hashlib.sha256(new).hexdigest()
    assert [path.name for path in tmp_path.glob("*/*")] == [f"{digest}-{RUNTIME.name}"]


@pytest.mark.usefixtures("of_both_sizes")
async def test_the_zip_of_what_is_described_stays_however_old_it_is(
    store: CodeStore, documents: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    described, other = zipped(("app.py", "x = 1", 0o100644)), zipped(("app.py", "x = 2", 0o100644))
    sha256 = await store.keep(described)
    await store.keep(other)
    now = time.time()
    for days, there in ((6, {described, other}), (8, {described})):
        monkeypatch.setattr(time, "time", lambda later=now + days * 24 * 3600: later)
        again = CodeStore(tmp_path, documents, [sha256])
        assert {await again.zip(hexadecimal(digest(data))) for data in (described, other)} - {None} == there


@pytest.mark.usefixtures("of_both_sizes")
async def test_a_zip_is_there_with_what_describes_it(store: CodeStore, documents: Store, tmp_path: Path) -> None:
    """A large one before, a small one by the same write."""
    data = zipped(("app.py", "x = 1", 0o100644))
    sha256, blobs = await store.take(data)
    assert bool(blobs) == (zips.SMALL > 0)
    assert (await store.zip(hexadecimal(sha256)) is None) == bool(blobs)
    await documents.write({Key("1", "r", "lambda", "function", "f"): {"CodeSha256": sha256}}, blobs=blobs)
    assert await store.zip(hexadecimal(sha256)) == data
    assert len(list(tmp_path.glob("zips/*"))) == (0 if blobs else 1)
    await store.forget(sha256)
    assert await store.zip(hexadecimal(sha256)) is None


@pytest.mark.parametrize("name", ["../out.py", "/etc/out.py", "a/../../out.py"])
async def test_an_entry_that_leads_out_is_refused(
    store: CodeStore, code_digest: Callable[[bytes], str], tmp_path: Path, name: str
) -> None:
    data = zipped((name, "x", 0o100644))
    with pytest.raises(AwsError, match="leads out"):
        await store.tree(code_digest(data), RUNTIME, serving(data, []))
    assert not list(tmp_path.parent.rglob("out.py"))
    assert not list(tmp_path.joinpath("code").iterdir())


async def test_nothing_is_written_through_a_link(
    store: CodeStore, code_digest: Callable[[bytes], str], tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    data = zipped(("link", str(outside), 0o120777), ("link/out.py", "x", 0o100644))
    with pytest.raises((AwsError, OSError)):
        await store.tree(code_digest(data), RUNTIME, serving(data, []))
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content", "mode", "problem"),
    [
        ("d/" * 300 + "deep.py", "x", 0o100644, "lies deeper than 200 directories"),
        ("link", "x" * 5000, 0o120777, "has 5000 bytes"),
        ("link", "", 0o120777, "cannot be unpacked"),
        ("n" * 300, "x", 0o100644, "cannot be unpacked"),
    ],
)
async def test_what_no_file_system_takes_is_refused_and_leaves_nothing(
    store: CodeStore,
    code_digest: Callable[[bytes], str],
    tmp_path: Path,
    name: str,
    content: str,
    mode: int,
    problem: str,
) -> None:
    data = zipped((name, content, mode))
    with pytest.raises(AwsError, match=problem):
        await store.tree(code_digest(data), RUNTIME, serving(data, []))
    assert not list(tmp_path.joinpath("code").iterdir())


async def test_a_link_in_the_place_of_a_directory_is_refused(
    store: CodeStore, code_digest: Callable[[bytes], str]
) -> None:
    data = zipped(("link", "/tmp", 0o120777), ("link/x.py", "x", 0o100644))
    with pytest.raises(AwsError, match="cannot be unpacked"):
        await store.tree(code_digest(data), RUNTIME, serving(data, []))


@pytest.mark.parametrize("size", [0, 1000])
async def test_more_entries_than_are_taken_are_refused(
    store: CodeStore, code_digest: Callable[[bytes], str], monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(code, "MOST_ENTRIES", 3)
    fits, too_many = (zipped(*((f"{number}.txt", "x" * size, 0o100644) for number in range(count))) for count in (3, 4))
    tree = await store.tree(code_digest(fits), RUNTIME, serving(fits, []))
    assert len(list(tree.glob("*.txt"))) == 3
    with pytest.raises(AwsError, match="more than 3 entries"):
        await store.tree(code_digest(too_many), RUNTIME, serving(too_many, []))


async def test_more_entries_than_are_taken_are_refused_before_they_are_read(
    store: CodeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "MOST_ENTRIES", 3)
    taking = packages.Packages(cast("Emulator", None), store, cast("packages.ResolveImage", None))
    fits, too_many = (zipped(*((f"{number}.txt", "x", 0o100644) for number in range(count))) for count in (3, 4))
    assert (await taking.keep(fits)).unpacked == 3
    with pytest.raises(AwsError, match="The zip holds 4 entries") as refused:
        await taking.keep(too_many)
    assert refused.value.code == "InvalidParameterValueException"


async def test_what_is_no_zip_is_refused(store: CodeStore, code_digest: Callable[[bytes], str]) -> None:
    data = b"no zip"
    with pytest.raises(AwsError, match="InvalidZipFileException"):
        await store.tree(code_digest(data), RUNTIME, serving(data, []))


async def test_other_code_than_described_is_refused(store: CodeStore, code_digest: Callable[[bytes], str]) -> None:
    with pytest.raises(AwsError, match="its CodeSha256 says"):
        await store.tree(code_digest(b"wanted"), RUNTIME, serving(b"served", []))


@pytest.mark.parametrize(
    ("text", "name", "qualifier", "account"),
    [
        ("f", "f", None, "000000000000"),
        ("f:live", "f", "live", "000000000000"),
        ("f:$LATEST", "f", "$LATEST", "000000000000"),
        ("function:f", "f", None, "000000000000"),
        ("123456789012:function:f:7", "f", "7", "123456789012"),
        ("arn:aws:lambda:eu-west-1:123456789012:function:f", "f", None, "123456789012"),
    ],
)
def test_references_are_names_partial_arns_and_arns(text: str, name: str, qualifier: str | None, account: str) -> None:
    ref = FunctionRef.parse(text, Scope())
    assert (ref.name, ref.qualifier, ref.scope.account) == (name, qualifier, account)


@pytest.mark.parametrize("text", ["", "a b", "arn:aws:s3:::bucket", "f:live:more", "../f"])
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(AwsError, match="ValidationException"):
        FunctionRef.parse(text, Scope())


def test_two_different_qualifiers_are_refused() -> None:
    with pytest.raises(AwsError, match="does not match"):
        FunctionRef.parse("f:1", Scope(), "2")


FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:f"
GATEWAY = "apigateway.amazonaws.com"
SOURCE = "arn:aws:execute-api:us-east-1:123456789012:api/stage/GET/path/more"


@pytest.mark.parametrize(
    ("statement", "allowed"),
    [
        ({"Principal": "*"}, True),
        ({"Principal": {"Service": GATEWAY}}, True),
        ({"Principal": {"Service": ["events.amazonaws.com", GATEWAY]}}, True),
        ({"Principal": {"Service": "events.amazonaws.com"}}, False),
        ({"Principal": "*", "Action": "lambda:*"}, True),
        ({"Principal": "*", "Action": "lambda:GetFunction"}, False),
        ({"Principal": "*", "Condition": {"ArnLike": {"AWS:SourceArn": "arn:aws:execute-api:*:*:api/*"}}}, True),
        ({"Principal": "*", "Condition": {"ArnLike": {"aws:sourcearn": "arn:*:api/*"}}}, False),
        ({"Principal": "*", "Condition": {"StringEquals": {"AWS:SourceAccount": "123456789012"}}}, True),
        ({"Principal": "*", "Condition": {"StringEquals": {"AWS:SourceAccount": "000000000000"}}}, False),
        ({"Principal": "*", "Condition": {"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}}, False),
    ],
)
def test_a_statement_holds_or_not(statement: dict[str, Any], allowed: bool) -> None:
    policy = {"Statement": [{"Effect": "Allow", "Action": "lambda:InvokeFunction", **statement}]}
    assert allows(policy, FUNCTION, GATEWAY, SOURCE) is allowed


def test_a_denial_wins() -> None:
    allow = {"Effect": "Allow", "Principal": "*", "Action": "lambda:InvokeFunction"}
    assert not allows({"Statement": [allow, {**allow, "Effect": "Deny"}]}, FUNCTION, GATEWAY, SOURCE)


def test_a_permission_of_an_alias_is_none_of_the_function() -> None:
    allow = {"Effect": "Allow", "Principal": "*", "Action": "lambda:InvokeFunction", "Resource": f"{FUNCTION}:live"}
    assert not allows({"Statement": [allow]}, FUNCTION, GATEWAY, SOURCE)
    assert allows({"Statement": [allow]}, f"{FUNCTION}:live", GATEWAY, SOURCE)


async def test_what_did_not_change_is_taken_over_from_the_code_before(
    store: CodeStore, code_digest: Callable[[bytes], str]
) -> None:
    old = packed({"same.py": "X = 1", "other.py": "Y = 1", "gone.py": "", "run.py": "#!/bin/sh"})
    new = packed({"same.py": "X = 1", "other.py": "Y = 2", "run.py": "no program any more"})
    before = await store.tree(code_digest(old), RUNTIME, serving(old, []))
    (before / "__pycache__").mkdir(exist_ok=True)
    (before / "__pycache__" / "same.cpython-311.pyc").write_bytes(b"compiled")
    after = await store.tree(code_digest(new), RUNTIME, serving(new, []), code_digest(old))
    assert (after / "same.py").samefile(before / "same.py")
    assert (after / "__pycache__" / "same.cpython-311.pyc").read_bytes() == b"compiled"
    assert ((before / "other.py").read_text(), (after / "other.py").read_text()) == ("Y = 1", "Y = 2")
    assert not (after / "gone.py").exists()
    assert (after / "run.py").stat().st_mode & 0o777 == 0o644


@pytest.mark.usefixtures("of_both_sizes")
async def test_what_is_forgotten_is_gone(store: CodeStore, tmp_path: Path, code_digest: Callable[[bytes], str]) -> None:
    data = packed({"a.py": ""})
    await store.keep(data)
    tree = await store.tree(code_digest(data), RUNTIME, serving(data, []))
    await store.forget(code_digest(data))
    assert not tree.exists()
    assert await store.zip(hexadecimal(code_digest(data))) is None


async def test_a_tree_that_is_still_being_compiled_is_taken_over(
    store: CodeStore, code_digest: Callable[[bytes], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = packed({"same.py": "X = 1"}), packed({"same.py": "X = 1", "new.py": ""})
    before = await store.tree(code_digest(old), RUNTIME, serving(old, []))
    directory = before / "__pycache__"
    (directory / "same.cpython-399.pyc.140123").write_bytes(b"half of it")
    listed = {"same": ["same.cpython-399.pyc"]}  # gone since it was listed
    monkeypatch.setattr(code, "_byte_code", lambda place: listed)
    after = await store.tree(code_digest(new), RUNTIME, serving(new, []), code_digest(old))
    assert (after / "same.py").samefile(before / "same.py")
    monkeypatch.undo()
    code._byte_code.cache_clear()
    assert all(name.endswith(".pyc") for name in code._byte_code(str(before))["same"])


async def test_without_hard_links_code_is_unpacked_anew(
    store: CodeStore, code_digest: Callable[[bytes], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    old, new = packed({"same.py": "X = 1"}), packed({"same.py": "X = 1", "new.py": ""})
    before = await store.tree(code_digest(old), RUNTIME, serving(old, []))
    monkeypatch.setattr(os, "link", refuse)
    after = await store.tree(code_digest(new), RUNTIME, serving(new, []), code_digest(old))
    assert (after / "same.py").read_text() == "X = 1"
    assert not (after / "same.py").samefile(before / "same.py")
