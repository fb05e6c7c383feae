"""Other people's repositories, as miniatures: each is copied, and run without a staticfire.toml as a stranger would."""

from __future__ import annotations

import contextlib
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

REPOSITORIES = Path(__file__).parent / "repositories"
COMMAND = Path(sysconfig.get_path("scripts")) / "staticfire"
SECONDS = 600


@dataclass
class Repository:
    """A copy of a miniature, and the command line in it. `variables` are those of the stranger's shell."""

    directory: Path
    port: int
    variables: dict[str, str] = field(default_factory=dict)

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

    def invoke(self, function: str, region: str) -> Any:
        payload = self.client("lambda", region).invoke(FunctionName=function)["Payload"].read()
        return json.loads(payload)

    def client(self, service: str, region: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name=region,
            aws_access_key_id="000000000000",
            aws_secret_access_key="test",
        )

    def is_untouched(self, name: str) -> bool:
        """Whether nothing was written into it but `.staticfire`."""
        there = {path.relative_to(self.directory) for path in self.directory.rglob("*")}
        original = {path.relative_to(REPOSITORIES / name) for path in (REPOSITORIES / name).rglob("*")}
        return {path for path in there if path.parts[0] != ".staticfire"} == original


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Callable[[str], Repository]]:
    """A miniature of that name, copied; what it started ends with the test."""
    # A stranger's HOME is empty, but the virtual environments of this machine's user are shared.
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path(os.environ.get("HOME", "/root")) / ".cache")
    with contextlib.ExitStack() as ending:

        def copied(name: str) -> Repository:
            directory = tmp_path / name
            shutil.copytree(REPOSITORIES / name, directory, symlinks=True)
            made = Repository(directory, free_port("127.0.0.1"), {"XDG_CACHE_HOME": cache})
            ending.callback(made.staticfire, "down", "--wipe")
            return made

        yield copied
