"""Patches of the Update operations: how paths are read, what is refused, and in whose words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from staticfire.edge.aws.calls import AwsError
from staticfire.edge.services.apigateway.rest.control import patches
from staticfire.edge.services.apigateway.rest.control.patches import Patch


def patch(op: str, path: str, value: str | None = None) -> Patch:
    return Patch(op, path, value, None)


def refusal(call: Callable[[], Any]) -> str:
    with pytest.raises(AwsError) as error:
        call()
    return error.value.message


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("/name", ["name"]),
        ("/binaryMediaTypes/image~1png", ["binaryMediaTypes", "image/png"]),
        ("/x/a~0~1b", ["x", "a~/b"]),
        ("/x/", ["x", ""]),
    ],
)
def test_parts(path: str, parts: list[str]) -> None:
    assert patch("add", path).parts == parts


def test_a_patch_without_a_path_is_refused() -> None:
    assert refusal(lambda: list(patches.read({"patchOperations": [{"op": "add"}]}))) == "Invalid patch path null"


def test_entries_of_a_map() -> None:
    record: dict[str, Any] = {}
    patches.change_map(record, "m", patch("add", "/m/a~1b", "1"), "1")
    patches.change_map(record, "m", patch("replace", "/m/a~1b", "2"), "2")
    assert record == {"m": {"a/b": "2"}}
    assert refusal(lambda: patches.change_map(record, "m", patch("replace", "/m/c"), "3")) == (
        "Invalid parameter name specified"
    )
    assert refusal(lambda: patches.change_map(record, "m", patch("copy", "/m/c"), "3")).startswith(
        "Invalid patch operation specified"
    )
    for path in ("/m", "/m/", "/m/a/b"):
        assert refusal(lambda path=path: patches.change_map(record, "m", patch("add", path), "3")) == (
            f"Invalid patch path {path}"
        )
    patches.change_map(record, "m", patch("remove", "/m/a~1b"), None)
    assert record == {}


def test_entries_of_a_list() -> None:
    record: dict[str, Any] = {}
    for entry in ("a", "b", "a"):
        patches.change_list(record, "l", patch("add", "/l", entry), entry)
    assert record == {"l": ["b", "a"]}
    for entry in ("a", "b", "none"):
        patches.change_list(record, "l", patch("remove", "/l", entry), entry)
    assert record == {}


def test_what_is_supported() -> None:
    paths = ("/name", "/throttle/{stage}")
    patches.supported(patch("replace", "/name"), paths)
    patches.supported(patch("replace", "/throttle/a:b/c"), paths)
    patches.supported(patch("add", "/labels"), paths, also={"add": ("/labels",)})
    assert refusal(lambda: patches.supported(patch("add", "/name"), paths)) == (
        "Invalid patch path  '/name' specified for op 'add'. Please choose supported operations"
    )
    assert refusal(lambda: patches.supported(patch("replace", "/id"), paths)) == (
        "Invalid patch path  '/id' specified for op 'replace'. Must be one of: [/name, /throttle/{stage}]"
    )
