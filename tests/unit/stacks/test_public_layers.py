from __future__ import annotations

import base64
import hashlib
import io
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from staticfire.edge_client import EdgeClient
from staticfire.errors import StaticfireError
from staticfire.layout import Layout
from staticfire.settings import Settings
from staticfire.stacks import public_layers
from staticfire.stacks.public_layers import PublicLayers
from staticfire.stacks.terraform.obstacle import Weight
from staticfire.stacks.terraform.output import Resource
from staticfire.stacks.terraform.state import functions_in
from staticfire.toolchain.wheels import WheelTarget

ACCOUNT = "000000000000"


def digest(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


OWN = f"arn:aws:lambda:us-east-1:{ACCOUNT}:layer:shared:1"
LAYER = "arn:aws:lambda:us-east-1:{}"
POWERTOOLS = LAYER.format("017000801446:layer:AWSLambdaPowertoolsPythonV3-python312-x86_64:18")
SECRETS = LAYER.format("177933569100:layer:AWS-Parameters-and-Secrets-Lambda-Extension:12")


class Edge:
    """What the edge keeps of the layers that it was brought."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], bytes] = {}
        self.brought = 0

    def layers(self) -> dict[str, str]:
        return {f"{arn} {runtime}": digest(data) for (arn, runtime), data in self.kept.items()}

    def keep_layer(self, arn: str, runtime: str, data: bytes) -> None:
        self.brought += 1
        self.kept[arn, runtime] = data


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, WheelTarget]]:
    """What was asked of PyPI; a stand-in has it, with what a lean layer is without."""
    asked: list[tuple[str, WheelTarget]] = []

    def install(named: Sequence[str], content: bytes, source: str, layout: Layout, target: WheelTarget) -> Path:
        asked.append((named[0], target))
        name = re.split(r"[\[=]", named[0])[0]
        files = (f"{name.replace('-', '_')}-3.9.1.dist-info/METADATA", "tool/__init__.py", "tool/tests/test_it.py")
        for file in (*files, "botocore/client.py", "boto3-1.40.dist-info/METADATA", "six.py", "sixth/__init__.py"):
            path = tmp_path / "installed" / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file)
        return tmp_path / "installed"

    monkeypatch.setattr(public_layers, "installed_once", install)
    return asked


def settings(tmp_path: Path, layers: dict[str, Path] | None = None) -> Settings:
    return Settings(project=tmp_path, state_dir=tmp_path / "state", layers=layers or {}, target="external")


def looked_at(layers: PublicLayers, *arns: str, runtime: str = "python3.12") -> list[tuple[bool, str]]:
    function = Resource("aws_lambda_function.shop", "aws_lambda_function", {"runtime": runtime, "layers": list(arns)})
    return [(obstacle.weight is Weight.REFUSED, str(obstacle)) for obstacle in layers.obstacles([function])]


def brought(layers: PublicLayers) -> dict[tuple[str, str], list[str]]:
    edge = Edge()
    layers.bring(cast(EdgeClient, edge))
    return {key: zipfile.ZipFile(io.BytesIO(data)).namelist() for key, data in edge.kept.items()}


@pytest.mark.parametrize(
    ("layer", "requirement"),
    [
        ("017000801446:layer:AWSLambdaPowertoolsPythonV3-python312-x86_64:18", "aws-lambda-powertools[all]==3.*"),
        ("017000801446:layer:AWSLambdaPowertoolsPythonV2-Arm64:69", "aws-lambda-powertools[all]==2.*"),
        ("336392948345:layer:AWSSDKPandas-Python312:12", "awswrangler"),
        ("464622532012:layer:Datadog-Python312:96", "datadog-lambda==6.96.*"),
        ("464622532012:layer:Datadog-Python313-ARM:116", "datadog-lambda==8.116.*"),
        ("770693421928:layer:Klayers-p312-requests:9", "requests"),
    ],
)
def test_layers_that_are_a_package_of_pypi(
    layer: str, requirement: str, tmp_path: Path, installed: list[tuple[str, WheelTarget]]
) -> None:
    layers = PublicLayers(settings(tmp_path), ACCOUNT)
    [(refuses, text)] = looked_at(layers, LAYER.format(layer))
    assert not refuses
    package = re.split(r"[\[=]", requirement)[0]
    assert f"{layer}: made here of {package} 3.9.1, as PyPI has it." in text
    assert installed == [(requirement, WheelTarget.here("3.12"))]
    assert [key for key in brought(layers)] == [(LAYER.format(layer), "python3.12")]


def test_a_lean_layer_is_without_what_the_runtime_has(tmp_path: Path, installed: list[tuple[str, WheelTarget]]) -> None:
    layers = PublicLayers(settings(tmp_path), ACCOUNT)
    looked_at(layers, POWERTOOLS)
    metadata = "python/aws_lambda_powertools-3.9.1.dist-info/METADATA"
    assert brought(layers)[POWERTOOLS, "python3.12"] == [
        metadata,
        "python/sixth/__init__.py",
        "python/tool/__init__.py",
    ]


@pytest.mark.parametrize("name", [SECRETS, SECRETS.rpartition(":")[0]])
def test_a_file_that_the_toml_names_is_taken_for_that_version_or_for_all(name: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "layer.zip", "w") as archive:
        archive.writestr("extensions/secrets", "")
    layers = PublicLayers(settings(tmp_path, {name: tmp_path / "layer.zip"}), ACCOUNT)
    assert looked_at(layers, SECRETS, runtime="nodejs22.x") == []
    assert brought(layers) == {(SECRETS, "any"): ["extensions/secrets"]}


def test_a_file_is_brought_again_when_it_changed_and_only_then(tmp_path: Path) -> None:
    path, edge = tmp_path / "layer.zip", Edge()
    for content, brought_so_far in ((b"one", 1), (b"one", 1), (b"two", 2)):
        path.write_bytes(content)
        layers = PublicLayers(settings(tmp_path, {SECRETS: path}), ACCOUNT)
        looked_at(layers, SECRETS)
        layers.bring(cast(EdgeClient, edge))
        assert (edge.brought, edge.kept) == (brought_so_far, {(SECRETS, "any"): content})


def test_the_functions_of_a_state_have_their_layers() -> None:
    """What was known after apply only is known there."""
    instance = {"attributes": {"runtime": "python3.12", "layers": [POWERTOOLS]}}
    function = {"mode": "managed", "type": "aws_lambda_function", "name": "this", "instances": [instance]}
    table = {"mode": "managed", "type": "aws_dynamodb_table", "name": "this", "instances": [instance]}
    [resource] = functions_in({"resources": [{**function, "module": "module.shop"}, table]})
    assert (resource.address, resource.values["layers"]) == ("module.shop.aws_lambda_function.this", [POWERTOOLS])


def test_what_nobody_can_get_is_refused_with_what_to_do(tmp_path: Path) -> None:
    stranger = POWERTOOLS.replace("017000801446", "111122223333")
    missing = {SECRETS: tmp_path / "missing.zip"}
    for named, arn, words in (
        ({}, SECRETS, f'"{SECRETS}" = "layer.zip"'),
        ({}, stranger, "of the account 111122223333, which nobody here can get"),
        (missing, SECRETS, "there is no such file"),
    ):
        [(refuses, text)] = looked_at(PublicLayers(settings(tmp_path, named), ACCOUNT), arn)
        assert refuses
        assert words in text


def test_what_pypi_does_not_give_is_refused_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any) -> Path:
        raise StaticfireError("no version of it has a wheel for it.")

    monkeypatch.setattr(public_layers, "installed_once", fail)
    [(refuses, text)] = looked_at(PublicLayers(settings(tmp_path), ACCOUNT), POWERTOOLS)
    assert refuses
    assert "cannot be made of PyPI's aws-lambda-powertools[all]==3.*: no version of it" in text


def test_own_layers_and_those_that_are_not_known_yet_are_nobody_elses(tmp_path: Path) -> None:
    layers = PublicLayers(settings(tmp_path), ACCOUNT)
    assert looked_at(layers, OWN, cast(str, None)) == []
    assert list(layers.obstacles([Resource("a.b", "aws_lambda_function", {"layers": None})])) == []
    assert brought(layers) == {}
