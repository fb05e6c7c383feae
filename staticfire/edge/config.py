"""What the edge is started with: one JSON file (docs/architecture.md)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from staticfire.errors import UsageError


@dataclass(frozen=True)
class EmulatorConfig:
    """MiniStack as a process of the edge, run by the `python` of its virtual environment; or LocalStack at `url`."""

    python: str = ""
    url: str = ""
    name: str = "LocalStack"
    log: str = ""


@dataclass(frozen=True)
class PostgresConfig:
    """The Postgres server, and the superuser that makes roles and databases on it."""

    host: str
    port: int
    admin_user: str
    admin_password: str


@dataclass(frozen=True)
class EdgeConfig:
    """`filler` is the MiniStack beside LocalStack."""

    host: str
    port: int
    state_dir: Path
    emulator: EmulatorConfig
    filler: EmulatorConfig = EmulatorConfig()
    postgres: PostgresConfig | None = None
    runtimes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    node: tuple[str, ...] = ()
    account_concurrency: int = 1000
    idle_seconds: float = 300.0
    enforce_iam: bool = False
    traces: bool = True
    traces_file: str = ""
    otlp: str = ""
    public_host: str = "127.0.0.1"
    allow_origins: tuple[str, ...] = ()
    allow_hosts: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: Path) -> EdgeConfig:
        try:
            document = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise UsageError(f"The edge's configuration {path} cannot be read: {error}.") from error
        try:
            document["state_dir"] = Path(document["state_dir"])
            document["emulator"] = _section(EmulatorConfig, document["emulator"])
            for name, kind in (("filler", EmulatorConfig), ("postgres", PostgresConfig)):
                if document.get(name) is not None:
                    document[name] = _section(kind, document[name])
            for name in ("allow_origins", "allow_hosts", "node"):
                document[name] = tuple(document.get(name, ()))
            config: EdgeConfig = _section(cls, document)
        except (KeyError, TypeError) as error:
            raise UsageError(f"The edge's configuration {path} is wrong: {error}.") from error
        if bool(config.emulator.python) == bool(config.emulator.url):
            raise UsageError(f"The edge's configuration {path} is wrong: the emulator has either python or url.")
        if bool(config.emulator.url) != bool(config.filler.python):
            raise UsageError(
                f"The edge's configuration {path} is wrong: LocalStack (url) has a filler (python), MiniStack has none."
            )
        return config


def _section(kind: type, document: Mapping[str, Any]) -> Any:
    unknown = document.keys() - {field.name for field in fields(kind)}
    if unknown:
        raise TypeError(f"unknown: {', '.join(sorted(unknown))}")
    return kind(**document)
