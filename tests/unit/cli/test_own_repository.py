"""The commands in somebody's Terraform repository, where no staticfire.toml is."""

from __future__ import annotations

from pathlib import Path

import pytest

from staticfire.cli.main import run
from staticfire.cli.url import _address
from staticfire.edge_client import Health
from staticfire.errors import UsageError
from staticfire.host.files import write_json
from staticfire.settings import load
from staticfire.stacks.options import remember, remembered
from staticfire.stacks.stack import Stack
from staticfire.targets.base import Running


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("infra", "bootstrap"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "main.tf").write_text('provider "aws" {}\nvariable "mail" {}\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_init_writes_what_up_would_take(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = load(shop, {})
    assert run(["init"]) == 0
    after = load(shop, {})
    assert after.file == shop / "staticfire.toml"
    assert after.stacks.keys() == before.stacks.keys()
    assert [stack.default for stack in after.stacks.values()] == [stack.default for stack in before.stacks.values()]
    assert run(["init"]) == 2


def test_a_variable_without_a_value_is_said_before_anything_starts(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (shop / "infra/prod.tfvars").write_text('mail = "ops@example.com"\n')
    assert run(["up", "infra"]) == 2
    said = capsys.readouterr().err
    assert "needs a value for mail" in said
    assert "-var-file=infra/prod.tfvars" in said
    assert not (shop / ".staticfire").exists()


def test_the_other_commands_do_what_up_was_told(shop: Path) -> None:
    settings = load(shop, {})
    settled = remember(settings, ["infra"], [shop / "infra/prod.tfvars"], ["mail=x"])
    assert settled.stack("infra").var_files == (shop / "infra/prod.tfvars",)
    assert remembered(settings, settings) == settled
    assert remember(settings, ["infra"], [], []) == settings
    assert remembered(settings, settings) == settings


def test_one_address_is_printed_and_of_several_none(shop: Path) -> None:
    settings = load(shop, {})
    running = Running("http://127.0.0.1:4566", "us-east-1", Health("running", "life", {}), None)
    stack = Stack(settings, "infra", running)
    one = {"kind": "HTTP API", "name": "shop", "url": "http://a/v1", "id": "a"}
    other = {"kind": "HTTP API", "name": "admin", "url": "http://b/v1", "id": "b"}
    record = {"fingerprint": "f", "instance": "life", "outputs": {}}
    write_json(stack.layout.applied(stack.account, "infra"), {**record, "made": [one]})
    assert _address([stack], None) == _address([stack], "infra") == "http://a/v1"
    write_json(stack.layout.applied(stack.account, "infra"), {**record, "made": [one, other]})
    assert _address([stack], "admin") == "http://b/v1"
    with pytest.raises(UsageError, match="Several addresses fit"):
        _address([stack], None)
