"""Code that was put into functions while its sources were watched: noted down, and settled by the next `up`.

Terraform does not know of it. When the sources are as they were applied, there is nothing for Terraform to do, and the
functions still have what was saved in between: whoever applies puts back what Terraform deployed.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from staticfire.boto import client
from staticfire.edge_client import EdgeClient
from staticfire.host.files import read_json, write_json

from .deployed import Deployed
from .stack import Stack

CODE_SECONDS = 120.0


def sha256_of(data: bytes) -> str:
    """As AWS writes CodeSha256."""
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def edge_of(stack: Stack) -> EdgeClient:
    return stack.running.edge(timeout=CODE_SECONDS)


def put(stack: Stack, functions: Sequence[str], layers: Sequence[str], data: bytes) -> Mapping[str, Any]:
    """Put a zip into functions and layers; noted down before."""
    _note(stack, functions, layers)
    return edge_of(stack).put_code(functions, layers, data)


def change(
    stack: Stack, functions: Sequence[str], layers: Sequence[str], files: bytes, base: str, removed: Sequence[str]
) -> Mapping[str, Any] | None:
    """Put what differs from the zip `base` that they have; None: the edge wants it as a whole."""
    _note(stack, functions, layers)
    return edge_of(stack).change_code(functions, layers, files, base=base, removed=removed)


def _note(stack: Stack, functions: Sequence[str], layers: Sequence[str]) -> None:
    path = stack.layout.live(stack.account, stack.name)
    before = read_json(path, arns=list) or {"arns": []}
    arns = sorted({*before["arns"], *functions, *layers})
    if arns != before["arns"]:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, {"arns": arns})


def deployed_hashes(stack: Stack, arns: Iterable[str]) -> dict[str, str]:
    """CodeSha256 of these functions and layer versions, as they are now; those that are gone have none."""
    hashes: dict[str, str] = {}
    wanted_arns = set(arns)
    for region in sorted({arn.split(":")[3] for arn in wanted_arns}):
        functions = client(stack.running.endpoint, region, stack.account, "lambda")
        for page in functions.get_paginator("list_functions").paginate():
            hashes |= {function["FunctionArn"]: function["CodeSha256"] for function in page["Functions"]}
        for arn in wanted_arns:
            if ":layer:" in arn and arn.split(":")[3] == region:
                with contextlib.suppress(functions.exceptions.ResourceNotFoundException):
                    hashes[arn] = functions.get_layer_version_by_arn(Arn=arn)["Content"]["CodeSha256"]
    return {arn: sha256 for arn, sha256 in hashes.items() if arn in wanted_arns}


def settle(stack: Stack) -> int:
    """After an apply: give what was put by hand what Terraform has deployed; how many were changed by that."""
    path = stack.layout.live(stack.account, stack.name)
    note = read_json(path, arns=list)
    if note is None:
        return 0
    changed = 0
    packages = [package for package in Deployed.of(stack).packages if package.file.is_file()]
    arns = {arn for package in packages for arn in (*package.functions, *package.layers)} & set(note["arns"])
    hashes = deployed_hashes(stack, arns)
    for package in packages:
        data = package.file.read_bytes()
        others = {arn for arn in arns if hashes.get(arn) not in (None, sha256_of(data))}
        functions = [arn for arn in package.functions if arn in others]
        layers = [arn for arn in package.layers if arn in others]
        if functions or layers:
            edge_of(stack).put_code(functions, layers, data)
            changed += len(functions) + len(layers)
    path.unlink()
    return changed
