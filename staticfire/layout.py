"""Every path that staticfire writes.

The state directory belongs to one project's stacks and says so to git. The cache directory holds what every project of
this user can share (virtual environments, requirements, providers); it can be removed whenever no stack runs.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .settings import Settings

CONTROL_TOKEN = "control-token"
NOT_SHARED = (
    "neither XDG_CACHE_HOME nor HOME leads to a directory that can be written to, so nothing is shared with other "
    "projects: virtual environments are in the state directory. STATICFIRE_CACHE_DIR names another place"
)

# What the parts of a stack keep in the state directory, beside what was applied.
STATE = (
    *("edge.json", "edge-config.json", "inboxes.json", "mail.jsonl"),
    *("loading.json", "before-apply"),
    *("edge.sqlite", "edge.sqlite-shm", "edge.sqlite-wal"),
    *("compose.json", "containers.json", "terraform.rc", "provider-mirror", "applying"),
    *("in-use", "began-by-exec"),
    *(CONTROL_TOKEN, f".{CONTROL_TOKEN}.lock", "bin", "options"),
    *("console.json", "console-config.json", "console-token", ".console-token.lock", "console.html"),
    *("functions", "images", "logs", "ministack", "postgres", "processes"),
)


def shared_cache(variables: Mapping[str, str] = os.environ) -> Path | None:
    """The user's cache directory of staticfire; None where there is none that can be written to."""
    named, home = variables.get("XDG_CACHE_HOME", ""), variables.get("HOME", "")
    if os.path.isabs(named):  # any other value is to be passed over, by the XDG specification
        cache = Path(named) / "staticfire"
    elif os.path.isabs(home):
        cache = Path(home) / ".cache" / "staticfire"
    else:
        return None
    nearest = next(path for path in (cache, *cache.parents) if os.path.exists(path))
    return cache if nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK) else None


@dataclass(frozen=True)
class Layout:
    """Every path that staticfire writes."""

    state: Path
    cache: Path

    @classmethod
    def of(cls, settings: Settings) -> Layout:
        return cls(settings.state_dir, settings.cache_dir or shared_cache() or settings.state_dir)

    def make_state(self) -> None:
        """Make the state directory. Git leaves out a new one, and so all that ever lies in it."""
        if not self.state.exists():
            self.state.mkdir(parents=True, exist_ok=True)
            (self.state / ".gitignore").write_text("*\n")

    @property
    def lock(self) -> Path:
        return self.state / "lock"

    @property
    def in_use(self) -> Path:
        """Locked by each `staticfire exec` whose command is at work."""
        return self.state / "in-use"

    @property
    def began_by_exec(self) -> Path:
        """There where `staticfire exec` started what runs, so that the last one ends it."""
        return self.state / "began-by-exec"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def edge(self) -> Path:
        """Written by the edge once it serves."""
        return self.state / "edge.json"

    @property
    def edge_config(self) -> Path:
        return self.state / "edge-config.json"

    @property
    def control_token(self) -> Path:
        """What whoever steers the edge shows it; readable by the user alone."""
        return self.state / CONTROL_TOKEN

    @property
    def console(self) -> Path:
        """Written by the console once it serves."""
        return self.state / "console.json"

    @property
    def console_config(self) -> Path:
        return self.state / "console-config.json"

    @property
    def console_token(self) -> Path:
        """What the console's address holds; readable by the user alone."""
        return self.state / "console-token"

    @property
    def postgres(self) -> Path:
        return self.state / "postgres"

    @property
    def terraform(self) -> Path:
        return self.state / "terraform"

    @property
    def reports(self) -> Path:
        return self.state / "reports"

    @property
    def build(self) -> Path:
        """The packages."""
        return self.state / "build"

    @property
    def snapshots(self) -> Path:
        return self.state / "snapshots"

    @property
    def before_apply(self) -> Path:
        """The emulator's part while Terraform applies: where that is cut off, it is the state again."""
        return self.state / "before-apply"

    @property
    def programs(self) -> Path:
        """What `staticfire env` puts before a shell's own programs."""
        return self.state / "bin"

    @property
    def virtual_environments(self) -> Path:
        return self.cache / "venvs"

    @property
    def requirements(self) -> Path:
        """What packages are made of beside the sources."""
        return self.cache / "requirements"

    @property
    def providers(self) -> Path:
        """Terraform's plug-in cache, where the registry serves the provider."""
        return self.cache / "terraform-plugins"

    def options(self, stack: str) -> Path:
        """What `up` was told for that stack's Terraform."""
        return self.state / "options" / f"{stack}.json"

    def provider_schema(self, registry: str, version: str) -> Path:
        """What a version of the AWS provider takes in its block."""
        return self.cache / "provider-schemas" / registry / f"aws-{version}.json"

    def forget_applied(self) -> list[str]:
        """Forget what was applied, since what it was applied to is gone; what was removed."""
        return self._remove("applied", "planned", "live", "terraform")

    def forget_emulator(self) -> None:
        """Of a stopped embedded stack: the emulator begins from nothing, and the edge with it."""
        self._remove(
            "applied", "live", "before-apply", "ministack", "edge.sqlite", "edge.sqlite-shm", "edge.sqlite-wal"
        )

    def wipe(self) -> list[str]:
        """Remove all of a stack's state; what was removed. Packages, reports and the state of test runs stay."""
        return [*self.forget_applied(), *self._remove(*STATE)]

    def _remove(self, *names: str) -> list[str]:
        removed = []
        for path in (self.state / name for name in names):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif os.path.lexists(path):
                path.unlink()
            else:
                continue
            removed.append(path.name)
        return removed

    def process(self, name: str) -> Path:
        return self.state / "processes" / f"{name}.json"

    def applied(self, account: str, stack: str) -> Path:
        return self.state / "applied" / account / f"{stack}.json"

    def live(self, account: str, stack: str) -> Path:
        """What got other code than Terraform deployed, while its sources were watched."""
        return self.state / "live" / account / f"{stack}.json"

    @property
    def applied_records(self) -> list[Path]:
        return sorted((self.state / "applied").glob("*/*.json"))

    def planned(self, account: str, stack: str) -> Path:
        """What the stack would be on AWS."""
        return self.state / "planned" / account / f"{stack}.json"
