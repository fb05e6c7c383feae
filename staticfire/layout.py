"""Every path that staticfire writes.

The state directory belongs to one stack. The cache directory (virtual environments, packages) may be shared by several,
such as the stack of `make up` and the one of a test run.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .settings import Settings


@dataclass(frozen=True)
class Layout:
    """Every path that staticfire writes."""

    state: Path
    cache: Path

    @classmethod
    def of(cls, settings: Settings) -> Layout:
        return cls(settings.state_dir, settings.cache_dir)

    @property
    def lock(self) -> Path:
        return self.state / "lock"

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
    def postgres(self) -> Path:
        return self.state / "postgres"

    @property
    def terraform(self) -> Path:
        return self.state / "terraform"

    @property
    def reports(self) -> Path:
        return self.state / "reports"

    @property
    def envs(self) -> Path:
        return self.cache / "envs"

    @property
    def build(self) -> Path:
        return self.cache / "build"

    def process(self, name: str) -> Path:
        return self.state / "processes" / f"{name}.json"

    def applied(self, account: str, stack: str) -> Path:
        return self.state / "applied" / account / f"{stack}.json"

    def planned(self, account: str, stack: str) -> Path:
        """What the stack would be on AWS."""
        return self.state / "planned" / account / f"{stack}.json"
