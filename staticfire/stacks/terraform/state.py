"""What Terraform's state in the emulator's S3 says of a stack, for whoever did not apply it.

The state alone may say too much: LocalStack keeps its buckets when the edge loses the functions that it describes. So
the functions must be there too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .output import Resource

NOT_THERE = ("NoSuchKey", "NoSuchBucket", "404")


def read_state(s3: Any, bucket: str, key: str) -> Mapping[str, Any] | None:
    """The state as Terraform wrote it; None while there is none."""
    from botocore.exceptions import ClientError  # not at the top: it has come with the client, where there is one

    try:
        state: Mapping[str, Any] = json.load(s3.get_object(Bucket=bucket, Key=key)["Body"])
    except ClientError as error:
        if error.response["Error"]["Code"] in NOT_THERE:
            return None
        raise
    return state


def whole_state(client: Callable[[str], Any], bucket: str, key: str) -> Mapping[str, Any] | None:
    """The state that lies there; None when its stack is not there, or not whole."""
    state = read_state(client("s3"), bucket, key)
    if state is None:
        return None
    managed = [resource for resource in state.get("resources", ()) if resource["mode"] == "managed"]
    functions = {
        instance["attributes"]["function_name"]
        for resource in managed
        if resource["type"] == "aws_lambda_function"
        for instance in resource["instances"]
    }
    if not managed or not functions <= _functions(client):
        return None
    return state


def functions_in(state: Mapping[str, Any]) -> Iterator[Resource]:
    """The functions, as they were applied."""
    for resource in state.get("resources", ()):
        if resource["mode"] == "managed" and resource["type"] == "aws_lambda_function":
            address = ".".join(filter(None, (resource.get("module"), resource["type"], resource["name"])))
            for instance in resource["instances"]:
                yield Resource(address, resource["type"], instance.get("attributes", {}))


def outputs_of(state: Mapping[str, Any]) -> dict[str, Any]:
    return {name: output["value"] for name, output in state.get("outputs", {}).items()}


def sensitive_outputs(state: Mapping[str, Any]) -> list[str]:
    return sorted(name for name, output in state.get("outputs", {}).items() if output.get("sensitive"))


def _functions(client: Callable[[str], Any]) -> set[str]:
    pages = client("lambda").get_paginator("list_functions").paginate()
    return {function["FunctionName"] for page in pages for function in page["Functions"]}
