"""Other people's repositories, as miniatures: each is copied, and run without a staticfire.toml as a stranger would."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest

from staticfire.host.ports import free_port
from staticfire.stacks.terraform.finding import PROVIDER, REGISTRIES

REPOSITORIES = Path(__file__).parent / "repositories"
COMMAND = Path(sysconfig.get_path("scripts")) / "staticfire"
SECONDS = 600

REGION = "us-east-1"
LISTS = {
    "lambda": {
        "list_functions": "Functions",
        "list_layers": "Layers",
        "list_event_source_mappings": "EventSourceMappings",
    },
    "apigatewayv2": {"get_apis": "Items"},
    "dynamodb": {"list_tables": "TableNames"},
    "sqs": {"list_queues": "QueueUrls"},
    "sns": {"list_topics": "Topics", "list_subscriptions": "Subscriptions"},
    "events": {"list_rules": "Rules"},
    "stepfunctions": {"list_state_machines": "stateMachines"},
    "secretsmanager": {"list_secrets": "SecretList"},
    "ssm": {"describe_parameters": "Parameters"},
    "iam": {"list_roles": "Roles"},
    "cloudwatch": {"describe_alarms": "MetricAlarms", "list_dashboards": "DashboardEntries"},
    "kms": {"list_aliases": "Aliases"},
}


@dataclass
class Repository:
    """A copy of a miniature, and the command line in it. `variables` are those of the stranger's shell."""

    directory: Path
    port: int
    variables: dict[str, str] = field(default_factory=dict)
    added: set[Path] = field(default_factory=set)

    def lock(self, root: str, version: str) -> None:
        """Write a lock file, as a stranger has it, that asks for that version of the AWS provider."""
        path = self.directory / root / ".terraform.lock.hcl"
        path.write_text(
            f'provider "{REGISTRIES[0]}/{PROVIDER}" {{\n'
            f'  version = "{version}"\n'
            '  hashes  = ["h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="]\n'
            "}\n"
        )
        self.added.add(path.relative_to(self.directory))

    def staticfire(self, *arguments: str, within: str = ".", code: int = 0) -> str:
        """Run the command; what it printed. Its exit code must be this one."""
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_VAR_"))}
        environ |= {"STATICFIRE_PORT": str(self.port), "HOME": str(self.directory.parent), **self.variables}
        run = subprocess.run(
            [str(COMMAND), *arguments],
            cwd=self.directory / within,
            env=environ,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        print(f"$ staticfire {' '.join(arguments)}\n{run.stdout}{run.stderr}", file=sys.stderr)
        assert run.returncode == code, run.stderr
        return run.stdout + run.stderr

    def status(self) -> Mapping[str, Any]:
        return dict(json.loads(self.staticfire("status", "--json")))

    def invoke(self, function: str, region: str = REGION) -> Any:
        payload = self.client("lambda", region).invoke(FunctionName=function)["Payload"].read()
        return json.loads(payload)

    def client(self, service: str, region: str = REGION) -> Any:
        return boto3.client(
            service,
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name=region,
            aws_access_key_id="000000000000",
            aws_secret_access_key="test",
        )

    def left(self, *regions: str) -> list[str]:
        """What is still in the account; the bucket of the states is ours, and AWS has aliases and roles of its own."""
        left = []
        for region, (service, operations) in itertools.product(regions, LISTS.items()):
            client = self.client(service, region)
            for operation, member in operations.items():
                texts = [f"{region}: {resource}" for resource in getattr(client, operation)().get(member, ())]
                left += [text for text in texts if "alias/aws/" not in text and "aws-service-role" not in text]
        buckets = [bucket["Name"] for bucket in self.client("s3", regions[0]).list_buckets()["Buckets"]]
        return [*left, *(bucket for bucket in buckets if bucket != "tf-test-state")]

    def is_untouched(self, name: str) -> bool:
        """Whether nothing was written into it but `.staticfire`."""
        there = {path.relative_to(self.directory) for path in self.directory.rglob("*")}
        original = {path.relative_to(REPOSITORIES / name) for path in (REPOSITORIES / name).rglob("*")}
        return {path for path in there if path.parts[0] != ".staticfire"} == original | self.added


def _copied(name: str, directory: Path, ending: contextlib.ExitStack) -> Repository:
    """A miniature of that name; what it started ends with `ending`."""
    # A stranger's HOME is empty, but the virtual environments of this machine's user are shared.
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path(os.environ.get("HOME", "/root")) / ".cache")
    shutil.copytree(REPOSITORIES / name, directory / name, symlinks=True)
    made = Repository(directory / name, free_port("127.0.0.1"), {"XDG_CACHE_HOME": cache})
    ending.callback(made.staticfire, "down", "--wipe")
    return made


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Callable[[str], Repository]]:
    """A miniature of that name, copied; what it started ends with the test."""
    with contextlib.ExitStack() as ending:
        yield lambda name: _copied(name, tmp_path, ending)


@pytest.fixture(scope="module")
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    """The miniature that the module names in `MINIATURE`, copied; what it started ends with the module."""
    with contextlib.ExitStack() as ending:
        yield _copied(request.module.MINIATURE, tmp_path_factory.mktemp("project"), ending)
