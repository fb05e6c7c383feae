from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from staticfire.errors import UsageError
from staticfire.settings import FIELDS, Settings, load

Project = Callable[[str], Settings]


def test_a_flag_beats_the_environment_and_the_environment_beats_the_file(project: Project) -> None:
    root = project("[staticfire]\nport = 1111\n").project
    assert load(root, {}).port == 1111
    assert load(root, {"STATICFIRE_PORT": "2222"}).port == 2222
    assert load(root, {"STATICFIRE_PORT": "2222"}, {"port": "3333"}).port == 3333


def test_a_flag_that_is_not_given_sets_nothing(project: Project) -> None:
    assert load(project("").project, {}, {"port": None}).port == 4566


def test_an_empty_variable_sets_nothing(project: Project) -> None:
    assert load(project("[staticfire]\nport = 1111\n").project, {"STATICFIRE_PORT": ""}).port == 1111


def test_the_project_is_found_upward(project: Project) -> None:
    root = project("").project
    below = root / "a" / "b"
    below.mkdir(parents=True)
    assert load(below, {}).project == root


def test_outside_any_project_the_error_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        load(tmp_path, {})
    assert str(tmp_path) in str(error.value)
    assert "--project" in str(error.value)


def test_without_a_file_each_terraform_root_is_a_stack_and_the_only_one_is_up_by_default(tmp_path: Path) -> None:
    project = tmp_path / "My Shop"
    for name in ("infra/main.tf", "modules/table/main.tf"):
        (project / name).parent.mkdir(parents=True)
        (project / name).write_text('provider "aws" {}\n')
    settings = load(project, {})
    assert (settings.file, settings.chosen()) == (None, ["my-shop"])
    assert settings.stack("my-shop").root == project / "infra"
    assert settings.stack(str(project / "infra")).name == "my-shop"

    (project / "envs/prod").mkdir(parents=True)
    (project / "envs/prod/main.tf").write_text("terraform {\n  cloud {}\n}\n")
    with pytest.raises(UsageError, match="several Terraform roots") as error:
        load(project, {}).chosen()
    assert "envs/prod" in str(error.value)
    assert load(project, {}).chosen(["envs-prod"]) == ["envs-prod"]


@pytest.mark.parametrize(
    ("toml", "nearest"),
    [
        ("[staticfire]\nprot = 1\n", "'port'"),
        ("[stack.a]\nroot = 'x'\n", "'stacks'"),
        ("[stacks.a]\nroot = 'x'\ndatabse = true\n", "'database'"),
        ("[stacks.a]\nroot = 'x'\n[stacks.a.zips.z]\nsource = 'y'\nlayr = true\n", "'layer'"),
    ],
)
def test_an_unknown_key_names_the_nearest_right_one(project: Project, toml: str, nearest: str) -> None:
    with pytest.raises(UsageError, match="is not a setting") as error:
        project(toml)
    assert nearest in error.value.remedy


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "70000"),
        ("port", "many"),
        ("idle_time", "0s"),
        ("idle_time", "300"),
        ("idle_time", "nan"),
        ("parallelism", "0"),
        ("enforce_iam", "maybe"),
    ],
)
def test_a_value_that_cannot_be_right_names_its_variable(project: Project, name: str, value: str) -> None:
    with pytest.raises(UsageError, match=f"STATICFIRE_{name.upper()}"):
        load(project("").project, {f"STATICFIRE_{name.upper()}": value})


@pytest.mark.parametrize(("text", "read"), [("true", True), ("1", True), ("False", False), ("0", False)])
def test_a_switch_is_true_or_false(project: Project, text: str, read: bool) -> None:
    assert load(project("").project, {"STATICFIRE_ENFORCE_IAM": text}).enforce_iam is read
    assert load(project(f"[staticfire]\nenforce_iam = {str(read).lower()}\n").project, {}).enforce_iam is read


@pytest.mark.parametrize("name", ["compile_edge", "compile_client", "prewarm"])
def test_a_setting_that_is_gone_is_answered_by_name_with_what_to_do(project: Project, name: str) -> None:
    with pytest.raises(UsageError, match=f"staticfire.{name} is gone") as error:
        project(f"[staticfire]\n{name} = true\n")
    assert error.value.remedy.startswith("Remove it")
    with pytest.raises(UsageError, match=f"STATICFIRE_{name.upper()} is gone"):
        load(project("").project, {f"STATICFIRE_{name.upper()}": "false"})


def test_a_time_is_written_as_flags_take_it(project: Project) -> None:
    assert project("").idle_time == 300
    assert project("[staticfire]\nidle_time = '1h30m'\n").idle_time == 5400
    assert load(project("").project, {"STATICFIRE_IDLE_TIME": "200ms"}).idle_time == pytest.approx(0.2)
    with pytest.raises(UsageError, match=r"staticfire\.idle_time"):
        project("[staticfire]\nidle_time = 300\n")


def test_the_old_name_of_the_idle_time_is_answered_with_what_to_write(project: Project) -> None:
    with pytest.raises(UsageError, match=r"staticfire\.idle_seconds is gone") as error:
        project("[staticfire]\nidle_seconds = 300\n")
    assert "`idle_time` with its unit" in error.value.remedy
    with pytest.raises(UsageError, match="STATICFIRE_IDLE_SECONDS is gone"):
        load(project("").project, {"STATICFIRE_IDLE_SECONDS": "300"})


def test_the_old_place_of_the_examples_is_answered_with_what_to_write(project: Project) -> None:
    with pytest.raises(UsageError, match=r"\[stacks\.a\.health\] is gone") as error:
        project("[stacks.a]\nroot = 'x'\n[stacks.a.health]\nexamples = [\"curl '{url}/é'\", 'curl -d \"{}\"']\n")
    *_, line = error.value.remedy.partition("write in [stacks.a]: ")
    assert project(f"[stacks.a]\nroot = 'x'\n{line}\n").stack("a").examples == ("curl '{url}/é'", 'curl -d "{}"')


def test_true_is_no_port(project: Project) -> None:
    with pytest.raises(UsageError, match="port"):
        project("[staticfire]\nport = true\n")


def test_broken_toml_is_an_error_that_names_the_file(project: Project) -> None:
    with pytest.raises(UsageError, match=r"staticfire\.toml is not valid TOML"):
        project("[staticfire\n")


def test_paths_are_relative_to_the_project(project: Project) -> None:
    settings = project("[staticfire]\nstate_dir = 'state'\n[stacks.a]\nroot = 'infra/a'\n")
    assert settings.state_dir == settings.project / "state"
    assert settings.stack("a").root == settings.project / "infra" / "a"


def test_a_stack_carries_its_packages_and_what_rebuilds_it(project: Project) -> None:
    stack = project(
        """
        [stacks.orders]
        root = "infra/orders"
        database = true
        examples = ["curl {url}"]
        [stacks.orders.zips.layer]
        source = "layer"
        requirements = "layer/requirements.txt"
        layer = true
        [stacks.orders.rebuild]
        functions = [{output = "again", payload = {full = true}}]
        """
    ).stack("orders")
    assert stack.database
    assert [(zip.name, zip.layer) for zip in stack.zips] == [("layer", True)]
    assert stack.examples == ("curl {url}",)
    assert [(item.output, item.payload) for item in stack.rebuild] == [("again", {"full": True})]


SEVERAL = """
[stacks.shop]
root = "infra/shop"
[stacks.audit]
root = "infra/audit"
default = false
"""


@pytest.mark.parametrize(
    ("names", "chosen"),
    [([], ["shop"]), (["audit"], ["audit"]), (["all"], ["shop", "audit"]), (["shop", "shop"], ["shop"])],
)
def test_a_stack_that_is_not_up_by_default_is_asked_for_by_name_or_by_all(
    project: Project, names: list[str], chosen: list[str]
) -> None:
    assert project(SEVERAL).chosen(names) == chosen


def test_no_stack_is_named_all(project: Project) -> None:
    with pytest.raises(UsageError, match="means every one"):
        project("[stacks.all]\nroot = 'x'\n")


def test_a_stack_that_is_not_there_names_those_that_are(project: Project) -> None:
    with pytest.raises(UsageError) as error:
        project("[stacks.orders]\nroot = 'x'\n").stack("ordres")
    assert "'orders'" in str(error.value)


def test_every_setting_stands_in_the_table_of_the_module() -> None:
    import staticfire.settings as module

    rows = {line.split("|")[1].strip() for line in (module.__doc__ or "").splitlines() if line.startswith("|")}
    assert set(FIELDS) <= rows


def test_a_file_with_layers_alone_leaves_the_stacks_to_the_terraform(tmp_path: Path) -> None:
    arn = "arn:aws:lambda:us-east-1:111122223333:layer:company"
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra/main.tf").write_text('provider "aws" {}\n')
    (tmp_path / "staticfire.toml").write_text(f'[layers]\n"{arn}" = "layers/company.zip"\n')
    settings = load(tmp_path, {})
    assert settings.layers == {arn: tmp_path / "layers/company.zip"}
    assert [stack.root for stack in settings.stacks.values()] == [tmp_path / "infra"]
    (tmp_path / "staticfire.toml").write_text("[staticfire]\nport = 1111\n")
    assert load(tmp_path, {}).stacks == {}


def test_what_is_not_the_arn_of_a_layer_is_told_what_one_is(project: Project) -> None:
    with pytest.raises(UsageError, match=r"'powertools' in \[layers\] is not the ARN of a layer") as error:
        project('[layers]\npowertools = "layer.zip"\n')
    assert "layer:NAME, and :VERSION" in str(error.value)


def test_a_zip_says_what_it_is_for(project: Project) -> None:
    text = '[stacks.app]\nroot = "infra"\n[stacks.app.zips.code]\nsource = "src"\nruntime = "{}"\narchitecture = "{}"\n'
    [package] = project(text.format("python3.12", "arm64")).stacks["app"].zips
    assert (package.runtime, package.architecture) == ("python3.12", "arm64")
    for wrong in (("3.12", "arm64"), ("python3.12", "aarch64")):
        with pytest.raises(UsageError, match="one of these is needed"):
            project(text.format(*wrong))
