"""What the edge is told at its start: one JSON file (docs/architecture.md)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from staticfire.errors import UsageError


@dataclass(frozen=True)
class EmulatorConfig:
    """MiniStack as the edge's child (`python` of its environment), or LocalStack (or its like) that serves at `url`."""

    python: str = ""
    port: int = 0
    url: str = ""
    name: str = ""
    log: str = ""


@dataclass(frozen=True)
class PostgresConfig:
    host: str
    port: int
    admin_user: str
    admin_password: str


@dataclass(frozen=True)
class EdgeConfig:
    host: str
    port: int
    state_dir: Path
    emulator: EmulatorConfig
    filler: EmulatorConfig | None = None
    postgres: PostgresConfig | None = None
    runtimes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    account_concurrency: int = 1000
    idle_seconds: float = 300.0
    enforce_iam: bool = False
    public_host: str = "127.0.0.1"
    allow_origins: tuple[str, ...] = ()
    allow_hosts: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: Path) -> EdgeConfig:
        try:
            given = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise UsageError(f"The edge's configuration {path} cannot be read: {error}.") from error
        try:
            given["state_dir"] = Path(given["state_dir"])
            given["emulator"] = _part(EmulatorConfig, given["emulator"])
            for name, kind in (("filler", EmulatorConfig), ("postgres", PostgresConfig)):
                if given.get(name) is not None:
                    given[name] = _part(kind, given[name])
            for name in ("allow_origins", "allow_hosts"):
                given[name] = tuple(given.get(name, ()))
            config: EdgeConfig = _part(cls, given)
        except (KeyError, TypeError) as error:
            raise UsageError(f"The edge's configuration {path} is wrong: {error}.") from error
        if not config.emulator.python and not config.emulator.url:
            raise UsageError(f"The edge's configuration {path} names no emulator: neither python nor url.")
        if config.filler is not None and (config.emulator.python or not config.filler.python):
            raise UsageError(f"The edge's configuration {path} is wrong: MiniStack fills in for an emulator at a url.")
        return config


def _part(kind: type, given: Mapping[str, Any]) -> Any:
    unknown = set(given) - {each.name for each in fields(kind)}
    if unknown:
        raise TypeError(f"unknown: {', '.join(sorted(unknown))}")
    return kind(**given)
