"""The table of resource types is true: what can be made is made, and the emulator refuses what the table refuses.

What the types marked `restless` want of the second apply is in the table; nothing else may want anything.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from staticfire.stacks.terraform.resource_types import TABLE, Fate
from tests.adoption.conftest import REPOSITORIES, Repository

CHANGED = re.compile(r"Apply resources: \d+/\d+ (\S+) done")
# Refused, since what follows fails: a later apply, destroy, or an association beside a second address.
MADE_ONCE = {
    "aws_api_gateway_domain_name",
    "aws_batch_job_definition",
    "aws_codebuild_project",
    "aws_config_configuration_recorder",
    "aws_eip_association",
    "aws_secretsmanager_secret_rotation",
}
RESOURCE = re.compile(r'^resource "(aws_\w+)" "(\w+)"', re.M)


def _addresses(name: str) -> set[str]:
    files = sorted((REPOSITORIES / name).glob("*.tf"))
    return {".".join(match) for path in files for match in RESOURCE.findall(path.read_text(encoding="utf-8"))}


def test_what_can_be_made_is_made_and_stays_as_it_is(repository: Callable[[str], Repository]) -> None:
    resources = repository("resources")
    said = resources.staticfire("up", "--detach")
    assert "described only, nothing follows from it" in said
    assert "not tried here" not in said

    changed = {address.split(".")[0] for address in CHANGED.findall(resources.staticfire("-v", "apply"))}
    assert changed == {name for name, row in TABLE.items() if row.restless}
    resources.staticfire("destroy")
    assert resources.is_untouched("resources")


def test_what_cannot_be_made_is_refused_before_anything_is_and_by_the_emulator_too(
    repository: Callable[[str], Repository],
) -> None:
    """Each type that the table refuses, by its address; tried all the same, none of them can be made."""
    refused = repository("refused")
    kinds = {name for name, row in TABLE.items() if row.fate is Fate.REFUSED}
    addresses = {address for address in _addresses("refused") if address.split(".")[0] in kinds}
    assert {address.split(".")[0] for address in addresses} == kinds

    said = refused.staticfire("up", "--detach", code=9)
    assert [address for address in addresses if f"- {address}" not in said.replace("[0] is", " is")] == []

    refused.staticfire("up", "--detach", "--allow-unsupported", "-var=what_ends_the_provider=false", code=6)
    state = json.load(refused.client("s3").get_object(Bucket="tf-test-state", Key="refused/terraform.tfstate")["Body"])
    managed = [resource for resource in state["resources"] if resource["mode"] == "managed"]
    whole = {
        resource["type"]
        for resource in managed
        for instance in resource["instances"]
        if instance.get("status") != "tainted"
    }
    assert whole & kinds <= MADE_ONCE
