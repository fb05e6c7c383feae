"""Layers of other accounts, by ARN: the user's own file, or what PyPI has of their content; else refused.

The functions that use one are in the plan. What they need is packed for their runtime, once for all projects of this
user, and brought to the edge before Terraform applies.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from staticfire.edge_client import EdgeClient
from staticfire.errors import StaticfireError
from staticfire.layout import Layout
from staticfire.settings import Settings

from .compatibility import PYTHON_RUNTIME, local_targets
from .packages import files_of, installed_once, pack
from .terraform.obstacle import Obstacle, Weight
from .terraform.output import Resource

ARN = re.compile(r"arn:[a-z-]+:lambda:[a-z0-9-]+:(?P<account>\d{12}):layer:(?P<name>[\w-]+):(?P<version>\d+)")
ANY_RUNTIME = "any"
# Lean layers are without what the runtime has, and what only a build or a test needs: AWS's are, or they would not fit.
OF_THE_RUNTIME = re.compile(
    r"(?:boto3|botocore|s3transfer|urllib3|six|dateutil|python_dateutil)(?:\.py|-[^/]*)?(?:/|$)"
)
OF_BUILDS = re.compile(r"(?:^|/)(?:tests|include)/|\.(?:pyi|pxd|pyx|h|a|cmake)$")
NAME_A_FILE = (
    'Name a zip of it in staticfire.toml: in the table [layers], "{arn}" = "layer.zip". Whoever has an AWS account '
    "gets its address by `aws lambda get-layer-version-by-arn --arn {arn} --query Content.Location`"
)


@dataclass(frozen=True)
class Published:
    """Layers that hold a package of PyPI, by their accounts and name; `requirement` gets their version too."""

    accounts: tuple[str, ...]
    name: re.Pattern[str]
    requirement: Callable[[re.Match[str], int], str]
    lean: bool = False


def _datadog(name: re.Match[str], version: int) -> str:
    """The layer's version is the package's minor one."""
    return f"datadog-lambda=={6 if version <= 111 else 8}.{version}.*"


# The accounts are those of the partitions: commercial, China, GovCloud.
PUBLISHED = (
    Published(
        ("017000801446", "498634801083", "165087284144", "165093116878"),
        re.compile(r"AWSLambdaPowertoolsPythonV([23])(?:-.+)?"),
        lambda name, version: f"aws-lambda-powertools[all]=={name[1]}.*",
        lean=True,
    ),
    Published(
        ("336392948345", "406640652441"),
        re.compile(r"AWSSDKPandas-Python\d+(?:-Arm64)?"),
        lambda name, version: "awswrangler",
        lean=True,
    ),
    Published(("464622532012", "002406178527"), re.compile(r"Datadog-Python\d+(?:-ARM)?"), _datadog),
    Published(
        ("770693421928",),  # Klayers: one for each of many packages
        re.compile(r"Klayers-p\d+(?:-arm64)?-([\w-]+)"),
        lambda name, version: name[1],
    ),
)


class PublicLayers:
    """The layers of other accounts that a plan's functions use."""

    def __init__(self, settings: Settings, account: str) -> None:
        self._settings = settings
        self._account = account
        self._contents: dict[tuple[str, str], bytes] = {}

    def obstacles(self, resources: Iterable[Resource]) -> Iterator[Obstacle]:
        """Get each layer. One that is not the very content of AWS's is said; one that nobody has is refused."""
        for resource in resources:
            for arn in (resource.values.get("layers") or ()) if resource.type == "aws_lambda_function" else ():
                layer = ARN.fullmatch(arn or "")  # none: it is known after apply only
                if layer is not None and layer["account"] != self._account:
                    yield from self._get(resource, layer)

    def bring(self, edge: EdgeClient) -> None:
        """Hand the edge what it has not got."""
        kept = edge.layers() if self._contents else {}
        for (arn, runtime), data in self._contents.items():
            if kept.get(f"{arn} {runtime}") != _code_sha256(data):
                edge.keep_layer(arn, runtime, data)

    def _own(self, arn: str) -> Path | None:
        """The file that staticfire.toml names for a layer version."""
        return self._settings.layers.get(arn) or self._settings.layers.get(arn.rpartition(":")[0])

    def _get(self, resource: Resource, layer: re.Match[str]) -> Iterator[Obstacle]:
        arn, runtime = layer[0], str(resource.values.get("runtime"))
        uses, remedy = f"uses the layer {arn}", NAME_A_FILE.format(arn=arn)
        own = self._own(arn)
        if own is not None:
            if own.is_file():
                self._contents[arn, ANY_RUNTIME] = own.read_bytes()
            else:
                what = f"{uses}, for which [layers] of staticfire.toml names {own}: there is no such file"
                yield Obstacle(resource.address, what, "Correct it, or make that file")
            return
        published, python = _published(layer), PYTHON_RUNTIME.fullmatch(runtime)
        if published is None or python is None:
            what = f"{uses} of the account {layer['account']}, which nobody here can get"
            yield Obstacle(resource.address, what, remedy)
            return
        requirement, lean = published
        try:
            directory = self._installed(arn, requirement, python[1])
        except StaticfireError as error:
            what = f"{uses}, which cannot be made of PyPI's {requirement}: {error.what}"
            yield Obstacle(resource.address, what, remedy)
            return
        if (arn, runtime) not in self._contents:
            names = {path.relative_to(directory).as_posix(): path for path in files_of(directory)}
            entries = {f"python/{name}": path for name, path in names.items() if not lean or _belongs_to_lean(name)}
            self._contents[arn, runtime] = pack(entries)
        what = f"{uses}: made here of {_release(directory, requirement)}, as PyPI has it"
        yield Obstacle(
            resource.address, what, f"Where that is not enough: {remedy[0].lower()}{remedy[1:]}", Weight.LESS
        )

    def _installed(self, arn: str, requirement: str, python: str) -> Path:
        [target] = local_targets([python], self._settings)
        source = f"The layer {arn}"
        return installed_once([requirement], requirement.encode(), source, Layout.of(self._settings), target)


def _code_sha256(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def _published(layer: re.Match[str]) -> tuple[str, bool] | None:
    """The requirement that gives a layer's content, and whether it is a lean one."""
    for published in PUBLISHED:
        name = published.name.fullmatch(layer["name"])
        if name is not None and layer["account"] in published.accounts:
            return published.requirement(name, int(layer["version"])), published.lean
    return None


def _belongs_to_lean(name: str) -> bool:
    return not OF_THE_RUNTIME.match(name) and not OF_BUILDS.search(name)


def _release(directory: Path, requirement: str) -> str:
    """`aws-lambda-powertools 3.23.0`: what was installed for that requirement."""
    package = re.split(r"[\[=<>~ ]", requirement)[0]
    for metadata in directory.glob("*.dist-info"):
        name, _, version = metadata.name.removesuffix(".dist-info").rpartition("-")
        if re.sub(r"[-_.]+", "-", name).lower() == re.sub(r"[-_.]+", "-", package).lower():
            return f"{package} {version}"
    return requirement
