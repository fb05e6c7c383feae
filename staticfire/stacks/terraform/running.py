"""Run Terraform in a working copy: one at a time, never cut short, and without what the user has set up for AWS.

Terraform writes to the log and not to us, in a session of its own. When this process is killed, Terraform goes on and
keeps its state whole; the next run ends it. State is in the emulator's S3 and so lives and dies with the resources.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TextIO

from staticfire import boto, hcl
from staticfire.errors import ApplyError
from staticfire.host import interrupts
from staticfire.host.files import open_log, write_atomically, write_json
from staticfire.host.interrupts import held
from staticfire.host.processes import ProcessRecord, start_time
from staticfire.host.waiting import wait_until
from staticfire.layout import Layout
from staticfire.settings import Settings, StackSettings

from .finding import PROVIDER, find_provider, find_terraform, registry_of
from .override import Backend, StateBucket
from .state import read_state
from .variables import (
    CONFIGURATION_FILE,
    DEFAULT_ACCOUNT,
    FROM_ENV,
    caller_variables,
    clean_variables,
    missing_configuration,
    users_workspace,
)

log = logging.getLogger(__name__)

INTERRUPT_SECONDS = 60.0
LOCKS_IN_BUCKET = (1, 10)  # the first versions, of Terraform and of OpenTofu, that do
USERS_FILES = ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")

# Terraform reads the AWS provider's schemas twice: to plan, and to apply. Collecting garbage a quarter as often saves
# about an eighth of its CPU, for 0.1 GB more.
GO = {"GOGC": "400"}


class TerraformRunner:
    """Terraform for one stack in one account, at work in `root`."""

    def __init__(self, settings: Settings, stack: StackSettings, account: str, endpoint: str, root: Path) -> None:
        self.terraform = find_terraform(settings)
        self.provider = find_provider(settings, self.terraform)
        _say_once(missing_configuration())
        self.root = root
        self.endpoint = endpoint
        self.states = StateBucket(endpoint, account, state_bucket(account), self.terraform.minor >= LOCKS_IN_BUCKET)
        self.workspace = users_workspace() or stack.workspace
        self._stack = stack
        self._account = account
        self._region = settings.region
        self._layout = Layout.of(settings)
        self.log = self._layout.logs / f"terraform-{account}-{stack.name}.log"
        self._record = self._layout.process(f"terraform-{account}-{stack.name}")

    def state(self) -> Mapping[str, Any] | None:
        return read_state(self._s3(), self.states.name, state_object(self._stack))

    def make_state_bucket(self) -> None:
        from botocore.exceptions import ClientError  # not at the top: `status` reads this module too

        try:
            self._s3().create_bucket(Bucket=self.states.name)
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
                raise

    def run(
        self, arguments: Sequence[str], variables: Mapping[str, Any], read: Callable[[str], None]
    ) -> tuple[int, list[str]]:
        """Run Terraform; its exit code and its lines, each of which also goes to `read` as it comes.

        Ctrl-C reaches it once: twice would make it drop its state.
        """
        self.end_orphan()
        with open_log(self.log) as written, open(self.log, encoding="utf-8", errors="replace") as output:
            written.write(f"\n$ terraform {' '.join(arguments)}\n".encode())
            written.flush()
            output.seek(0, os.SEEK_END)
            child: subprocess.Popen[bytes] | None = None
            command, variables_of_process = [str(self.terraform.path), *arguments], self._variables(variables)
            try:
                with held():
                    child = subprocess.Popen(
                        command,
                        cwd=self.root,
                        env=variables_of_process,
                        stdin=subprocess.DEVNULL,
                        stdout=written,
                        stderr=subprocess.STDOUT,
                        start_new_session=True,
                    )
                    write_json(self._record, {"pid": child.pid, "started": start_time(child.pid)})
                lines = []
                for line in filter(str.strip, _follow(output, child)):
                    lines.append(line)
                    read(line)
            except BaseException:
                if child is not None:
                    child.send_signal(signal.SIGINT)
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        child.wait(INTERRUPT_SECONDS)
                raise
            finally:
                if child is not None and child.poll() is None:
                    os.killpg(child.pid, signal.SIGKILL)
                    child.wait()
                    self._unlock_state()
                self._record.unlink(missing_ok=True)
        return child.returncode, lines

    def document(self, arguments: Sequence[str], variables: Mapping[str, Any]) -> dict[str, Any]:
        """What a command prints as JSON: it holds secrets, and no log may."""
        command = [str(self.terraform.path), *arguments]
        answer = interrupts.run(command, cwd=self.root, env=self._variables(variables))
        if answer.returncode:
            raise ApplyError(f"terraform {arguments[0]} failed:\n{answer.stderr}")
        document: dict[str, Any] = json.loads(answer.stdout)
        return document

    def _variables(self, variables: Mapping[str, Any]) -> dict[str, str]:
        automation = {"TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "CHECKPOINT_DISABLE": "1"}
        own = self._own_variables(variables)
        return GO | clean_variables() | own | dict.fromkeys(USERS_FILES, os.devnull) | automation

    def _own_variables(self, variables: Mapping[str, Any]) -> dict[str, str]:
        return {
            **caller_variables(self.endpoint, self._region, self._account),
            **self._provider_variables(),
            **{
                f"TF_VAR_{name}": value if isinstance(value, str) else json.dumps(value)
                for name, value in variables.items()
            },
        }

    def shell_variables(self, variables: Mapping[str, Any]) -> dict[str, str]:
        """What tflocal needs beyond the user's own variables, to do by hand what this class does."""
        init = "-reconfigure"
        if Backend.of(hcl.module_in(self._stack.root)).type == "s3":
            # tflocal has the state in S3 too: so it is this one. With -chdir it sees nothing of the block.
            state = {"bucket": self.states.name, "key": state_key(self._stack.name), "region": "us-east-1"}
            state |= {"use_path_style": "true"} | ({"use_lockfile": "true"} if self.states.locks else {})
            init = " ".join([init, *(f"-backend-config={name}={value}" for name, value in state.items())])
        workspace = {"TF_WORKSPACE": self.workspace} if self.workspace else {}
        own = self._own_variables(variables) | workspace
        of_this_stack = [name for name in own if name.startswith("TF_VAR_") or name in workspace]
        return {
            **own,
            "TF_CMD": str(self.terraform.path),
            "TF_CLI_ARGS_init": init,
            FROM_ENV: " ".join(of_this_stack),
        }

    def _provider_variables(self) -> dict[str, str]:
        """Where Terraform finds the provider, and where it keeps one that the registry serves."""
        if self.provider.mirror:
            return {CONFIGURATION_FILE: str(self._mirror_configuration(self.provider.mirror))}
        if not self.provider.from_registry or "TF_PLUGIN_CACHE_DIR" in os.environ:
            return {}
        self._layout.providers.mkdir(parents=True, exist_ok=True)
        keep = {"TF_PLUGIN_CACHE_DIR": str(self._layout.providers)}
        return {**keep, "TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE": "1"}

    def _mirror_configuration(self, mirror: Path) -> Path:
        """A CLI configuration that names the mirror. OpenTofu sees Terraform's mirror under its own registry's name."""
        registry = registry_of(mirror)
        if registry and registry != self.terraform.registry:
            renamed = self._layout.state / "provider-mirror"
            renamed.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                (renamed / self.terraform.registry).symlink_to(mirror / registry)
            mirror = renamed
        source = json.dumps(f"{self.terraform.registry}/{PROVIDER}")
        path = self._layout.state / "terraform.rc"
        text = (
            "provider_installation {\n"
            f"  filesystem_mirror {{\n    path    = {json.dumps(str(mirror))}\n    include = [{source}]\n  }}\n"
            f"  direct {{\n    exclude = [{source}]\n  }}\n"
            "}\n"
        )
        if not path.exists() or path.read_text() != text:
            write_atomically(path, text.encode())
        return path

    def end_orphan(self) -> None:
        """End the Terraform of a run that was killed, so that two never work on one state."""
        if not self._record.exists():
            return
        orphan = ProcessRecord.read(self._record)
        if orphan is None:
            self._unlock_state()
            return
        log.warning("Terraform of an earlier run, process %d, is still at work and is interrupted", orphan.pid)
        orphan.send(signal.SIGINT)
        if not wait_until(lambda: not orphan.alive, INTERRUPT_SECONDS):
            os.killpg(orphan.pid, signal.SIGKILL)
            self._unlock_state()

    def _unlock_state(self) -> None:
        """Remove the lock that a Terraform of ours may have left when it was killed: it stops everybody else."""
        self._s3().delete_object(Bucket=self.states.name, Key=f"{state_object(self._stack)}.tflock")

    def _s3(self) -> Any:
        return boto.client(self.endpoint, "us-east-1", self._account, "s3")


@cache
def _say_once(warning: str | None) -> None:
    if warning:
        log.warning(warning)


def state_bucket(account: str) -> str:
    return "tf-test-state" if account == DEFAULT_ACCOUNT else f"tf-test-state-{account}"


def state_key(stack: str) -> str:
    """The key of a stack's state, whatever its own backend says."""
    return f"{stack}/terraform.tfstate"


def state_object(stack: StackSettings) -> str:
    """The key of the object that the state is, in the workspace that is chosen."""
    workspace, key = users_workspace() or stack.workspace, state_key(stack.name)
    return f"env:/{workspace}/{key}" if workspace not in ("", "default") else key


def _follow(output: TextIO, child: subprocess.Popen[bytes]) -> Iterator[str]:
    """The lines that a process writes to a file, until it has ended."""
    rest = ""
    while True:
        ended = child.poll() is not None
        rest += output.read()
        *lines, rest = rest.split("\n")
        yield from lines
        if ended:
            if rest:
                yield rest
            return
        time.sleep(0.05)
