"""Settings: `staticfire.toml` < variables (`STATICFIRE_*`) < command-line flags.

A project is a directory with a `staticfire.toml`; it is looked for upward from the working directory. The
`[staticfire]` table sets what `FIELDS` lists, `[layers]` names zips of other accounts' layers by their ARN, and each
`[stacks.NAME]` table describes one stack. One with `default = false` is up only where somebody asks for it, by its name
or by `all`. An unknown key is an error that names the nearest right one. Without the file, or with `[layers]` alone
in it, each Terraform root (roots.py) in or below the working directory is a stack.

| setting             | variable                       | default            |
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
| token               | STATICFIRE_TOKEN               | (target `external`) |
| postgres_url        | STATICFIRE_POSTGRES_URL        | (target `external`) |
| localstack_image    | STATICFIRE_LOCALSTACK_IMAGE    | 4.14.0             |
| postgres_image      | STATICFIRE_POSTGRES_IMAGE      | postgres:17        |
| terraform           | STATICFIRE_TERRAFORM           | looked for         |
| provider_mirror     | STATICFIRE_PROVIDER_MIRROR     | looked for         |
| parallelism         | STATICFIRE_PARALLELISM         | 20                 |
| runtimes            | STATICFIRE_RUNTIMES            | those in the *.tf  |
| idle_time           | STATICFIRE_IDLE_TIME           | 5m                 |
| account_concurrency | STATICFIRE_ACCOUNT_CONCURRENCY | 1000               |
| enforce_iam         | STATICFIRE_ENFORCE_IAM         | false              |
| traces              | STATICFIRE_TRACES              | true               |
| traces_file         | STATICFIRE_TRACES_FILE         | none: in memory    |
| otlp                | STATICFIRE_OTLP                | none               |
| allow_unsupported   | STATICFIRE_ALLOW_UNSUPPORTED   | false              |
| strict              | STATICFIRE_STRICT              | false              |
| allow_origins       | STATICFIRE_ALLOW_ORIGINS       | none               |
| allow_hosts         | STATICFIRE_ALLOW_HOSTS         | none               |
| console             | STATICFIRE_CONSOLE             | true               |
| console_port        | STATICFIRE_CONSOLE_PORT        | 0: after the edge's |
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from .errors import UsageError
from .roots import find_roots
from .toml_tables import (
    Table,
    boolean,
    converted,
    integer,
    item_files,
    nearest,
    one_of,
    path,
    strings,
    switch,
    text,
    timespan,
)

FILE = "staticfire.toml"
NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}")
LAYER_ARN = re.compile(r"arn:[a-z-]+:lambda:[a-z0-9-]+:\d{12}:layer:[\w-]+(?::\d+)?")
ALL = "all"
STATE = ".staticfire"


@dataclass(frozen=True)
class Zip:
    """One deployment package: a source tree `without` some of its files, its requirements, and the place in the zip."""

    name: str
    source: Path
    package: str = ""
    requirements: Path | None = None
    layer: bool = False
    without: tuple[str, ...] = ()
    runtime: str = ""  # what its requirements are packed for; empty: what the Terraform says
    architecture: str = ""


@dataclass(frozen=True)
class ImageSettings:
    """An image that `up` pushes: to the ECR repository `name`, under a tag that is of its content, which the Terraform
    variable `variable` gets. It is put together of `zips` of the stack, or an engine builds the `dockerfile`."""

    name: str
    variable: str
    zips: tuple[str, ...] = ()
    handler: str = ""
    dockerfile: Path | None = None
    context: Path | None = None


@dataclass(frozen=True)
class Rebuild:
    """A function to invoke when a fresh emulator met an existing database; an output names the function."""

    output: str
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Seed:
    """What a stack is given after each apply and each reset: files of SQL, files of items by table, directories of
    objects by bucket, then a function that is invoked. An output or a name says which table, bucket or function."""

    sql: tuple[Path, ...] = ()
    items: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    objects: Mapping[str, Path] = field(default_factory=dict)
    function: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Breakdown:
    """What a load run deploys beside the stack to break a request's time down: handlers, put into one of its zips.

    `function` is the output that names the function they stand in for.
    """

    function: str
    zip: str
    handlers: tuple[Path, ...]


@dataclass(frozen=True)
class LoadSettings:
    """The stack's Locust file, the file whose `check` looks up what became of the writes, the breakdown, and what
    the project's table of prices says instead of staticfire's own."""

    file: Path
    integrity: Path | None = None
    prices: Path | None = None
    thresholds: tuple[str, ...] = ()
    breakdown: Breakdown | None = None


@dataclass(frozen=True)
class StackSettings:
    name: str
    root: Path
    default: bool = True
    database: bool = False
    variables: Mapping[str, Any] = field(default_factory=dict)
    var_files: tuple[Path, ...] = ()
    assignments: tuple[str, ...] = ()  # `-var`: NAME=VALUE
    workspace: str = ""
    zips: tuple[Zip, ...] = ()
    images: tuple[ImageSettings, ...] = ()
    examples: tuple[str, ...] = ()
    rebuild: tuple[Rebuild, ...] = ()
    seed: Seed | None = None
    load: LoadSettings | None = None


@dataclass(frozen=True)
class Settings:
    """`file`: the project's staticfire.toml; None where there is none."""

    project: Path
    file: Path | None = None
    target: str = "embedded"
    host: str = "127.0.0.1"
    port: int = 4566
    public_host: str = ""
    region: str = "us-east-1"
    state_dir: Path = Path(STATE)
    cache_dir: Path | None = None  # the user's own: see layout.py
    postgres_bin: Path | None = None
    postgres_port: int = 0
    endpoint: str = ""
    token: str = ""
    postgres_url: str = ""
    localstack_image: str = "localstack/localstack:4.14.0"
    postgres_image: str = "postgres:17"
    terraform: str = ""
    provider_mirror: Path | None = None
    parallelism: int = 20
    runtimes: tuple[str, ...] = ()
    idle_time: float = 300.0  # in seconds
    account_concurrency: int = 1000
    enforce_iam: bool = False
    traces: bool = True
    traces_file: Path | None = None  # where each span is written besides, a JSON document a line
    otlp: str = ""  # the base URL of an OTLP/HTTP receiver
    allow_unsupported: bool = False  # apply what cannot run here too
    strict: bool = False  # apply only what runs here
    allow_origins: tuple[str, ...] = ()
    allow_hosts: tuple[str, ...] = ()
    console: bool = True  # `up` starts it
    console_port: int = 0
    layers: Mapping[str, Path] = field(default_factory=dict)  # zips of other accounts' layers, by ARN
    stacks: Mapping[str, StackSettings] = field(default_factory=dict)

    def chosen(self, names: Sequence[str] = ()) -> list[str]:
        """The stacks that these names mean: with none, those that are up by default; with `all`, every one."""
        if ALL in names:
            return list(self.stacks)
        named = dict.fromkeys(self.stack(name).name for name in names)
        chosen = list(named) or [name for name, stack in self.stacks.items() if stack.default]
        if not chosen and self.file is None:
            first = os.path.relpath(next(iter(self.stacks.values())).root)
            raise UsageError(
                f"There are several Terraform roots below {self.project}.",
                checked=[f"{name}: {os.path.relpath(stack.root)}" for name, stack in self.stacks.items()],
                remedy=f"Name one, as `staticfire up {first}`, or `all`.",
            )
        return chosen

    def stack(self, name: str) -> StackSettings:
        """The stack of this name, or the one whose Terraform root lies there."""
        there = Path(name).resolve()
        for stack in (self.stacks.get(name), *self.stacks.values()):
            if stack is not None and (stack.name == name or stack.root.resolve() == there):
                return stack
        raise UsageError(
            f"There is no stack {name!r} in {self.file or self.project}.",
            checked=[f"the stacks are: {', '.join(sorted(self.stacks)) or 'none'}"],
            remedy=nearest(name, self.stacks)
            or f"Name one of these or a Terraform root, or describe a new one: [stacks.{name}] in {FILE}.",
        )


FIELDS: Mapping[str, Callable[[Any], Any]] = {
    "target": text,
    "host": text,
    "port": integer(0, 65535),
    "public_host": text,
    "region": text,
    "state_dir": path,
    "cache_dir": path,
    "postgres_bin": path,
    "postgres_port": integer(0, 65535),
    "endpoint": text,
    "token": text,
    "postgres_url": text,
    "localstack_image": text,
    "postgres_image": text,
    "terraform": text,
    "provider_mirror": path,
    "parallelism": integer(1, 200),
    "runtimes": strings,
    "idle_time": timespan,
    "account_concurrency": integer(1, 100000),
    "enforce_iam": switch,
    "traces": switch,
    "traces_file": path,
    "otlp": text,
    "allow_unsupported": switch,
    "strict": switch,
    "allow_origins": strings,
    "allow_hosts": strings,
    "console": switch,
    "console_port": integer(0, 65535),
}
STACK = (
    *("root", "default", "database", "variables", "var_files", "workspace"),
    *("zips", "images", "examples", "rebuild", "seed", "load"),
)
# Settings that were: what to do instead.
GONE = {
    "idle_seconds": "Write `idle_time` with its unit: 300 seconds are `5m` or `300s`.",
    "compile_edge": "Remove it: nothing is compiled at `up` any more.",
    "compile_client": "Remove it: functions run under AWS's runtime client as AWS published it.",
    "prewarm": "Remove it: pre-warmed execution environments are gone; each starts a process of its own.",
}
_PATHS = ("state_dir", "cache_dir", "postgres_bin", "provider_mirror", "traces_file")


def find_project(start: Path) -> Path | None:
    """The nearest directory at or above `start` that holds a staticfire.toml."""
    return next((directory for directory in (start, *start.parents) if (directory / FILE).is_file()), None)


def without_file(start: Path) -> tuple[Path, Mapping[str, StackSettings]]:
    """Where there is no staticfire.toml: the project, and each Terraform root as a stack; an only one is the default.

    The project is `start`, or the directory above it that `up` was run in before.
    """
    project = start
    for above in start.parents:
        if (above / STATE).is_dir() and any(root.is_relative_to(start) for root in find_roots(above)):
            project = above
            break
        if (above / ".git").exists():
            break
    roots = find_roots(project)
    if not roots:
        raise UsageError(
            f"No {FILE} was found, and no Terraform.",
            checked=[f"{FILE}: {start} and every directory above it", f"*.tf: {start} and below it"],
            remedy="Run the command where your Terraform is, or name that directory: `staticfire --project DIR up`. "
            f"In a {FILE} "
            'two lines suffice: [stacks.app] and root = "infra".',
        )
    return project, _as_stacks(roots, project, start)


def _as_stacks(roots: Sequence[Path], project: Path, start: Path) -> Mapping[str, StackSettings]:
    """Each root as a stack; the only one at or below `start` is the default."""
    here = [root for root in roots if root.is_relative_to(start)]
    stacks: dict[str, StackSettings] = {}
    for root in roots:
        words = [project.name] if len(roots) == 1 else root.relative_to(project).parts
        name = stack_name("-".join(words))
        while name in stacks:
            name += "-2"
        stacks[name] = StackSettings(name, root, default=here == [root])
    return stacks


def stack_name(text: str) -> str:
    """What a stack may be called that is nearest to this."""
    name = re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-_")[:28].rstrip("-_")
    if not name or not name[0].isalpha():
        name = f"stack-{name}"[:28].rstrip("-_")
    return f"{name}-stack" if name == ALL else name


def load(
    project: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    overrides: Mapping[str, Any] | None = None,
) -> Settings:
    """The settings of the project at `project` (default: found upward from the working directory)."""
    start = (project or Path.cwd()).resolve()
    root = find_project(start)
    roots: Mapping[str, StackSettings] | None = None
    if root is None:
        root, roots = without_file(start)
        document = Table({}, root / FILE)
    else:
        document = Table.of_file(root / FILE).only("staticfire", "layers", "stacks")
        if "layers" in document and "stacks" not in document:  # the functions that use them are in the Terraform
            roots = _as_stacks(find_roots(root), root, start)
    table = document.table("staticfire")
    for name, remedy in GONE.items():
        for present, setting in ((name in table, table.where(name)), (environ.get(_variable(name)), _variable(name))):
            if present:
                raise UsageError(f"{setting} is gone.", remedy=remedy)
    table.only(*FIELDS)
    values: dict[str, Any] = {}
    for name, convert in FIELDS.items():
        if overrides and overrides.get(name) is not None:
            values[name] = converted(convert, overrides[name], f"the flag for {name}")
        elif environ.get(_variable(name)):
            values[name] = converted(convert, environ[_variable(name)], _variable(name))
        elif name in table:
            values[name] = table.get(name, convert, None)
    defaults = {setting.name: setting.default for setting in fields(Settings)}
    for name in _PATHS:
        relative = values.get(name, defaults[name])
        values[name] = root / relative if relative else None
    values["layers"] = _layers(document.table("layers"))
    stacks = document.table("stacks")
    values["stacks"] = roots or {name: _stack(name, stacks.table(name)) for name in stacks.values}
    return Settings(project=root, file=None if roots else root / FILE, **values)


def _variable(setting: str) -> str:
    return f"STATICFIRE_{setting.upper()}"


def _layers(table: Table) -> Mapping[str, Path]:
    for arn in table.values:
        if not LAYER_ARN.fullmatch(arn):
            raise UsageError(
                f"{table.source}: {arn!r} in [layers] is not the ARN of a layer.",
                checked=["arn:aws:lambda:REGION:ACCOUNT:layer:NAME, and :VERSION where only that one is meant"],
            )
    return {arn: table.required_path(arn, "the zip with that layer's content") for arn in table.values}


def _stack(name: str, table: Table) -> StackSettings:
    if not NAME.fullmatch(name):
        raise UsageError(
            f"{table.source}: {name!r} cannot name a stack: lower-case letters, digits, - and _ are allowed."
        )
    if name == ALL:
        raise UsageError(f"{table.source}: {name!r} cannot name a stack: `staticfire up {ALL}` means every one.")
    if "health" in table:
        examples = json.dumps(table.table("health").values.get("examples", []), ensure_ascii=False)
        raise UsageError(
            f"{table.source}: the table [stacks.{name}.health] is gone: its `examples` are the stack's own.",
            remedy=f"Remove it, and write in [stacks.{name}]: examples = {examples}",
        )
    table.only(*STACK)
    zips, images, rebuild = table.table("zips"), table.table("images"), table.table("rebuild").only("functions")
    var_files: tuple[str, ...] = table.get("var_files", strings, ())
    has_database: bool = table.get("database", boolean, False)
    return StackSettings(
        name=name,
        root=table.required_path("root", "the directory of the stack's Terraform root"),
        default=table.get("default", boolean, True),
        database=has_database,
        variables=table.table("variables").values,
        var_files=tuple(table.source.parent / file for file in var_files),
        workspace=table.get("workspace", text, ""),
        zips=tuple(_zip(zip_name, zips.table(zip_name)) for zip_name in zips.values),
        images=tuple(_image(repository, images.table(repository), tuple(zips.values)) for repository in images.values),
        examples=table.get("examples", strings, ()),
        rebuild=tuple(_rebuild(item, rebuild) for item in rebuild.values.get("functions", [])),
        seed=_seed(table.table("seed"), has_database) if "seed" in table else None,
        load=_load(table.table("load")) if "load" in table else None,
    )


def _zip(name: str, table: Table) -> Zip:
    table.only("source", "package", "requirements", "layer", "without", "runtime", "architecture")
    return Zip(
        name=name,
        source=table.required_path("source", "the directory that is packed"),
        package=table.get("package", text, ""),
        requirements=table.path("requirements"),
        layer=table.get("layer", boolean, False),
        without=table.get("without", strings, ()),
        runtime=table.get("runtime", one_of(*(f"python3.{minor}" for minor in range(8, 15))), ""),
        architecture=table.get("architecture", one_of("x86_64", "arm64"), ""),
    )


def _image(repository: str, table: Table, zips: Sequence[str]) -> ImageSettings:
    table.only("variable", "zips", "handler", "dockerfile", "context")
    made_of: tuple[str, ...] = table.get("zips", strings, ())
    dockerfile = table.path("dockerfile")
    if bool(made_of) == bool(dockerfile):
        raise UsageError(
            f"{table.source}: [{table.name}] needs either `zips` or a `dockerfile`.",
            remedy="Of `zips` of the stack it is made without an engine; a `dockerfile` is built by one.",
        )
    for name in made_of:
        if name not in zips:
            raise UsageError(
                f"{table.where('zips')} names {name!r}, which is not a zip of the stack.",
                checked=[f"the zips are: {', '.join(zips) or 'none'}"],
                remedy=nearest(name, zips) or "Describe it in the stack's `zips`.",
            )
    for key, instead in (("handler", "zips"), ("context", "dockerfile")):
        if key in table and instead not in table:
            raise UsageError(f"{table.where(key)} goes with `{instead}` alone.", remedy="Remove it.")
    return ImageSettings(
        name=repository,
        variable=table.required("variable", "the Terraform variable that takes the image's tag"),
        zips=made_of,
        handler=table.get("handler", text, ""),
        dockerfile=dockerfile,
        context=table.path("context") or (dockerfile.parent if dockerfile else None),
    )


def _rebuild(item: Any, rebuild: Table) -> Rebuild:
    where = rebuild.where("functions")
    if not isinstance(item, dict) or not isinstance(item.get("output"), str):
        raise UsageError(f"{where} needs tables with an `output` that names a function.")
    table = Table(item, rebuild.source, f"{rebuild.name}.functions").only("output", "payload")
    return Rebuild(item["output"], table.table("payload").values)


def _seed(table: Table, has_database: bool) -> Seed:
    table.only("sql", "items", "objects", "function", "payload")
    sql: tuple[str, ...] = table.get("sql", strings, ())
    if sql and not has_database:
        raise UsageError(
            f"{table.where('sql')}: the stack has no database of its own.", remedy="Give it one: database = true."
        )
    if "payload" in table and "function" not in table:
        raise UsageError(f"{table.where('payload')} is without a `function` that is invoked with it.")
    items, objects = table.table("items"), table.table("objects")
    by_table: Mapping[str, tuple[str, ...]] = {
        name: converted(item_files, value, items.where(name)) for name, value in items.values.items()
    }
    directory = table.source.parent
    return Seed(
        sql=tuple(directory / file for file in sql),
        items={name: tuple(directory / file for file in files) for name, files in by_table.items()},
        objects={name: objects.required_path(name, "a directory of objects") for name in objects.values},
        function=table.get("function", text, ""),
        payload=table.table("payload").values,
    )


def _load(table: Table) -> LoadSettings:
    if "layers" in table:
        raise UsageError(
            f"{table.where('layers')} is gone: it is `breakdown`, as layers are Lambda's.",
            remedy=f"Name the table [{table.name}.breakdown].",
        )
    table.only("file", "integrity", "prices", "thresholds", "breakdown")
    return LoadSettings(
        file=table.required_path("file", "the stack's Locust file"),
        integrity=table.path("integrity"),
        prices=table.path("prices"),
        thresholds=table.get("thresholds", strings, ()),
        breakdown=_breakdown(table.table("breakdown")) if "breakdown" in table else None,
    )


def _breakdown(table: Table) -> Breakdown:
    table.only("function", "zip", "handlers")
    function = table.required("function", "the output that names the function behind the API")
    package = table.required("zip", "that function's zip")
    handlers: tuple[str, ...] = table.get("handlers", strings, ())
    return Breakdown(function, package, tuple(table.source.parent / handler for handler in handlers))
