"""Settings: `staticfire.toml` < environment (`STATICFIRE_*`) < command-line flags.

A project is a directory with a `staticfire.toml`; it is looked for upward from the working directory. The
`[staticfire]` table sets what `FIELDS` lists, and each `[stacks.NAME]` table describes one stack. One with
`default = false` is up only where it is asked for, by its name or by `all`. Nothing is guessed: an unknown key is an
error that names the nearest right one.

| setting             | environment                    | default            |
| ------------------- | ------------------------------ | ------------------ |
| target              | STATICFIRE_TARGET              | embedded           |
| host                | STATICFIRE_HOST                | 127.0.0.1          |
| port                | STATICFIRE_PORT                | 4566               |
| public_host         | STATICFIRE_PUBLIC_HOST         | the host           |
| region              | STATICFIRE_REGION              | us-east-1          |
| state_dir           | STATICFIRE_STATE_DIR           | .staticfire        |
| cache_dir           | STATICFIRE_CACHE_DIR           | ~/.cache/staticfire |
| postgres_bin        | STATICFIRE_POSTGRES_BIN        | looked for         |
| postgres_port       | STATICFIRE_POSTGRES_PORT       | 0: a free one      |
| endpoint            | STATICFIRE_ENDPOINT            | (target `external`) |
| postgres_url        | STATICFIRE_POSTGRES_URL        | (target `external`) |
| localstack_image    | STATICFIRE_LOCALSTACK_IMAGE    | 4.14.0             |
| postgres_image      | STATICFIRE_POSTGRES_IMAGE      | postgres:17        |
| terraform           | STATICFIRE_TERRAFORM           | looked for         |
| provider_mirror     | STATICFIRE_PROVIDER_MIRROR     | looked for         |
| parallelism         | STATICFIRE_PARALLELISM         | 20                 |
| runtimes            | STATICFIRE_RUNTIMES            | those in the *.tf  |
| idle_seconds        | STATICFIRE_IDLE_SECONDS        | 300                |
| account_concurrency | STATICFIRE_ACCOUNT_CONCURRENCY | 1000               |
| enforce_iam         | STATICFIRE_ENFORCE_IAM         | false              |
| allow_origins       | STATICFIRE_ALLOW_ORIGINS       | none               |
| allow_hosts         | STATICFIRE_ALLOW_HOSTS         | none               |
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from .errors import UsageError

FILE = "staticfire.toml"
NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}")
ALL = "all"


@dataclass(frozen=True)
class Zip:
    """One deployment package: a source tree `without` some of its files, its requirements, and the place in the zip."""

    name: str
    source: Path
    package: str = ""
    requirements: Path | None = None
    layer: bool = False
    without: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rebuild:
    """A function to invoke when a fresh emulator met an existing database; an output names the function."""

    output: str
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Layers:
    """What a load run deploys beside the stack: handlers that are put into one of its zips.

    `function` is the output that names the function they stand in for.
    """

    function: str
    zip: str
    handlers: tuple[Path, ...]


@dataclass(frozen=True)
class LoadSettings:
    """The stack's Locust file, the file whose `check` looks up what became of the writes, the layers, and what the
    project's table of prices says instead of staticfire's own."""

    file: Path
    integrity: Path | None = None
    prices: Path | None = None
    layers: Layers | None = None


@dataclass(frozen=True)
class StackSettings:
    name: str
    root: Path
    default: bool = True
    database: bool = False
    variables: Mapping[str, Any] = field(default_factory=dict)
    zips: tuple[Zip, ...] = ()
    examples: tuple[str, ...] = ()
    rebuild: tuple[Rebuild, ...] = ()
    load: LoadSettings | None = None


@dataclass(frozen=True)
class Settings:
    project: Path
    target: str = "embedded"
    host: str = "127.0.0.1"
    port: int = 4566
    public_host: str = ""
    region: str = "us-east-1"
    state_dir: Path = Path(".staticfire")
    cache_dir: Path | None = None  # the user's own: see layout.py
    postgres_bin: Path | None = None
    postgres_port: int = 0
    endpoint: str = ""
    postgres_url: str = ""
    localstack_image: str = "localstack/localstack:4.14.0"
    postgres_image: str = "postgres:17"
    terraform: str = ""
    provider_mirror: Path | None = None
    parallelism: int = 20
    runtimes: tuple[str, ...] = ()
    idle_seconds: float = 300.0
    account_concurrency: int = 1000
    enforce_iam: bool = False
    allow_origins: tuple[str, ...] = ()
    allow_hosts: tuple[str, ...] = ()
    stacks: Mapping[str, StackSettings] = field(default_factory=dict)

    def chosen(self, names: Sequence[str] = ()) -> list[str]:
        """The stacks that these names mean: with none, those that are up by default; with `all`, every one."""
        if ALL in names:
            return list(self.stacks)
        named = dict.fromkeys(self.stack(name).name for name in names)
        return list(named) or [name for name, stack in self.stacks.items() if stack.default]

    def stack(self, name: str) -> StackSettings:
        try:
            return self.stacks[name]
        except KeyError:
            raise UsageError(
                f"There is no stack {name!r} in {self.project / FILE}.",
                checked=[f"the stacks are: {', '.join(sorted(self.stacks)) or 'none'}"],
                remedy=_nearest(name, self.stacks) or f"Add a [stacks.{name}] table.",
            ) from None


def _integer(low: int, high: int) -> Callable[[Any], int]:
    def convert(value: Any) -> int:
        number = int(str(value))
        if isinstance(value, bool) or not low <= number <= high:
            raise ValueError(f"a whole number from {low} to {high} is needed")
        return number

    return convert


def _seconds(value: Any) -> float:
    number = float(str(value))
    if not 0 < number < float("inf"):
        raise ValueError("a number of seconds over 0 is needed")
    return number


def _switch(value: Any) -> bool:
    found = {"true": True, "1": True, "false": False, "0": False}.get(str(value).lower())
    if found is None:
        raise ValueError("true or false is needed")
    return found


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a string is needed")
    return value


def _strings(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
        raise ValueError("a list of strings is needed")
    return tuple(value)


def _path(value: Any) -> Path | None:
    return Path(_text(value)).expanduser() if value else None


FIELDS: Mapping[str, Callable[[Any], Any]] = {
    "target": _text,
    "host": _text,
    "port": _integer(0, 65535),
    "public_host": _text,
    "region": _text,
    "state_dir": _path,
    "cache_dir": _path,
    "postgres_bin": _path,
    "postgres_port": _integer(0, 65535),
    "endpoint": _text,
    "postgres_url": _text,
    "localstack_image": _text,
    "postgres_image": _text,
    "terraform": _text,
    "provider_mirror": _path,
    "parallelism": _integer(1, 200),
    "runtimes": _strings,
    "idle_seconds": _seconds,
    "account_concurrency": _integer(1, 100000),
    "enforce_iam": _switch,
    "allow_origins": _strings,
    "allow_hosts": _strings,
}
# Settings that were: what to do instead.
GONE = {
    "compile_edge": "Remove it: nothing is compiled at `up` any more.",
    "compile_client": "Remove it: functions run under AWS's runtime client as AWS published it.",
    "prewarm": "Remove it: pre-warmed execution environments are gone; each starts a process of its own.",
}
_PATHS = ("state_dir", "cache_dir", "postgres_bin", "provider_mirror")


def find_project(start: Path) -> Path:
    """The nearest directory at or above `start` that holds a staticfire.toml."""
    for directory in (start, *start.parents):
        if (directory / FILE).is_file():
            return directory
    raise UsageError(
        f"No {FILE} was found.",
        checked=[f"{start} and every directory above it"],
        remedy="Run the command inside a project, or name one with --project DIR.",
    )


def load(
    project: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    overrides: Mapping[str, Any] | None = None,
) -> Settings:
    """The settings of the project at `project` (default: found upward from the working directory)."""
    root = find_project((project or Path.cwd()).resolve())
    source = root / FILE
    try:
        document = tomllib.loads(source.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{source} is not valid TOML: {error}") from error
    _known(document, ("staticfire", "stacks"), source, "")
    table = _table(document, "staticfire", source)
    for name in sorted(GONE.keys() & table.keys()):
        raise UsageError(f"{source}: the setting staticfire.{name} is gone.", remedy=GONE[name])
    _known(table, FIELDS, source, "staticfire.")
    values: dict[str, Any] = {}
    for name, remedy in GONE.items():
        variable = f"STATICFIRE_{name.upper()}"
        if environ.get(variable):
            raise UsageError(f"The setting {variable} is gone.", remedy=remedy)
    for name, convert in FIELDS.items():
        variable = f"STATICFIRE_{name.upper()}"
        if overrides and overrides.get(name) is not None:
            values[name] = _convert(convert, overrides[name], f"the flag for {name}")
        elif environ.get(variable):
            values[name] = _convert(convert, environ[variable], variable)
        elif name in table:
            values[name] = _convert(convert, table[name], f"{source}: staticfire.{name}")
    defaults = {setting.name: setting.default for setting in fields(Settings)}
    for name in _PATHS:
        path = values.get(name, defaults[name])
        values[name] = root / path if path else None
    stacks = _table(document, "stacks", source)
    values["stacks"] = {name: _stack(name, _table(stacks, name, source), root, source) for name in stacks}
    return Settings(project=root, **values)


def _stack(name: str, table: Mapping[str, Any], project: Path, source: Path) -> StackSettings:
    where = f"stacks.{name}."
    if not NAME.fullmatch(name):
        raise UsageError(f"{source}: {name!r} cannot name a stack: lower-case letters, digits, - and _ are allowed.")
    if name == ALL:
        raise UsageError(f"{source}: {name!r} cannot name a stack: `staticfire up {ALL}` means every one.")
    _known(table, ("root", "default", "database", "variables", "zips", "health", "rebuild", "load"), source, where)
    if not isinstance(table.get("root"), str):
        raise UsageError(f"{source}: {where}root is missing: the directory of the stack's Terraform root.")
    health = _table(table, "health", source)
    _known(health, ("examples",), source, where + "health.")
    rebuild = _table(table, "rebuild", source)
    _known(rebuild, ("functions",), source, where + "rebuild.")
    zips = _table(table, "zips", source)
    return StackSettings(
        name=name,
        root=project / table["root"],
        default=_boolean(table, "default", source, where, otherwise=True),
        database=_boolean(table, "database", source, where),
        variables=_table(table, "variables", source),
        zips=tuple(_zip(zip_name, _table(zips, zip_name, source), project, source, where) for zip_name in zips),
        examples=_convert(_strings, health.get("examples", []), f"{source}: {where}health.examples"),
        rebuild=tuple(_rebuild(item, source, where) for item in rebuild.get("functions", [])),
        load=_load(_table(table, "load", source), project, source, where + "load.") if "load" in table else None,
    )


def _zip(name: str, table: Mapping[str, Any], project: Path, source: Path, where: str) -> Zip:
    where = f"{where}zips.{name}."
    _known(table, ("source", "package", "requirements", "layer", "without"), source, where)
    if not isinstance(table.get("source"), str):
        raise UsageError(f"{source}: {where}source is missing: the directory that is packed.")
    requirements = _convert(_path, table.get("requirements"), f"{source}: {where}requirements")
    return Zip(
        name=name,
        source=project / table["source"],
        package=_convert(_text, table.get("package", ""), f"{source}: {where}package"),
        requirements=project / requirements if requirements else None,
        layer=_boolean(table, "layer", source, where),
        without=_convert(_strings, table.get("without", []), f"{source}: {where}without"),
    )


def _rebuild(item: Any, source: Path, where: str) -> Rebuild:
    if not isinstance(item, dict) or not isinstance(item.get("output"), str):
        raise UsageError(f"{source}: {where}rebuild.functions needs tables with an `output` that names a function.")
    _known(item, ("output", "payload"), source, where + "rebuild.functions.")
    return Rebuild(item["output"], _table(item, "payload", source))


def _load(table: Mapping[str, Any], project: Path, source: Path, where: str) -> LoadSettings:
    _known(table, ("file", "integrity", "prices", "layers"), source, where)
    if not isinstance(table.get("file"), str):
        raise UsageError(f"{source}: {where}file is missing: the stack's Locust file.")
    integrity = _convert(_path, table.get("integrity"), f"{source}: {where}integrity")
    prices = _convert(_path, table.get("prices"), f"{source}: {where}prices")
    return LoadSettings(
        file=project / table["file"],
        integrity=project / integrity if integrity else None,
        prices=project / prices if prices else None,
        layers=_layers(_table(table, "layers", source), project, source, where) if "layers" in table else None,
    )


def _layers(table: Mapping[str, Any], project: Path, source: Path, where: str) -> Layers:
    where += "layers."
    _known(table, ("function", "zip", "handlers"), source, where)
    for key, what in (("function", "the output that names the function behind the API"), ("zip", "that function's")):
        if not isinstance(table.get(key), str):
            raise UsageError(f"{source}: {where}{key} is missing: {what}.")
    handlers = _convert(_strings, table.get("handlers", []), f"{source}: {where}handlers")
    return Layers(table["function"], table["zip"], tuple(project / handler for handler in handlers))


def _boolean(table: Mapping[str, Any], key: str, source: Path, where: str, *, otherwise: bool = False) -> bool:
    value = table.get(key, otherwise)
    if not isinstance(value, bool):
        raise UsageError(f"{source}: {where}{key} is {value!r}, but true or false is needed.")
    return value


def _table(table: Mapping[str, Any], key: str, source: Path) -> Mapping[str, Any]:
    value = table.get(key, {})
    if not isinstance(value, dict):
        raise UsageError(f"{source}: {key} must be a table.")
    return value


def _convert(convert: Callable[[Any], Any], value: Any, where: str) -> Any:
    try:
        return convert(value)
    except ValueError as error:
        raise UsageError(f"{where} is {value!r}: {error}.") from error


def _known(table: Mapping[str, Any], known: Iterable[str], source: Path, where: str) -> None:
    for key in table:
        if key not in known:
            raise UsageError(
                f"{source}: {where}{key} is not a setting.",
                remedy=_nearest(key, known) or f"The settings there are: {', '.join(known)}.",
            )


def _nearest(word: str, known: Iterable[str]) -> str:
    match = difflib.get_close_matches(word, list(known), 1)
    return f"Did you mean {match[0]!r}?" if match else ""
