"""The override file that leads a root to the running stack, whatever its provider, backend and state blocks say.

It lies in the working copy alone. Terraform merges it over the user's blocks: an argument replaces an argument, a block
all blocks of its type, a backend any backend, https://developer.hashicorp.com/terraform/language/files/override. Which
arguments and endpoints a provider block may have, the provider itself says (`terraform providers schema`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from staticfire import hcl

OVERRIDE = "zzz_staticfire_override.tf"  # of several override files, the last by name is merged last
SOURCE = "hashicorp/aws"

# What leads to the running stack and its account, and away from every file, role and proxy of the user's.
ARGUMENTS: Mapping[str, Any] = {
    **dict.fromkeys(("profile", "token", "shared_credentials_file", "shared_credentials_files", "shared_config_files")),
    **dict.fromkeys(("allowed_account_ids", "forbidden_account_ids", "custom_ca_bundle", "http_proxy", "https_proxy")),
    **dict.fromkeys(("sts_region", "s3_us_east_1_regional_endpoint", "use_fips_endpoint", "use_dualstack_endpoint")),
    **dict.fromkeys(("s3_use_path_style", "s3_force_path_style", "skip_credentials_validation"), True),
    **dict.fromkeys(("skip_metadata_api_check", "skip_region_validation"), True),
}
BLOCKS = ("assume_role", "assume_role_with_web_identity")
# From this version on (none below it was tried) the provider sends every call to AWS_ENDPOINT_URL. An `endpoints`
# block, however short, costs it 4 s of the CPU each time it is configured: twice an apply.
FOLLOWS_VARIABLE = (5, 100)
# Names of one endpoint: the provider takes one of each line, and warns of two.
# https://registry.terraform.io/providers/hashicorp/aws/latest/docs/guides/custom-service-endpoints
ALIASES = """
amp prometheus prometheusservice
appautoscaling applicationautoscaling
appintegrations appintegrationsservice
ce costexplorer
cloudcontrol cloudcontrolapi
cloudhsmv2 cloudhsm
cognitoidp cognitoidentityprovider
configservice config
cur costandusagereportservice
databrew gluedatabrew
deploy codedeploy
dms databasemigration databasemigrationservice
ds directoryservice
elasticbeanstalk beanstalk
elasticsearch es elasticsearchservice
elb elasticloadbalancing
elbv2 elasticloadbalancingv2
events eventbridge cloudwatchevents
evidently cloudwatchevidently
grafana managedgrafana amg
inspector2 inspectorv2
kafka msk
lexmodels lexmodelbuilding lexmodelbuildingservice lex
lexv2models lexmodelsv2
location locationservice
logs cloudwatchlog cloudwatchlogs
oam cloudwatchobservabilityaccessmanager
opensearch opensearchservice
osis opensearchingestion
rbin recyclebin
redshiftdata redshiftdataapiservice
resourcegroupstaggingapi resourcegroupstagging
rum cloudwatchrum
s3 s3api
serverlessrepo serverlessapprepo serverlessapplicationrepository
servicecatalogappregistry appregistry
sfn stepfunctions
simpledb sdb
transcribe transcribeservice
"""


@dataclass(frozen=True)
class ProviderSchema:
    """What a version of the AWS provider takes in its block."""

    arguments: frozenset[str]
    blocks: frozenset[str]
    endpoints: tuple[str, ...]  # those that must be set: none where the provider follows AWS_ENDPOINT_URL

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> ProviderSchema | None:
        """From `terraform providers schema -json`; None when the root does not need the provider."""
        schemas = document.get("provider_schemas", {})
        source = next((source for source in schemas if source.endswith(f"/{SOURCE}")), None)
        if source is None:
            return None
        block = schemas[source]["provider"]["block"]
        blocks = block.get("block_types", {})
        return cls(
            frozenset(block["attributes"]),
            frozenset(blocks),
            tuple(sorted(blocks.get("endpoints", {}).get("block", {}).get("attributes", ()))),
        )

    @property
    def distinct_endpoints(self) -> list[str]:
        second = {
            name
            for line in ALIASES.split("\n")
            for name in [name for name in line.split() if name in self.endpoints][1:]
        }
        return [name for name in self.endpoints if name not in second]


@dataclass(frozen=True)
class StateBucket:
    """Where the states are: in the running stack's S3, one bucket for each account."""

    endpoint: str
    account: str
    name: str
    locks: bool

    def arguments(self, key: str) -> dict[str, Any]:
        return {
            "bucket": self.name,
            "key": key,
            "region": "us-east-1",
            "access_key": self.account,
            "secret_key": "test",
            "endpoints": dict.fromkeys(("s3", "sts", "iam", "sso", "dynamodb"), self.endpoint),
            "use_path_style": True,
            "skip_credentials_validation": True,
            "skip_metadata_api_check": True,
            "skip_region_validation": True,
            "skip_requesting_account_id": True,
        }


def backend_override(bucket: StateBucket, key: str) -> str:
    arguments = bucket.arguments(key) | {"encrypt": True} | ({"use_lockfile": True} if bucket.locks else {})
    return f'terraform {{\n  backend "s3" {{\n{_arguments(arguments, "    ")}  }}\n}}\n'


def provider_overrides(module: hcl.Block, schema: ProviderSchema, endpoint: str, account: str, *, root: bool) -> str:
    """For each AWS provider block of a module; in the root, for the default one that Terraform assumes, too."""
    names = _local_names(module)
    blocks = [block for block in module.of_type("provider") if block.labels and block.labels[0] in names]
    aliases = dict.fromkeys((block.labels[0], block.text("alias")) for block in blocks if root or _is_configured(block))
    if root:
        aliases |= dict.fromkeys((name, None) for name in names)
    return "".join(_provider(name, alias, schema, endpoint, account) for name, alias in aliases)


def replaced_arguments(module: hcl.Block) -> list[str]:
    """What the AWS provider blocks of a module say of credentials and accounts."""
    names = _local_names(module)
    blocks = [block for block in module.of_type("provider") if block.labels and block.labels[0] in names]
    said = {name for block in blocks for name in block.arguments}
    said |= {name for block in blocks for inner in block.blocks for name in (inner.type, *inner.labels)}
    return sorted(said & {"access_key", *BLOCKS, *(name for name, value in ARGUMENTS.items() if value is None)})


def _local_names(module: hcl.Block) -> list[str]:
    """What the module calls the AWS provider."""
    names = [
        name
        for terraform in module.of_type("terraform")
        for block in terraform.of_type("required_providers")
        for name, requirement in block.arguments.items()
        if f'{SOURCE}"' in requirement
    ]
    return list(dict.fromkeys(names or ["aws"]))


def _is_configured(block: hcl.Block) -> bool:
    """A child module's block that says more than its alias; one that does not stands for what its caller hands over."""
    return bool(block.blocks or block.arguments.keys() - {"alias", "version"})


def _provider(name: str, alias: str | None, schema: ProviderSchema, endpoint: str, account: str) -> str:
    arguments = {"access_key": account, "secret_key": "test", **ARGUMENTS}
    lines = _arguments({"alias": alias} if alias else {}, "  ")
    lines += _arguments({key: value for key, value in arguments.items() if key in schema.arguments}, "  ")
    for block in (*BLOCKS, *(() if schema.endpoints else ("endpoints",))):
        if block in schema.blocks:  # replaces the user's by none
            lines += f'  dynamic "{block}" {{\n    for_each = []\n    content {{}}\n  }}\n'
    if schema.endpoints:
        endpoints = dict.fromkeys(schema.distinct_endpoints, endpoint)
        lines += f"  endpoints {{\n{_arguments(endpoints, '    ')}  }}\n"
    return f'provider "{name}" {{\n{lines}}}\n'


def _arguments(arguments: Mapping[str, Any], indent: str) -> str:
    return "".join(f"{indent}{name} = {json.dumps(value)}\n" for name, value in arguments.items())


NAMING = ("bucket", "organization", "address", "container_name", "path", "key", "name", "prefix")


@dataclass(frozen=True)
class Backend:
    """What a root says of its state: the type, and what of its arguments is plain text."""

    type: str
    arguments: Mapping[str, str]

    @classmethod
    def of(cls, module: hcl.Block) -> Backend:
        for terraform in module.of_type("terraform"):
            for block in terraform.of_type("backend"):
                return cls(block.labels[0] if block.labels else "", texts(block.arguments))
            for block in terraform.of_type("cloud"):
                workspace = next(block.of_type("workspaces"), None)
                return cls("cloud", texts(block.arguments) | (texts(workspace.arguments) if workspace else {}))
        return cls("local", {})

    def __str__(self) -> str:
        named = [self.arguments[name] for name in NAMING if name in self.arguments]
        return f"`{self.type}`" + (f" ({', '.join(named)})" if named else "")


def texts(arguments: Mapping[str, str]) -> dict[str, str]:
    """Those that are plain strings."""
    block = hcl.Block("", arguments=arguments)
    plain = {name: block.text(name) for name in arguments}
    return {name: text for name, text in plain.items() if text is not None}


def is_state_of(wanted: Backend, reader: Path, backend: Backend, root: Path) -> bool:
    """Whether the state that a root (`reader`) reads is the one of another root and its backend."""
    if wanted.type == "local":
        return (reader / wanted.arguments.get("path", "")).resolve().parent == root.resolve()
    if {wanted.type, backend.type} <= {"cloud", "remote"} or wanted.type == backend.type:
        named = [name for name in NAMING if name in wanted.arguments and name in backend.arguments]
        return bool(named) and all(wanted.arguments[name] == backend.arguments[name] for name in named)
    return False


def remote_states(module: hcl.Block) -> Iterator[tuple[str, hcl.Block]]:
    """The states of others that a module reads: name, block."""
    for block in module.of_type("data"):
        if block.labels[:1] == ("terraform_remote_state",) and len(block.labels) == 2:
            yield block.labels[1], block


def remote_state_override(name: str, bucket: StateBucket, key: str) -> str:
    config = "".join(f"    {argument} = {json.dumps(value)}\n" for argument, value in bucket.arguments(key).items())
    return f'data "terraform_remote_state" "{name}" {{\n  backend = "s3"\n  config = {{\n{config}  }}\n}}\n'


def write(directory: Path, parts: Iterable[str]) -> None:
    """Write the override file, when it is another one."""
    path, text = directory / OVERRIDE, "\n".join(part for part in parts if part)
    if not text:
        path.unlink(missing_ok=True)
    elif not path.exists() or path.read_text() != text:
        path.write_text(text)
