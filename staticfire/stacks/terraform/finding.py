"""Find Terraform or OpenTofu on this machine, and where its AWS provider comes from.

The provider comes from the first of: what the user configured; the directories that Terraform searches by itself; a
mirror directly below a directory of /opt; the registry.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from staticfire.errors import PrerequisiteError
from staticfire.settings import Settings

from .variables import CONFIGURATION_FILE, clean_variables

OLDEST = (1, 6)
PROVIDER = Path("hashicorp") / "aws"
REGISTRIES = ("registry.terraform.io", "registry.opentofu.org")


@dataclass(frozen=True)
class Terraform:
    """The binary, `terraform` or `tofu`."""

    path: Path
    version: str

    @property
    def minor(self) -> tuple[int, ...]:
        return tuple(map(int, self.version.split(".")[:2]))

    @property
    def registry(self) -> str:
        return REGISTRIES[self.path.name.startswith("tofu")]


@dataclass(frozen=True)
class Provider:
    """Where the AWS provider comes from. `mirror` is set when Terraform must be told of it."""

    source: str
    mirror: Path | None = None
    from_registry: bool = False


def find_terraform(settings: Settings) -> Terraform:
    """The Terraform that the settings name, else `terraform`, else `tofu` of the PATH."""
    names = [settings.terraform] if settings.terraform else ["terraform", "tofu"]
    checked = []
    for name in names:
        path = shutil.which(name)
        if path is None:
            checked.append(f"{name}: not found")
            continue
        version = _version(path)
        if version:
            terraform = Terraform(Path(path), version)
            if terraform.minor >= OLDEST:
                return terraform
        checked.append(f"{path}: {f'version {version}' if version else 'does not run'}")
    raise PrerequisiteError(
        "Staticfire needs Terraform 1.6 or newer, or OpenTofu.",
        checked=checked,
        remedy="Install one of them, or name its binary in the setting `terraform` (STATICFIRE_TERRAFORM).",
    )


@cache
def _version(path: str) -> str | None:
    try:
        answer = subprocess.run([path, "version"], env=clean_variables(), capture_output=True, text=True, check=False)
    except OSError:
        return None
    match = re.search(r"^(?:Terraform|OpenTofu) v(\d+\.\d+\.\d+)", answer.stdout, re.MULTILINE)
    return match[1] if match else None


def find_provider(settings: Settings, terraform: Terraform) -> Provider:
    """Where the AWS provider comes from, without asking the network."""
    mirror = settings.provider_mirror
    if mirror:
        if registry_of(mirror) is None:
            raise PrerequisiteError(
                f"The provider mirror {mirror} does not hold the AWS provider.",
                checked=[str(mirror / REGISTRIES[0] / PROVIDER)],
                remedy="Correct the setting `provider_mirror`, or make one with `terraform providers mirror DIR`.",
            )
        return Provider(f"the mirror {mirror}", mirror)
    configured = _users_configuration()
    if configured:
        return Provider(f"what {configured} configures")
    for directory in _implied_directories():
        if (directory / terraform.registry / PROVIDER).is_dir():
            return Provider(f"{directory}, which {terraform.path.name} searches by itself")
    for directory in sorted(Path("/opt").glob("*")):
        if registry_of(directory):
            return Provider(f"the mirror {directory}", directory)
    return Provider(f"the registry {terraform.registry}", from_registry=True)


def registry_of(mirror: Path) -> str | None:
    """Whose AWS provider a directory mirrors."""
    return next((registry for registry in REGISTRIES if (mirror / registry / PROVIDER).is_dir()), None)


def _home() -> Path:
    return Path(os.environ.get("HOME") or "/nonexistent")


def _users_configuration() -> Path | None:
    """The user's own CLI configuration, when it says where providers come from."""
    named = clean_variables().get(CONFIGURATION_FILE)
    for file in [Path(named)] if named else [_home() / ".terraformrc", _home() / ".tofurc"]:
        if file.is_file() and "provider_installation" in file.read_text(errors="replace"):
            return file
    return None


def _implied_directories() -> Iterator[Path]:
    """https://developer.hashicorp.com/terraform/cli/config/config-file#implied-local-mirror-directories"""
    yield _home() / ".terraform.d" / "plugins"
    data = os.environ.get("XDG_DATA_HOME") or _home() / ".local" / "share"
    shared = (os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share").split(":")
    for directory in (data, *shared):
        yield Path(directory) / "terraform" / "plugins"
