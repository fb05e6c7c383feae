"""A stranger's Node functions, and one with a bootstrap of its own: up without a TOML, their work, nothing left."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest

from tests.adoption.conftest import Repository
from tests.conformance.lab import eventually

MINIATURE = "node"
REGION = "us-east-1"


@pytest.fixture(scope="module")
def up(project: Repository) -> Repository:
    said = project.staticfire("up", "--detach")
    assert "nodejs20.x, provided.al2023" in said
    assert project.is_untouched(MINIATURE)
    return project


def test_an_http_api_in_commonjs_with_the_sdk_that_the_runtime_brings(up: Repository) -> None:
    url = f"{up.staticfire('url').strip()}/orders/1"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url)
    assert refused.value.code == 404
    json_type = {"content-type": "application/json"}
    request = urllib.request.Request(url, json.dumps({"total": 12}).encode(), json_type, method="PUT")
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 201
    with urllib.request.urlopen(url) as answer:
        assert json.load(answer) == {"id": "1", "total": 12}
    eventually(lambda: "stored { id: '1', total: 12 }" in up.staticfire("logs", "--function", "orders"), "its line")


def test_an_es_module_with_the_sdk(up: Repository) -> None:
    assert up.invoke("greeting", REGION) == {"greeting": "hello", "table": "orders"}


def test_one_file_of_a_bundler(up: Repository) -> None:
    assert up.invoke("bundle", REGION) == {"sum": 6}


def test_the_script_of_awss_tutorial(up: Repository) -> None:
    payload = up.client("lambda", REGION).invoke(FunctionName="shell", Payload=b'{"a": 1}')["Payload"].read()
    assert json.loads(payload) == {"event": {"a": 1}}


def test_a_second_apply_is_empty_and_destroy_leaves_nothing(up: Repository) -> None:
    assert "no changes" in up.staticfire("apply")
    up.staticfire("destroy")
    assert up.left(REGION) == []
