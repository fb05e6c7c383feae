"""Every Terraform root, and each module with tests, is valid, and its tests pass. Nothing is left in the tree."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from staticfire.settings import load
from staticfire.stacks.terraform.finding import find_provider, find_terraform
from staticfire.stacks.terraform.running import GO
from staticfire.stacks.terraform.working_copy import HASHES, LOCK_FILE

ROOT = Path(__file__).parents[2]
VERSIONS = ROOT.glob("infra/**/versions.tf")
ROOTS = sorted(path.parent.relative_to(ROOT) for path in VERSIONS if "modules" not in path.parts)
MODULES = sorted({path.parents[1].relative_to(ROOT) for path in ROOT.glob("infra/modules/*/tests/*.tftest.hcl")})
ENVIRONMENTS = sorted(path.relative_to(ROOT) for path in ROOT.glob("infra/stacks/*/environments/*.tfvars"))

Terraform = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("terraform")
    left_out = shutil.ignore_patterns(".terraform", "*.tfstate*", "localstack_providers_override.tf")
    shutil.copytree(ROOT / "infra", target / "infra", ignore=left_out)
    return target


@pytest.fixture(scope="session")
def terraform(copy: Path) -> Terraform:
    settings = load(ROOT, {})
    binary = find_terraform(settings)
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "TF_VAR_"))}
    environ |= {"AWS_REGION": "eu-central-1", "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"} | GO
    mirror = find_provider(settings, binary).mirror
    if mirror is not None:
        configuration = copy / "terraform.rc"
        configuration.write_text(f'provider_installation {{\n  filesystem_mirror {{ path = "{mirror}" }}\n}}\n')
        environ["TF_CLI_CONFIG_FILE"] = str(configuration)

    def run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(binary.path), *arguments, "-no-color"], cwd=copy / root, env=environ, capture_output=True, text=True
        )

    return run


@pytest.fixture(scope="session")
def initialised(copy: Path, terraform: Terraform) -> Callable[[Path], bool]:
    """Whether `init` succeeds, which is asked once of a root. It has checked the provider by its hashes then: kept in
    the lock file, they have each later command hash 0.7 GB anew."""
    done = set()

    def init(root: Path) -> bool:
        if root not in done:
            if not succeeds(terraform(root, "init", "-backend=false", "-input=false")):
                return False
            lock = copy / root / LOCK_FILE
            lock.write_text(HASHES.sub("", lock.read_text(encoding="utf-8")), encoding="utf-8")
            done.add(root)
        return True

    return init


def succeeds(done: subprocess.CompletedProcess[str]) -> bool:
    print(done.stdout, done.stderr)
    return done.returncode == 0


def test_all_files_are_formatted(terraform: Terraform) -> None:
    assert succeeds(terraform(Path("infra"), "fmt", "-check", "-diff", "-recursive"))


@pytest.mark.parametrize("root", [*ROOTS, *MODULES], ids=str)
def test_a_root_is_valid_and_its_tests_pass(
    terraform: Terraform, initialised: Callable[[Path], bool], root: Path
) -> None:
    assert initialised(root)
    # Each run of a test validates all but the providers, which are mocked. A module has none.
    assert root in MODULES or succeeds(terraform(root, "validate"))
    assert succeeds(terraform(root, "test"))


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_module_has_no_provider_of_its_own(module: Path) -> None:
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / module).glob("*.tf")]
    assert texts
    assert not any(re.search(r"^provider\b", text, re.MULTILINE) for text in texts)


@pytest.mark.parametrize("stack", [root for root in ROOTS if root.parent.name == "stacks"], ids=str)
def test_all_of_a_stack_is_tagged_with_its_name(stack: Path) -> None:
    """A mocked provider has no default tags to show: they are read."""
    tags = re.search(
        r"default_tags \{\s+tags = \{([^}]*)\}", (ROOT / stack / "versions.tf").read_text(encoding="utf-8")
    )

    assert tags is not None
    assert re.search(r"^\s+stack\s+= var\.name$", tags[1], re.MULTILINE)


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=str)
def test_an_environment_is_planned_with_its_variables(
    terraform: Terraform, initialised: Callable[[Path], bool], environment: Path
) -> None:
    root = environment.parents[1]
    variables = f"-var-file=environments/{environment.name}"

    assert initialised(root)
    assert succeeds(terraform(root, "test", "-filter=tests/environment.tftest.hcl", variables))
