"""What is said of a custom runtime's zip before it is applied."""

from __future__ import annotations

import platform
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from staticfire.stacks.terraform import bootstrap
from staticfire.stacks.terraform.obstacle import Weight
from staticfire.stacks.terraform.output import Resource
from staticfire.stacks.terraform.plan_check import obstacles

NUMBERS = {"x86_64": 62, "arm64": 183}
MACHINE = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
OTHER = next(name for name in NUMBERS if name != MACHINE)


def elf(architecture: str) -> bytes:
    return b"\x7fELF\x02\x01\x01" + bytes(11) + NUMBERS[architecture].to_bytes(2, "little") + bytes(44)


def packed(path: Path, name: str, content: bytes, mode: int = 0o755) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = mode << 16
        archive.writestr(entry, content)


def said(root: Path, *others: Resource, **values: Any) -> Sequence[tuple[bool, str]]:
    function = {"runtime": "provided.al2023", "filename": "code.zip", "layers": None, **values}
    resources = [Resource("aws_lambda_function.this", "aws_lambda_function", function), *others]
    return [
        (obstacle.weight is Weight.REFUSED, str(obstacle)) for obstacle in obstacles(resources, "0" * 12, root=root)
    ]


def test_nothing_is_said_of_what_runs(tmp_path: Path) -> None:
    for content in (elf(MACHINE), b"#!/bin/sh\n"):
        packed(tmp_path / "code.zip", "bootstrap", content)
        assert said(tmp_path, architectures=[MACHINE]) == []


@pytest.mark.parametrize(
    ("content", "declared", "words"),
    [
        (elf(OTHER), MACHINE, f"built for {OTHER}, and its architecture is {MACHINE}: AWS cannot start it"),
        (elf(MACHINE), OTHER, f"built for {MACHINE}, and its architecture is {OTHER}: AWS cannot start it"),
        (elf(OTHER), OTHER, f"built for {OTHER}, and this machine is {MACHINE}"),
    ],
)
def test_another_architecture_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, declared: str, words: str
) -> None:
    monkeypatch.setattr(bootstrap, "BINARY_FORMATS", tmp_path)  # this machine may have qemu-user
    packed(tmp_path / "code.zip", "bootstrap", content)
    [(refuses, text)] = said(tmp_path, architectures=[declared])
    assert refuses
    assert words in text


def test_where_qemu_user_is_installed_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "BINARY_FORMATS", tmp_path)
    (tmp_path / f"qemu-{ {'arm64': 'aarch64'}.get(OTHER, OTHER) }").touch()
    packed(tmp_path / "code.zip", "bootstrap", elf(OTHER))
    assert said(tmp_path, architectures=[OTHER]) == []


def test_one_that_is_not_executable_or_not_there_is_refused(tmp_path: Path) -> None:
    packed(tmp_path / "code.zip", "bootstrap", b"#!/bin/sh\n", 0o644)
    assert "not executable" in said(tmp_path)[0][1]
    packed(tmp_path / "code.zip", "main.sh", b"#!/bin/sh\n")
    assert "has no `bootstrap` in code.zip" in said(tmp_path)[0][1]
    assert said(tmp_path, layers=["arn:aws:lambda:us-east-1:000000000000:layer:sh:1"]) == []


def test_the_zip_may_be_an_object_of_the_same_plan(tmp_path: Path) -> None:
    packed(tmp_path / "built.zip", "bootstrap", elf(OTHER))
    place = {"bucket": "code", "key": "a.zip"}
    item = Resource("aws_s3_object.code", "aws_s3_object", {**place, "source": "./built.zip"})
    of_s3 = {"filename": None, "s3_bucket": "code", "s3_key": "a.zip", "architectures": [MACHINE]}
    assert f"built for {OTHER}" in said(tmp_path, item, **of_s3)[0][1]
    assert said(tmp_path, **of_s3) == []
