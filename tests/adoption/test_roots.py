"""Roots as public repositories have them: one after the other, side by side in one project.

Each, as a stranger would: up without a configuration file, its work, an empty second apply, a destroy of all.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from typing import Any

from tests.adoption.conftest import Repository

MINIATURE = "roots"


def _is_applied(project: Repository, directory: str, *arguments: str) -> Mapping[str, Any]:
    """Its outputs, and that the second apply is empty."""
    project.staticfire("up", "--detach", directory, *arguments)
    stack = directory.replace("/", "-")
    assert "no changes" in project.staticfire("apply", stack)
    return dict(project.status()["stacks"][stack]["outputs"])


def _goes(project: Repository, directory: str, *regions: str) -> None:
    project.staticfire("destroy", directory.replace("/", "-"))
    assert project.left(*(regions or ("us-east-1",))) == []
    assert project.is_untouched(MINIATURE)


def test_a_backend_without_a_word(project: Repository) -> None:
    """`backend "s3" {}`, which CI completes; `*.auto.tfvars`; archive_file with an inline source."""
    _is_applied(project, "partial_backend")
    assert project.invoke("partial-backend") == "hello"
    _goes(project, "partial_backend")


def test_a_state_in_the_cloud_and_a_package_that_is_committed(project: Repository) -> None:
    """`cloud {}`, `required_version`, `filename` of a zip in the repository."""
    _is_applied(project, "cloud")
    assert project.invoke("cloud") == "committed"
    _goes(project, "cloud")


def test_two_regions_handed_to_a_module(project: Repository) -> None:
    """An alias, `providers` and `configuration_aliases`."""
    outputs = _is_applied(project, "regions")
    assert outputs["regions"] == ["eu-central-1", "ap-southeast-2"]
    assert project.client("dynamodb", "eu-central-1").list_tables()["TableNames"] == ["copies"]
    assert len(project.client("sqs", "ap-southeast-2").list_queues()["QueueUrls"]) == 1
    assert not project.client("sqs", "eu-central-1").list_queues().get("QueueUrls")
    _goes(project, "regions", "eu-central-1", "ap-southeast-2")


def test_variables_from_a_file_and_the_shell(project: Repository) -> None:
    """`-var-file=envs/dev.tfvars`, `TF_VAR_`, `terraform.workspace` in a name, `for_each`."""
    project.variables["TF_VAR_token"] = "from the shell"
    _is_applied(project, "var_files", "-var-file=var_files/envs/dev.tfvars")
    names = ["/var-files/default/one", "/var-files/default/two", "/var-files/token"]
    answer = project.client("ssm").get_parameters(Names=names, WithDecryption=True)
    values = {parameter["Name"]: parameter["Value"] for parameter in answer["Parameters"]}
    assert values == dict(zip(names, ("7", "7", "from the shell"), strict=True))
    _goes(project, "var_files")


def test_sources_above_the_root(project: Repository) -> None:
    """archive_file with `source_dir = "../src"`, and its output in a hidden directory of the root."""
    _is_applied(project, "source_dir/terraform")
    assert project.invoke("source-dir") == "inner"
    _goes(project, "source_dir/terraform")


def test_terraform_in_json(project: Repository) -> None:
    """`main.tf.json`, with a profile and a backend."""
    url = _is_applied(project, "tf_json")["url"]
    client = project.client("sqs")
    client.send_message(QueueUrl=url, MessageBody="hello")
    assert client.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "hello"
    _goes(project, "tf_json")


def test_an_http_api_of_a_document(project: Repository) -> None:
    """`body = templatefile(...)`: an OpenAPI document that names a function which is not made yet."""
    outputs = _is_applied(project, "openapi")
    with urllib.request.urlopen(f"{outputs['url']}/orders/7", timeout=30) as response:
        assert json.load(response)["pathParameters"] == {"id": "7"}
    _goes(project, "openapi")
