"""What the parts of Lambda talk about: settings, functions' references and configurations, outcomes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from staticfire.edge.aws.calls import AwsError, Scope

LATEST = "$LATEST"

# What AWS accepts as a function's name: the name, or all or a part of its ARN.
NAME_PATTERN = (
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?"
    r"([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
)
_REFERENCE = re.compile(
    r"(?:arn:aws[a-zA-Z-]*:lambda:)?(?:(?P<region>(?:eusc-)?[a-z]{2}(?:-gov|-iso[a-z]?)?-[a-z]+-\d):)?"
    r"(?:(?P<account>\d{12}):)?(?:function:)?(?P<name>[a-zA-Z0-9-_.]+)"
    r"(?::(?P<qualifier>\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
)


@dataclass(frozen=True, slots=True)
class LambdaSettings:
    """How functions run here: where, on which Pythons, how many at once, and for how long what is idle is kept.

    `node` is the command that makes a Node runtime, without the runtime's name.
    """

    state_dir: Path
    endpoint: str
    runtimes: Mapping[str, Mapping[str, str]]
    node: Sequence[str] = ()
    account_concurrency: int = 1000
    idle_seconds: float = 300.0
    retry_seconds: Sequence[float] = (1.0, 2.0)
    enforce_iam: bool = False


class FunctionRef(NamedTuple):
    """Which function a caller means. Without a qualifier it is `$LATEST`."""

    scope: Scope
    name: str
    qualifier: str | None = None

    @classmethod
    def parse(cls, text: str, scope: Scope, qualifier: str | None = None) -> FunctionRef:
        """A name, a partial ARN (`account:function:name`) or a full ARN, each with an optional `:qualifier`."""
        match = _REFERENCE.fullmatch(text)
        if match is None:
            raise AwsError(
                400,
                "ValidationException",
                f"1 validation error detected: Value '{text}' at 'functionName' failed to satisfy constraint: Member "
                f"must satisfy regular expression pattern: {NAME_PATTERN}",
            )
        groups = match.groupdict()
        if qualifier and groups["qualifier"] and qualifier != groups["qualifier"]:
            raise AwsError(
                400,
                "InvalidParameterValueException",
                "The derived qualifier from the function name does not match the specified qualifier.",
            )
        owner = Scope(groups.get("account") or scope.account, groups.get("region") or scope.region)
        return cls(owner, groups["name"], groups["qualifier"] or qualifier or None)

    @classmethod
    def called(cls, text: str, scope: Scope, qualifier: str | None = None) -> FunctionRef:
        """The same in a call, which reaches the functions of its own region."""
        ref = cls.parse(text, scope, qualifier)
        if ref.scope.region != scope.region:
            raise AwsError(
                404,
                "ResourceNotFoundException",
                f"Functions from '{ref.scope.region}' are not reachable in this region ('{scope.region}')",
            )
        return ref

    @property
    def arn(self) -> str:
        arn = f"arn:aws:lambda:{self.scope.region}:{self.scope.account}:function:{self.name}"
        return f"{arn}:{self.qualifier}" if self.qualifier else arn

    @property
    def resource(self) -> str:
        """The ARN that permissions name: `$LATEST` is the function itself."""
        return self._replace(qualifier=None).arn if self.qualifier == LATEST else self.arn


@dataclass(frozen=True, slots=True)
class Logging:
    """The function's LoggingConfig."""

    group: str
    json: bool = False
    application_level: str = ""
    system_level: str = "INFO"

    @classmethod
    def read(cls, name: str, config: Mapping[str, Any]) -> Logging:
        return cls(
            group=config.get("LogGroup") or f"/aws/lambda/{name}",
            json=config.get("LogFormat") == "JSON",
            application_level=config.get("ApplicationLogLevel") or "",
            system_level=config.get("SystemLogLevel") or "INFO",
        )


@dataclass(frozen=True, slots=True)
class ImageOverrides:
    """The function's ImageConfig: what it says in the place of what the image says; None and empty: nothing."""

    entrypoint: tuple[str, ...] | None = None
    command: tuple[str, ...] | None = None
    workdir: str = ""

    @classmethod
    def read(cls, config: Mapping[str, Any]) -> ImageOverrides:
        entrypoint, command = config.get("EntryPoint"), config.get("Command")
        return cls(
            tuple(entrypoint) if entrypoint else None,
            tuple(command) if command else None,
            config.get("WorkingDirectory") or "",
        )


@dataclass(frozen=True, slots=True)
class FunctionConfig:
    """One version of a function, as GetFunction describes it.

    Two equal configurations share execution environments, to which it makes no difference how many may run.
    """

    scope: Scope
    name: str
    version: str
    runtime: str
    handler: str
    timeout: float
    memory: int
    code_sha256: str
    variables: tuple[tuple[str, str], ...] = ()
    layers: tuple[str, ...] = ()
    logging: Logging = field(default_factory=lambda: Logging(""))
    package_type: str = "Zip"
    role: str = ""
    tmp_mb: int = 512
    runtime_version_arn: str = ""
    architecture: str = "x86_64"
    active_tracing: bool = False
    image: ImageOverrides = field(default_factory=ImageOverrides)
    reserved: int | None = field(default=None, compare=False)
    # Whether concurrency is provisioned for this version, and how much of it for all versions.
    is_provisioned: bool = False
    provisioned: int = field(default=0, compare=False)
    dead_letter_arn: str | None = field(default=None, compare=False)

    @classmethod
    def read(cls, scope: Scope, described: Mapping[str, Any]) -> FunctionConfig:
        """From the answer of GetFunction."""
        config = described["Configuration"]
        variables = (config.get("Environment") or {}).get("Variables") or {}
        return cls(
            scope=scope,
            name=config["FunctionName"],
            version=config.get("Version") or LATEST,
            runtime=config.get("Runtime") or "",
            handler=config.get("Handler") or "",
            timeout=float(config.get("Timeout") or 3),
            memory=int(config.get("MemorySize") or 128),
            code_sha256=config.get("CodeSha256") or "",
            variables=tuple(sorted((str(key), str(value)) for key, value in variables.items())),
            layers=tuple(layer["Arn"] for layer in config.get("Layers") or ()),
            logging=Logging.read(config["FunctionName"], config.get("LoggingConfig") or {}),
            package_type=config.get("PackageType") or "Zip",
            role=config.get("Role") or "",
            tmp_mb=int((config.get("EphemeralStorage") or {}).get("Size") or 512),
            runtime_version_arn=(config.get("RuntimeVersionConfig") or {}).get("RuntimeVersionArn") or "",
            architecture=str((config.get("Architectures") or ["x86_64"])[0]),
            active_tracing=(config.get("TracingConfig") or {}).get("Mode") == "Active",
            image=ImageOverrides.read((config.get("ImageConfigResponse") or {}).get("ImageConfig") or {}),
            reserved=(described.get("Concurrency") or {}).get("ReservedConcurrentExecutions"),
            is_provisioned=(config.get("Version") or LATEST) in (described.get("Provisioned") or {}),
            provisioned=sum((described.get("Provisioned") or {}).values()),
            dead_letter_arn=(config.get("DeadLetterConfig") or {}).get("TargetArn") or None,
        )

    @property
    def arn(self) -> str:
        return f"arn:aws:lambda:{self.scope.region}:{self.scope.account}:function:{self.name}"

    @property
    def initialization_type(self) -> str:
        return "provisioned-concurrency" if self.is_provisioned else "on-demand"


@dataclass(slots=True)
class Outcome:
    """What an invocation came to. `error` is None, or "Unhandled": the payload then describes the error."""

    request_id: str
    payload: bytes
    error: str | None
    version: str
    log_tail: str = ""


def json_object(text: bytes | str) -> dict[str, Any]:
    """A JSON object; anything else counts as an empty one."""
    try:
        document = json.loads(text)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
