from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from staticfire import boto
from staticfire.stacks.terraform.state import outputs_of, whole_state
from staticfire.stacks.terraform.variables import DEFAULT_ACCOUNT
from tests.integration.edge.kit import Edge

FUNCTION = {
    "mode": "managed",
    "type": "aws_lambda_function",
    "instances": [{"attributes": {"function_name": "greeter"}}],
}
STATE = {"version": 4, "resources": [FUNCTION], "outputs": {"api_id": {"value": "abc", "type": "string"}}}


@pytest.fixture
def aws(ministack_python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Any]]:
    edge = Edge(ministack_python, tmp_path_factory.mktemp("edge"))
    yield partial(boto.client, edge.endpoint, "us-east-1", DEFAULT_ACCOUNT)
    edge.end()


def test_a_stack_is_there_when_its_state_is_and_the_functions_that_it_describes(aws: Callable[[str], Any]) -> None:
    def outputs() -> Any:
        state = whole_state(aws, "states", "shop.tfstate")
        return None if state is None else outputs_of(state)

    def put(state: dict[str, Any]) -> None:
        aws("s3").put_object(Bucket="states", Key="shop.tfstate", Body=json.dumps(state).encode())

    assert outputs() is None  # there is no bucket
    aws("s3").create_bucket(Bucket="states")
    assert outputs() is None
    put(STATE)
    assert outputs() is None  # LocalStack kept the state, the edge lost the function
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("code.py", "def handler(event, context):\n    return event\n")
    aws("lambda").create_function(
        FunctionName="greeter",
        Runtime="python3.13",
        Handler="code.handler",
        Role=f"arn:aws:iam::{DEFAULT_ACCOUNT}:role/any",
        Code={"ZipFile": data.getvalue()},
    )
    assert outputs() == {"api_id": "abc"}
    put({**STATE, "resources": [], "outputs": {}})  # destroyed
    assert outputs() is None
