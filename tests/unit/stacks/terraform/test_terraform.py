from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from staticfire import boto
from staticfire.errors import ApplyError, PrerequisiteError
from staticfire.host.processes import ProcessRecord
from staticfire.progress import Progress, Step
from staticfire.settings import Settings, load
from staticfire.stacks.terraform import running
from staticfire.stacks.terraform.finding import Terraform, find_provider, find_terraform
from staticfire.stacks.terraform.output import ApplyEvents
from staticfire.stacks.terraform.override import backend_override
from staticfire.stacks.terraform.variables import (
    caller_variables,
    clean_variables,
    is_misleading,
    missing_configuration,
)
from staticfire.stacks.terraform.working_copy import WorkingCopy

PROVIDER = "registry.terraform.io/hashicorp/aws"


def program(directory: Path, name: str, says: str) -> Path:
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def bin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty PATH, HOME and configuration."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("TF_CLI_CONFIG_FILE", "XDG_DATA_HOME", "XDG_DATA_DIRS"):
        monkeypatch.delenv(name, raising=False)
    return directory


@pytest.fixture
def settings(project: Callable[[str], Settings]) -> Settings:
    return project("[stacks.shop]\nroot = 'infra/stacks/shop'\n")


def test_terraform_is_taken_before_opentofu(bin: Path, settings: Settings) -> None:
    tofu = program(bin, "tofu", "OpenTofu v1.9.0")
    assert find_terraform(settings) == Terraform(tofu, "1.9.0")
    binary = program(bin, "terraform", "Terraform v1.11.4")
    assert find_terraform(settings) == Terraform(binary, "1.11.4")


def test_a_terraform_that_is_too_old_is_passed_over_and_named(bin: Path, settings: Settings) -> None:
    program(bin, "terraform", "Terraform v1.5.7")
    with pytest.raises(PrerequisiteError) as error:
        find_terraform(settings)
    assert "version 1.5.7" in str(error.value)
    assert "tofu: not found" in str(error.value)


def test_the_binary_of_the_settings_is_the_only_one_that_counts(bin: Path, settings: Settings) -> None:
    program(bin, "terraform", "Terraform v1.11.4")
    chosen = load(settings.project, {}, {"terraform": str(bin / "other")})
    with pytest.raises(PrerequisiteError, match=r"Terraform 1\.6"):
        find_terraform(chosen)


def test_the_users_own_installation_methods_are_respected(bin: Path, settings: Settings) -> None:
    rc = Path(bin.parent / "home" / ".terraformrc")
    rc.parent.mkdir()
    rc.write_text("provider_installation {}")
    assert str(rc) in find_provider(settings, Terraform(bin / "terraform", "1.11.4")).source


def test_a_provider_where_terraform_looks_by_itself_needs_no_configuration(bin: Path, settings: Settings) -> None:
    directory = bin.parent / "home" / ".terraform.d" / "plugins"
    (directory / PROVIDER).mkdir(parents=True)
    provider = find_provider(settings, Terraform(bin / "terraform", "1.11.4"))
    assert str(directory) in provider.source
    assert provider.mirror is None


def test_a_mirror_of_the_settings_must_hold_the_provider(bin: Path, settings: Settings) -> None:
    mirror = bin.parent / "mirror"
    named = load(settings.project, {}, {"provider_mirror": str(mirror)})
    with pytest.raises(PrerequisiteError, match="does not hold the AWS provider"):
        find_provider(named, Terraform(bin / "terraform", "1.11.4"))
    (mirror / PROVIDER).mkdir(parents=True)
    assert find_provider(named, Terraform(bin / "terraform", "1.11.4")).mirror == mirror


def test_a_configuration_file_that_is_missing_is_named_and_not_handed_on(
    bin: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(bin / "missing.rc"))
    assert "TF_CLI_CONFIG_FILE" not in clean_variables()
    assert find_provider(settings, Terraform(bin / "terraform", "1.11.4")).source
    assert is_misleading("TF_CLI_CONFIG_FILE")
    assert (
        missing_configuration()
        == f"TF_CLI_CONFIG_FILE names {bin / 'missing.rc'}, which is not a file: Terraform runs without it"
    )


def test_the_users_own_aws_configuration_never_reaches_terraform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATICFIRE_SHELL", "TF_VAR_database")
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "TF_VAR_database", "TF_WORKSPACE"):
        monkeypatch.setenv(name, "mine")
    assert "mine" not in clean_variables().values()


@pytest.fixture
def copy(bin: Path, settings: Settings) -> WorkingCopy:
    program(bin, "terraform", "Terraform v1.11.4")
    for name, text in (
        ("infra/stacks/shop/main.tf", "one"),
        ("infra/modules/table/main.tf", "two"),
        ("service/sql/1.sql", "three"),
    ):
        path = settings.project / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
    return WorkingCopy(settings, settings.stack("shop"), "100000000001", "http://127.0.0.1:1")


def test_relative_paths_resolve_in_the_copy_as_in_the_repository(copy: WorkingCopy) -> None:
    copy.refresh()
    assert (copy.root / "main.tf").read_text() == "one"
    assert (copy.root / "../../modules/table/main.tf").read_text() == "two"
    assert (copy.root / "../../../service/sql/1.sql").read_text() == "three"


def test_the_copy_follows_the_repository_and_keeps_what_terraform_made(copy: WorkingCopy, settings: Settings) -> None:
    copy.refresh()
    (copy.root / ".terraform").mkdir()
    (copy.root / ".terraform" / "kept").touch()
    (copy.root / ".terraform.lock.hcl").touch()
    (copy.root / "built.zip").write_text("by a provisioner")
    (settings.project / "infra/modules/table/main.tf").unlink()
    (settings.project / "infra/stacks/shop/main.tf").write_text("changed")
    copy.refresh()
    assert (copy.root / "main.tf").read_text() == "changed"
    assert not (copy.root / "../../modules/table/main.tf").exists()
    assert (copy.root / "built.zip").read_text() == "by a provisioner"
    assert (copy.root / ".terraform" / "kept").exists()
    assert (copy.root / ".terraform.lock.hcl").exists()


def test_nothing_of_a_copy_lands_in_the_repository(copy: WorkingCopy, settings: Settings) -> None:
    copy.refresh()
    (copy.root / "written.txt").touch()
    assert sorted(path.name for path in (settings.project / "infra/stacks/shop").iterdir()) == ["main.tf"]


def test_the_digest_sees_every_file_and_nothing_that_terraform_made(copy: WorkingCopy, settings: Settings) -> None:
    before = copy.digest()
    made = settings.project / "infra/stacks/shop/.terraform/modules"
    made.mkdir(parents=True)
    (made / "modules.json").touch()
    assert copy.digest() == before
    (settings.project / "infra/stacks/shop/main.tf").write_text("changed")
    assert copy.digest() != before


def test_a_root_without_terraform_files_is_an_error(bin: Path, settings: Settings) -> None:
    program(bin, "terraform", "Terraform v1.11.4")
    with pytest.raises(ApplyError, match=r"does not hold a \*\.tf"):
        WorkingCopy(settings, settings.stack("shop"), "000000000000", "http://127.0.0.1:1")


def test_opentofu_is_shown_terraforms_mirror_under_its_own_registry(bin: Path, settings: Settings) -> None:
    mirror = bin.parent / "mirror"
    (mirror / PROVIDER).mkdir(parents=True)
    program(bin, "tofu", "OpenTofu v1.9.0")
    (settings.project / "infra/stacks/shop").mkdir(parents=True)
    (settings.project / "infra/stacks/shop/main.tf").touch()
    named = load(settings.project, {}, {"provider_mirror": str(mirror)})
    copy = WorkingCopy(named, named.stack("shop"), "000000000000", "http://127.0.0.1:1")
    configuration = Path(copy.runner._variables({})["TF_CLI_CONFIG_FILE"]).read_text()
    served = settings.state_dir / "provider-mirror"
    assert str(served) in configuration
    assert "registry.opentofu.org/hashicorp/aws" in configuration
    assert (served / "registry.opentofu.org/hashicorp/aws").is_dir()


def test_the_view_counts_resources_and_keeps_diagnostics_whole() -> None:
    step = Step(Progress(), "Apply")
    view = ApplyEvents(step)
    hook = {"resource": {"addr": "aws_s3_bucket.one"}, "action": "create"}
    for event in (
        {"type": "planned_change", "change": {"action": "create"}},
        {"type": "planned_change", "change": {"action": "noop"}},
        {"type": "apply_start", "hook": {**hook, "action": "read"}},
        {"type": "apply_start", "hook": hook},
        {"type": "apply_complete", "hook": hook},
        {
            "type": "diagnostic",
            "diagnostic": {
                "severity": "error",
                "summary": "creating bucket",
                "detail": "AccessDenied\nsecond line",
                "address": "aws_s3_bucket.two",
                "range": {"filename": "main.tf", "start": {"line": 7}},
            },
        },
        {"type": "change_summary", "changes": {"operation": "apply", "add": 1, "change": 0, "remove": 0}},
    ):
        view.read(json.dumps(event))
    view.read("not JSON: a line of tflocal's own")
    assert step.latest == "1/1 aws_s3_bucket.one done"
    assert view.summary == "1 added"
    assert view.errors == [
        "  - creating bucket\n    with aws_s3_bucket.two\n    at main.tf:7\n    AccessDenied\n    second line"
    ]


def test_every_line_of_a_child_is_followed_to_its_end(tmp_path: Path) -> None:
    script = "import sys; [print(n, flush=True) for n in range(1000)]; sys.stdout.write('no newline')"
    with open(tmp_path / "log", "wb") as written, open(tmp_path / "log", encoding="utf-8") as output:
        child = subprocess.Popen([sys.executable, "-c", script], stdout=written)
        assert list(running._follow(output, child)) == [*map(str, range(1000)), "no newline"]


def test_the_terraform_of_a_killed_run_is_interrupted_before_the_next_one(copy: WorkingCopy) -> None:
    copy.refresh()
    # Like Terraform it takes SIGINT, even where the test run was started in the background, with SIGINT ignored.
    script = "import signal, time\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
    script += "try:\n    print(flush=True); time.sleep(600)\nexcept KeyboardInterrupt:\n    exit(7)"
    orphan = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, start_new_session=True)
    assert orphan.stdout is not None
    orphan.stdout.readline()
    ProcessRecord.record(copy.layout.process("terraform-100000000001-shop"), orphan.pid)
    copy.runner.end_orphan()
    assert orphan.wait() == 7


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What is deleted in S3: bucket and key."""
    deleted: list[tuple[str, str]] = []

    class S3:
        def delete_object(self, *, Bucket: str, Key: str) -> None:
            deleted.append((Bucket, Key))

    monkeypatch.setattr(boto, "client", lambda *of: S3())
    return deleted


def test_the_lock_of_a_terraform_that_was_killed_is_removed(copy: WorkingCopy, s3: list[tuple[str, str]]) -> None:
    block = 'terraform {\n  backend "s3" {\n    bucket = "b"\n    key    = "shop/terraform.tfstate"\n  }\n}\n'
    (copy.stack.root / "versions.tf").write_text(block)
    killed = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True)
    ProcessRecord.record(copy.layout.process("terraform-100000000001-shop"), killed.pid)
    killed.kill()
    killed.wait()
    copy.runner.end_orphan()
    assert s3 == [("tf-test-state-100000000001", "shop/terraform.tfstate.tflock")]


def test_a_lock_without_a_killed_terraform_of_ours_is_somebody_elses(
    copy: WorkingCopy, s3: list[tuple[str, str]]
) -> None:
    (copy.stack.root / "versions.tf").write_text('terraform {\n  backend "s3" {\n    key = "k"\n  }\n}\n')
    copy.runner.end_orphan()
    assert s3 == []


def test_a_terraform_that_cannot_lock_in_the_bucket_is_not_told_to(bin: Path, copy: WorkingCopy) -> None:
    program(bin, "old", "Terraform v1.9.8")
    old = load(copy.settings.project, {}, {"terraform": str(bin / "old")})
    (copy.stack.root / "versions.tf").write_text('terraform { backend "s3" {} }\n')
    copy = WorkingCopy(old, copy.stack, "100000000001", "http://127.0.0.1:1")
    assert "use_lockfile" not in copy.runner.shell_variables({})["TF_CLI_ARGS_init"]
    assert "use_lockfile" not in backend_override(copy.runner.states, "k")


@pytest.mark.parametrize("block", ['terraform {\n  backend "s3" {}\n}\n', 'terraform { backend "s3" {} }\n'])
def test_a_state_in_s3_is_kept_in_the_local_one(copy: WorkingCopy, block: str) -> None:
    (copy.stack.root / "versions.tf").write_text(block)
    assert copy.runner.shell_variables({})["TF_CLI_ARGS_init"].split() == [
        "-reconfigure",
        "-backend-config=bucket=tf-test-state-100000000001",
        "-backend-config=key=shop/terraform.tfstate",
        "-backend-config=region=us-east-1",
        "-backend-config=use_path_style=true",
        "-backend-config=use_lockfile=true",
    ]


@pytest.mark.parametrize("block", ["", 'terraform {\n  backend "local" {}\n}\n', '# backend "s3" on AWS\n'])
def test_any_other_state_stays_where_terraform_puts_it(copy: WorkingCopy, block: str) -> None:
    (copy.stack.root / "versions.tf").write_text(block)
    assert copy.runner.shell_variables({})["TF_CLI_ARGS_init"] == "-reconfigure"


def test_no_proxy_stands_before_the_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "example.org,localhost")
    environ = caller_variables("http://edge:4566", "us-east-1", "000000000000")
    assert environ["NO_PROXY"] == environ["no_proxy"] == "example.org,localhost,127.0.0.1,edge"


def test_the_state_is_in_one_region_whatever_the_stacks_is(copy: WorkingCopy, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[str, str]] = []

    class S3:
        def __init__(self, region: str) -> None:
            self.region = region

        def create_bucket(self, *, Bucket: str) -> None:
            made.append((self.region, Bucket))

    monkeypatch.setattr(boto, "client", lambda endpoint, region, account, service: S3(region))
    copy.runner._region = "eu-central-1"
    copy.runner.make_state_bucket()
    assert made == [("us-east-1", copy.runner.states.name)]
    assert 'region = "us-east-1"' in backend_override(copy.runner.states, "any")
