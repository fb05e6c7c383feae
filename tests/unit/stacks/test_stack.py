from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from staticfire.edge_client import Health
from staticfire.errors import ApplyError, NotRunningError, StaticfireError, UnsupportedError, UsageError
from staticfire.host.files import write_json
from staticfire.progress import Progress, Step
from staticfire.settings import Settings
from staticfire.stacks import stack as stack_module
from staticfire.stacks.made import Made
from staticfire.stacks.seed import Seeding
from staticfire.stacks.stack import Stack
from staticfire.stacks.terraform.output import Resource
from staticfire.stacks.terraform.working_copy import Beforehand
from staticfire.targets.base import Running
from staticfire.targets.postgres.server import RunningPostgres

SERVER = RunningPostgres("127.0.0.1", 5432, "postgres", "secret", "15.1", True)


@pytest.fixture(autouse=True)
def nobody_applied_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack_module, "whole_state", lambda *where: None)


RUNNING = Running("http://127.0.0.1:4566", "us-east-1", Health("running", "life-1", {}), SERVER)


@pytest.fixture
def settings(project: Callable[[str], Settings]) -> Settings:
    toml = "[stacks.web-shop]\nroot = 'infra'\ndatabase = true\n[stacks.plain]\nroot = 'infra'\n"
    return project(f"{toml}examples = ['curl {{url}}/a']\n[stacks.plain.zips.plain]\nsource = 'service'\n")


@pytest.mark.parametrize(
    ("account", "name"),
    [
        ("000000000000", "web_shop"),
        ("100000000000", "web_shop_gw0"),
        ("100000000012", "web_shop_gw12"),
        ("123456789012", "web_shop_123456789012"),
    ],
)
def test_each_account_has_a_database_of_its_own(settings: Settings, account: str, name: str) -> None:
    database = Stack(settings, "web-shop", RUNNING, account).database
    assert database is not None
    assert (database.name, database.username) == (name, name)


def test_the_password_of_a_database_is_made_once(settings: Settings) -> None:
    first, second = (Stack(settings, "web-shop", RUNNING).database for _ in range(2))
    assert first == second


def test_a_stack_without_a_database_has_none(settings: Settings) -> None:
    assert Stack(settings, "plain", RUNNING).database is None


def record(stack: Stack, outputs: dict[str, str]) -> None:
    applied = {"fingerprint": "f", "instance": stack.running.instance, "outputs": outputs}
    write_json(stack.layout.applied(stack.account, stack.name), applied)


def test_the_url_is_the_path_form_of_the_running_endpoint(settings: Settings) -> None:
    stack = Stack(settings, "plain", RUNNING)
    record(stack, {"api_id": "abc", "stage": "v1"})
    assert stack.url == "http://127.0.0.1:4566/_aws/execute-api/abc/v1"


def test_a_stack_without_an_api_has_no_url(settings: Settings) -> None:
    stack = Stack(settings, "plain", RUNNING)
    record(stack, {})
    assert stack.url is None


def test_what_was_applied_to_an_emulator_that_died_is_not_there_any_more(settings: Settings) -> None:
    record(Stack(settings, "plain", RUNNING), {"api_id": "abc"})
    reborn = replace(RUNNING, health=Health("running", "life-2", {}))
    stack = Stack(settings, "plain", reborn)
    assert stack.applied is None
    with pytest.raises(NotRunningError, match="not applied"):
        _ = stack.outputs


def test_the_summary_has_the_url_and_examples_that_can_be_pasted(settings: Settings) -> None:
    stack = Stack(settings, "plain", RUNNING)
    record(stack, {"api_id": "abc", "other": "value"})
    url = "http://127.0.0.1:4566/_aws/execute-api/abc/%24default"
    assert list(stack.summary()) == ["plain", f"  API       {url}", "  output other = value", f"  curl {url}/a"]


def test_a_command_among_the_outputs_is_shown_whole(settings: Settings) -> None:
    stack = Stack(settings, "plain", RUNNING)
    command = f"curl -X POST https://example.com/submit -d '{'x' * 500}'"
    record(stack, {"test": command, "endless": "y" * 5000})
    lines = list(stack.summary())
    assert f"  output test = {command}" in lines
    assert max(map(len, lines)) < 2100


def test_the_summary_does_not_say_a_thing_twice(settings: Settings) -> None:
    stack = Stack(settings, "plain", RUNNING)
    url = "http://127.0.0.1:4566/_aws/execute-api/abc/%24default"
    outputs = {
        "api_id": "abc",
        "endpoint": f"{url}/",
        "table": "items",
        "table_arn": "arn:aws:dynamodb:us-east-1:000000000000:table/items",
        "topic_arn": "arn:aws:sns:us-east-1:000000000000:another",
    }
    things = [Made("HTTP API", "shop", url, "abc"), Made("table", "items")]
    applied = {"fingerprint": "f", "instance": RUNNING.instance, "outputs": outputs}
    write_json(stack.layout.applied(stack.account, stack.name), {**applied, "made": [vars(made) for made in things]})
    shown = [line for line in stack.summary() if "output" in line]
    assert shown == ["  output topic_arn = arn:aws:sns:us-east-1:000000000000:another"]


def test_the_summary_of_a_stack_that_is_not_applied_says_what_to_do(settings: Settings) -> None:
    assert list(Stack(settings, "plain", RUNNING).summary()) == ["plain: not applied; run `staticfire up plain`"]


@dataclass
class Copy:
    """A working copy that applies nothing."""

    settings: Settings
    stack_settings: object
    account: str
    endpoint: str
    notes = ()
    root = Path("/nowhere")

    def digest(self) -> str:
        return "the same"

    def packages(self, built: Mapping[str, Path]) -> Mapping[str, str]:
        return {name: path.name for name, path in built.items()}

    def apply(
        self,
        variables: Mapping[str, Any],
        step: Step,
        check: Callable[[list[Resource]], None],
        beforehand: Beforehand | None = None,
    ) -> Mapping[str, Any]:
        return {"outputs": {"api_id": {"value": "abc"}}}


def test_packages_that_are_built_already_are_not_built_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(stack_module, "WorkingCopy", Copy)
    monkeypatch.setattr(stack_module, "build", pytest.fail)
    package = tmp_path / "plain.zip"
    package.write_bytes(b"one")
    stack = Stack(settings, "plain", RUNNING)
    assert stack.up(Progress(), {"plain": package})
    assert not stack.up(Progress(), {"plain": package})
    package.write_bytes(b"another")
    assert stack.up(Progress(), {"plain": package})
    assert stack.outputs == {"api_id": "abc"}


@pytest.mark.parametrize("revived", [True, False])
def test_where_a_part_had_died_what_a_stack_restores_is_restored_though_nothing_is_applied(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, revived: bool
) -> None:
    rebuilt: list[Mapping[str, Any]] = []
    monkeypatch.setattr(stack_module, "WorkingCopy", Copy)
    monkeypatch.setattr(Stack, "rebuild", lambda stack, outputs, step: rebuilt.append(outputs))
    assert Stack(settings, "plain", RUNNING).up(Progress(), {})
    assert not Stack(settings, "plain", replace(RUNNING, revived=revived)).up(Progress(), {})
    assert rebuilt == [{"api_id": "abc"}] * revived


class FailingCopy(Copy):
    def apply(
        self,
        variables: Mapping[str, Any],
        step: Step,
        check: Callable[[list[Resource]], None],
        beforehand: Beforehand | None = None,
    ) -> Mapping[str, Any]:
        raise ApplyError("a bucket's name is taken")


def test_an_apply_that_fails_completes_what_it_deployed_and_tells_its_own_error(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    completed: list[float] = []

    def complete(stack: Stack, since: float) -> list[str]:
        completed.append(since)
        raise NotRunningError("the edge is gone")

    monkeypatch.setattr(stack_module, "WorkingCopy", FailingCopy)
    monkeypatch.setattr(Stack, "_complete_deployments", complete)
    begun = time.time()
    with pytest.raises(ApplyError, match="a bucket's name is taken"):
        Stack(settings, "plain", RUNNING).up(Progress(), {})
    assert len(completed) == 1
    assert begun <= completed[0] <= time.time()


PLANNED = [
    Resource("aws_vpc.main", "aws_vpc", {}),
    Resource("aws_vpc.other", "aws_vpc", {}),
    Resource("aws_sqs_queue.work", "aws_sqs_queue", {}),
    Resource("aws_quicksight_theme.dark", "aws_quicksight_theme", {}),
]


class PlanningCopy(Copy):
    """One that has a plan to be checked."""

    planned = tuple(PLANNED)

    def apply(
        self,
        variables: Mapping[str, Any],
        step: Step,
        check: Callable[[list[Resource]], None],
        beforehand: Beforehand | None = None,
    ) -> Mapping[str, Any]:
        check(list(self.planned))
        return super().apply(variables, step, check, beforehand)


def test_what_is_described_only_is_said_in_one_line(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(stack_module, "WorkingCopy", PlanningCopy)
    assert Stack(settings, "plain", RUNNING).up(Progress(), {})
    assert caplog.messages == [
        "plain: described only, nothing follows from it (docs/services-of-aws.md): aws_vpc (2)",
        "plain: not tried here (docs/services-of-aws.md): aws_quicksight_theme",
    ]


def test_strict_refuses_what_is_described_only_and_what_nobody_tried(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack_module, "WorkingCopy", PlanningCopy)
    stack = Stack(replace(settings, strict=True), "plain", RUNNING)
    with pytest.raises(UnsupportedError) as refused:
        stack.up(Progress(), {})
    addresses = [line.split()[1] for line in str(refused.value).splitlines() if line.startswith("  - ")]
    assert addresses == ["aws_vpc.main", "aws_vpc.other", "aws_quicksight_theme.dark"]
    assert stack.applied is None


SEEDED = "[stacks.shop]\nroot = 'infra'\n[stacks.shop.seed]\nfunction = 'fill'\n"


@pytest.fixture
def seeds(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each seed that was given; `fail` in it has the next one fail."""
    seen: list[str] = []

    def run(seeding: Seeding, step: Step) -> str:
        if "fail" in seen:
            seen.remove("fail")
            raise StaticfireError("no seed")
        seen.append(seeding.stack)
        return "all of it"

    monkeypatch.setattr(stack_module, "WorkingCopy", Copy)
    monkeypatch.setattr(Seeding, "run", run)
    return seen


def test_a_seed_is_given_after_each_apply_and_not_where_nothing_changed(
    project: Callable[[str], Settings], seeds: list[str]
) -> None:
    stack = Stack(project(SEEDED), "shop", RUNNING)
    assert stack.up(Progress())
    assert seeds == ["shop"]
    assert not stack.up(Progress())
    assert seeds == ["shop"]
    assert stack.up(Progress(), force=True)
    assert seeds == ["shop", "shop"]


def test_a_seed_that_failed_is_given_by_the_next_up_without_terraform(
    project: Callable[[str], Settings], seeds: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = Stack(project(SEEDED), "shop", RUNNING)
    seeds.append("fail")
    with pytest.raises(StaticfireError, match="no seed"):
        stack.up(Progress())
    assert stack.applied is not None
    assert not stack.applied.seeded
    monkeypatch.setattr(Copy, "apply", pytest.fail)
    assert stack.up(Progress())
    assert seeds == ["shop"]
    assert stack.applied.seeded


def test_a_seed_that_failed_after_a_reset_is_given_by_the_next_up(
    project: Callable[[str], Settings], seeds: list[str]
) -> None:
    stack = Stack(project(SEEDED), "shop", RUNNING)
    with Progress().step("Reset") as step:
        assert stack.seed_again(step) == ""  # it is not up
        stack.up(Progress())
        assert stack.seed_again(step) == "all of it"
        assert not stack.up(Progress())
        seeds.append("fail")
        with pytest.raises(StaticfireError, match="no seed"):
            stack.seed_again(step)
    assert stack.up(Progress())


def test_a_seeds_missing_file_is_told_before_terraform_runs(
    project: Callable[[str], Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack_module, "WorkingCopy", Copy)
    monkeypatch.setattr(Copy, "apply", pytest.fail)
    settings = project("[stacks.shop]\nroot = 'infra'\n[stacks.shop.seed]\nitems = { plans = 'no.jsonl' }\n")
    with pytest.raises(UsageError, match="seeded with what is not there"):
        Stack(settings, "shop", RUNNING).up(Progress())
