"""Terraform through tflocal: find it and a provider, keep a working copy for each account, apply, read the outputs.

A working copy mirrors the project: the Terraform tree is copied, everything else is a link, so that every relative
path in a module resolves as it does in the repository. Parallel test workers, each an account, never share one:
tflocal writes its override file into the directory that it runs in.

The provider comes from the first of: what the user configured; the directories that Terraform searches by itself; a
mirror directly below a directory of /opt; the registry. State is in the emulator's S3 and so lives and dies with the
resources.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from staticfire import boto as aws
from staticfire.errors import ApplyError, PrerequisiteError
from staticfire.host.files import write_atomically, write_json
from staticfire.host.locks import file_lock
from staticfire.host.processes import ProcessRecord, start_time
from staticfire.host.waiting import wait_until
from staticfire.layout import Layout
from staticfire.progress import Step
from staticfire.settings import Settings, StackSettings
from staticfire.toolchain.runtimes import tree_of

log = logging.getLogger(__name__)

OLDEST = (1, 6)
INTERRUPT_SECONDS = 60.0
PROVIDER = Path("hashicorp") / "aws"
OVERRIDE = "localstack_providers_override.tf"
DEFAULT_ACCOUNT = "000000000000"
STATE_KEY = re.compile(r'backend\s+"s3"\s*\{[^}]*?\bkey\s*=\s*"([^"]+)"')
LOCKS_IN_BUCKET = (1, 10)  # the first versions, of Terraform and of OpenTofu, that do
S3_BACKEND = re.compile(r'^\s*(?:terraform\s*\{\s*)?backend\s+"s3"', re.MULTILINE)
MISLEADING = {"TF_WORKSPACE", "TF_DATA_DIR", "TF_LOG", "LOCALSTACK_HOSTNAME", "EDGE_PORT", "DRY_RUN", "USE_EXEC"}
NEVER_COPIED = {"__pycache__", "node_modules", ".terraform.tfstate.lock.info", OVERRIDE}


@dataclass(frozen=True)
class Terraform:
    """The binary, `terraform` or `tofu`."""

    path: Path
    version: str

    @property
    def is_tofu(self) -> bool:
        return self.path.name.startswith("tofu")

    @property
    def registry(self) -> str:
        return "registry.opentofu.org" if self.is_tofu else "registry.terraform.io"


@dataclass(frozen=True)
class Resource:
    """A resource of a plan: its address, its type, and what is known of its arguments."""

    address: str
    type: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Provider:
    """Where the AWS provider comes from. `mirror` is set when Terraform must be told of it."""

    source: str
    mirror: Path | None = None


def find_terraform(settings: Settings) -> Terraform:
    """The Terraform that the settings name, else `terraform`, else `tofu` of the PATH."""
    names = [settings.terraform] if settings.terraform else ["terraform", "tofu"]
    checked = []
    for name in names:
        path = shutil.which(name)
        if path is None:
            checked.append(f"{name}: not found")
            continue
        version = _version(path)
        if version and tuple(map(int, version.split(".")[:2])) >= OLDEST:
            return Terraform(Path(path), version)
        checked.append(f"{path}: {f'version {version}' if version else 'does not run'}")
    raise PrerequisiteError(
        "Terraform 1.6 or newer, or OpenTofu, is needed.",
        checked=checked,
        remedy="Install one of them, or name its binary in the setting `terraform` (STATICFIRE_TERRAFORM).",
    )


@cache
def _version(path: str) -> str | None:
    try:
        answer = subprocess.run([path, "version"], env=_base_environment(), capture_output=True, text=True, check=False)
    except OSError:
        return None
    match = re.search(r"^(?:Terraform|OpenTofu) v(\d+\.\d+\.\d+)", answer.stdout, re.MULTILINE)
    return match[1] if match else None


def find_provider(settings: Settings, terraform: Terraform) -> Provider:
    """Where the AWS provider comes from, without asking the network."""
    if settings.provider_mirror:
        found = _mirror_host(settings.provider_mirror)
        if found is None:
            raise PrerequisiteError(
                f"The provider mirror {settings.provider_mirror} holds no AWS provider.",
                checked=[str(settings.provider_mirror / "registry.terraform.io" / PROVIDER)],
                remedy="Correct the setting `provider_mirror`, or make one with `terraform providers mirror DIR`.",
            )
        return Provider(f"the mirror {settings.provider_mirror}", settings.provider_mirror)
    configured = _users_configuration()
    if configured:
        return Provider(f"what {configured} configures")
    for directory in _implied_directories():
        if (directory / terraform.registry / PROVIDER).is_dir():
            return Provider(f"{directory}, which {terraform.path.name} searches by itself")
    for directory in sorted(Path("/opt").glob("*")):
        if _mirror_host(directory):
            return Provider(f"the mirror {directory}", directory)
    return Provider(f"the registry {terraform.registry}")


def _mirror_host(mirror: Path) -> str | None:
    hosts = ("registry.terraform.io", "registry.opentofu.org")
    return next((host for host in hosts if (mirror / host / PROVIDER).is_dir()), None)


def _home() -> Path:
    return Path(os.environ.get("HOME") or "/nonexistent")


def _users_configuration() -> str | None:
    """The user's own CLI configuration, when it says where providers come from."""
    named = os.environ.get("TF_CLI_CONFIG_FILE")
    files = [Path(named)] if named else [_home() / ".terraformrc", _home() / ".tofurc"]
    for file in files:
        if file.is_file() and "provider_installation" in file.read_text(errors="replace"):
            return str(file)
    return None


def _implied_directories() -> Iterator[Path]:
    """https://developer.hashicorp.com/terraform/cli/config/config-file#implied-local-mirror-directories"""
    yield _home() / ".terraform.d" / "plugins"
    data = os.environ.get("XDG_DATA_HOME") or _home() / ".local" / "share"
    shared = (os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share").split(":")
    for directory in (data, *shared):
        yield Path(directory) / "terraform" / "plugins"


def is_misleading(variable: str) -> bool:
    """Whether that variable of the user's environment would lead Terraform or tflocal elsewhere."""
    return variable.startswith(("AWS_", "TF_VAR_", "TF_CLI_ARGS")) or variable in MISLEADING


def _base_environment() -> dict[str, str]:
    environ = {name: value for name, value in os.environ.items() if not is_misleading(name)}
    configuration = environ.get("TF_CLI_CONFIG_FILE")
    if configuration and not Path(configuration).is_file():
        del environ["TF_CLI_CONFIG_FILE"]
    return environ


def caller_environment(endpoint: str, region: str, account: str) -> dict[str, str]:
    """What tflocal, Terraform, the AWS CLI and boto3 need to reach `account` in the running stack."""
    host = urlsplit(endpoint).hostname or "127.0.0.1"
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "S3_HOSTNAME": host,
        "AWS_DEFAULT_REGION": region,
        "AWS_REGION": region,
        "AWS_ACCESS_KEY_ID": account,
        "AWS_SECRET_ACCESS_KEY": "test",
        "CUSTOMIZE_ACCESS_KEY": "1",
        "DISABLE_DEPRECATION_NOTICE": "1",
        **dict.fromkeys(("NO_PROXY", "no_proxy"), _direct(host)),
    }


def _direct(host: str) -> str:
    """The hosts that no proxy stands before: the user's own, this machine, and the endpoint's."""
    users = os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or ""
    return ",".join(dict.fromkeys(filter(None, (*users.split(","), "127.0.0.1", "localhost", host))))


class WorkingCopy:
    """One stack's Terraform root in one account's copy of the project."""

    BUILD = Path(".staticfire") / "build"

    def __init__(self, settings: Settings, stack: StackSettings, account: str, endpoint: str) -> None:
        self.settings = settings
        self.stack = stack
        self.layout = Layout.of(settings)
        self.account = account
        self.endpoint = endpoint
        self.terraform = find_terraform(settings)
        self.provider = find_provider(settings, self.terraform)
        self.log = self.layout.logs / f"terraform-{account}-{stack.name}.log"
        self._record = self.layout.process(f"terraform-{account}-{stack.name}")
        self._tree = tree_of(stack.root, settings.project)
        self._copy = self.layout.terraform / account
        self._above = os.path.relpath(settings.project, stack.root)
        self.root = self._copy / stack.root.relative_to(settings.project)
        if not any(stack.root.glob("*.tf")):
            raise ApplyError(
                f"The Terraform root of the stack {stack.name!r} holds no *.tf file.",
                checked=[str(stack.root)],
                remedy=f"Correct `root` of stacks.{stack.name} in staticfire.toml.",
            )

    def refresh(self) -> None:
        """Bring the copy up to the project: changed files are copied, vanished ones removed, `.terraform` is kept."""
        self._copy.mkdir(parents=True, exist_ok=True)
        with file_lock(self._copy / ".lock"):
            for entry in self.settings.project.iterdir():
                link = self._copy / entry.name
                if entry != self._tree and not entry.name.startswith(".") and not link.is_symlink():
                    link.symlink_to(entry)
            self._link_packages()
            target = self._copy / self._tree.relative_to(self.settings.project)
            wanted = {path.relative_to(self._tree) for path in files_of(self._tree)}
            for path in files_of(target):
                if path.relative_to(target) not in wanted and path.name != ".terraform.lock.hcl":
                    path.unlink()
            for relative in wanted:
                source, copy = self._tree / relative, target / relative
                if not copy.exists() or copy.read_bytes() != source.read_bytes():
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(source, copy)
            (self.root / OVERRIDE).unlink(missing_ok=True)

    def _link_packages(self) -> None:
        link = self._copy / self.BUILD
        if not link.is_symlink() or link.readlink() != self.layout.build:
            link.parent.mkdir(exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to(self.layout.build)

    def packages(self, built: Mapping[str, Path]) -> dict[str, str]:
        """The packages' paths from the Terraform root: they are the same on every machine, so that none is a change."""
        return {name: f"./{self._above}/{self.BUILD}/{path.name}" for name, path in built.items()}

    def digest(self) -> str:
        digest = hashlib.sha256()
        for path in sorted(files_of(self._tree)):
            digest.update(f"{path.relative_to(self._tree)}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()

    def init(self, step: Step) -> None:
        """`terraform init`, when what it depends on changed since the last one."""
        self._make_state_bucket()
        stamp = self.root / ".terraform" / "staticfire"
        arguments = self.shell_environment({})["TF_CLI_ARGS_init"]
        wanted = json.dumps([self.digest(), self.endpoint, self.terraform.version, self.provider.source, arguments])
        if stamp.exists() and stamp.read_text() == wanted:
            return
        step.note("terraform init")
        code, lines = self._run(["init", "-no-color"], {}, step.note)
        if code:
            raise ApplyError(
                "terraform init failed:\n" + "\n".join(lines[-40:]),
                checked=[f"provider: {self.provider.source}", f"log: {self.log}"],
                remedy="Correct the configuration; without network, name a mirror in the setting `provider_mirror`.",
            )
        stamp.write_text(wanted)

    def apply(self, variables: Mapping[str, Any], step: Step) -> Mapping[str, Any]:
        """Apply, and the outputs."""
        return self._change(["apply"], variables, step)

    def destroy(self, variables: Mapping[str, Any], step: Step) -> None:
        self._change(["destroy"], variables, step)

    def plan_is_empty(self, variables: Mapping[str, Any], step: Step) -> tuple[bool, str]:
        """Whether a plan now would change nothing, and what it printed."""
        self.refresh()
        self.init(step)
        code, lines = self._run(["plan", "-detailed-exitcode", "-no-color", "-lock=false"], variables, step.note)
        if code not in (0, 2):
            raise ApplyError("terraform plan failed:\n" + "\n".join(lines[-60:]), checked=[f"log: {self.log}"])
        return code == 0, "\n".join(lines)

    def planned(self, variables: Mapping[str, Any], step: Step) -> list[Resource]:
        """What an apply with these variables would leave; nothing is changed."""
        self.refresh()
        self.init(step)
        step.note("terraform plan")
        with tempfile.TemporaryDirectory(prefix="staticfire-plan-") as directory:
            plan = Path(directory) / "plan"
            command = ["plan", f"-out={plan}", "-refresh=false", "-lock=false", "-no-color"]
            code, lines = self._run(command, variables, lambda line: None)  # it is long, and nobody applies it
            if code:
                raise ApplyError("terraform plan failed:\n" + "\n".join(lines[-60:]), checked=[f"log: {self.log}"])
            shown = self._shown(["show", "-json", str(plan)], variables)
        return list(_resources(shown["planned_values"]["root_module"]))

    def _change(self, command: Sequence[str], variables: Mapping[str, Any], step: Step) -> Mapping[str, Any]:
        self.refresh()
        self.init(step)
        step.note(f"terraform {command[0]}")
        view = _View(step)
        arguments = [*command, "-auto-approve", "-json", f"-parallelism={self.settings.parallelism}"]
        code, lines = self._run(arguments, variables, view.read)
        if code:
            raise ApplyError(
                f"terraform {command[0]} failed:\n" + ("\n".join(view.errors) or "\n".join(lines[-20:])),
                checked=[f"log: {self.log}"],
                remedy="Correct the cause and run the command again: what was made so far is kept. "
                "To begin afresh, without the data: `staticfire down --wipe`, then `staticfire up`.",
            )
        step.done(view.summary)
        if any("value" not in output for output in view.outputs.values()):
            view.outputs = self._outputs(variables)
        return {name: output["value"] for name, output in view.outputs.items()}

    def _outputs(self, variables: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Outputs with the sensitive ones, which `apply` does not show."""
        return self._shown(["output", "-json"], variables)

    def _shown(self, arguments: Sequence[str], variables: Mapping[str, Any]) -> dict[str, Any]:
        """What a command prints as JSON: it holds secrets, and no log may."""
        answer = subprocess.run(
            self._command(arguments),
            cwd=self.root,
            env=self._environment(variables),
            capture_output=True,
            text=True,
            check=False,
        )
        if answer.returncode:
            raise ApplyError(f"terraform {arguments[0]} failed:\n{answer.stderr}")
        shown: dict[str, Any] = json.loads(answer.stdout)
        return shown

    @property
    def _bucket(self) -> str:
        return "tf-test-state" if self.account == DEFAULT_ACCOUNT else f"tf-test-state-{self.account}"

    def _make_state_bucket(self) -> None:
        client = aws.client(self.endpoint, "us-east-1", self.account, "s3")
        try:
            client.create_bucket(Bucket=self._bucket)
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
                raise

    def _environment(self, variables: Mapping[str, Any]) -> dict[str, str]:
        automation = {"TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "CHECKPOINT_DISABLE": "1"}
        return _base_environment() | self.shell_environment(variables) | automation

    def shell_environment(self, variables: Mapping[str, Any]) -> dict[str, str]:
        """What tflocal needs beyond the user's own environment, to do what this class does."""
        environ = caller_environment(self.endpoint, self.settings.region, self.account)
        environ["TF_CMD"] = str(self.terraform.path)
        environ["TF_CLI_ARGS_init"] = "-reconfigure"
        if any(S3_BACKEND.search(file.read_text(encoding="utf-8")) for file in self.stack.root.glob("*.tf")):
            # With -chdir tflocal does not see the stack's backend: the bucket and the endpoint come from here then.
            # The endpoint has no names for buckets below it.
            environ["TF_CLI_ARGS_init"] += f" -backend-config=bucket={self._bucket} -backend-config=use_path_style=true"
            if tuple(map(int, self.terraform.version.split(".")[:2])) >= LOCKS_IN_BUCKET:
                environ["TF_CLI_ARGS_init"] += " -backend-config=use_lockfile=true"
        if self.provider.mirror:
            environ["TF_CLI_CONFIG_FILE"] = str(self._mirror_configuration(self.provider.mirror))
        elif "TF_PLUGIN_CACHE_DIR" not in os.environ and self.provider.source.startswith("the registry"):
            self.layout.providers.mkdir(parents=True, exist_ok=True)
            environ["TF_PLUGIN_CACHE_DIR"] = str(self.layout.providers)
            environ["TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE"] = "1"
        for name, value in variables.items():
            environ[f"TF_VAR_{name}"] = value if isinstance(value, str) else json.dumps(value)
        return environ

    def _mirror_configuration(self, mirror: Path) -> Path:
        """A CLI configuration that names the mirror. OpenTofu is shown Terraform's mirror under its registry's name."""
        host = _mirror_host(mirror)
        if host and host != self.terraform.registry:
            served = self.layout.state / "provider-mirror"
            link = served / self.terraform.registry
            served.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                link.symlink_to(mirror / host)
            mirror = served
        source = f"{self.terraform.registry}/hashicorp/aws"
        path = self.layout.state / "terraform.rc"
        text = (
            "provider_installation {\n"
            f"  filesystem_mirror {{\n    path    = {json.dumps(str(mirror))}\n"
            f"    include = [{json.dumps(source)}]\n  }}\n"
            f"  direct {{\n    exclude = [{json.dumps(source)}]\n  }}\n"
            "}\n"
        )
        if not path.exists() or path.read_text() != text:
            write_atomically(path, text.encode())
        return path

    def _run(
        self, arguments: Sequence[str], variables: Mapping[str, Any], read: Callable[[str], None]
    ) -> tuple[int, list[str]]:
        """Run tflocal in the working copy; its exit code and its lines, each also given to `read` as it comes.

        It writes to the log and not to us, in a session of its own. When this process is killed, Terraform goes on and
        keeps its state whole; the next run ends it. Ctrl-C reaches it once: twice would make it drop its state.
        """
        self._end_orphan()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with open(self.log, "ab") as written, open(self.log, encoding="utf-8", errors="replace") as output:
            written.write(f"\n$ tflocal {' '.join(arguments)}\n".encode())
            written.flush()
            output.seek(0, os.SEEK_END)
            child = subprocess.Popen(
                self._command(arguments),
                cwd=self.root,
                env=self._environment(variables),
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            write_json(self._record, {"pid": child.pid, "started": start_time(child.pid)})
            try:
                lines = []
                for line in filter(str.strip, _follow(output, child)):
                    lines.append(line)
                    read(line)
            except BaseException:
                child.send_signal(signal.SIGINT)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(INTERRUPT_SECONDS)
                raise
            finally:
                if child.poll() is None:
                    os.killpg(child.pid, signal.SIGKILL)
                    child.wait()
                    self._unlock_state()
                self._record.unlink(missing_ok=True)
                (self.root / OVERRIDE).unlink(missing_ok=True)
        return child.returncode, lines

    def _command(self, arguments: Sequence[str]) -> list[str]:
        tflocal = Path(sysconfig.get_path("scripts")) / "tflocal"
        if not tflocal.exists():
            raise PrerequisiteError(
                "tflocal is not installed beside staticfire.",
                checked=[str(tflocal)],
                remedy="Install terraform-local into the same environment: `pip install terraform-local`.",
            )
        return [sys.executable, str(tflocal), *arguments]

    def _end_orphan(self) -> None:
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
        (self.root / OVERRIDE).unlink(missing_ok=True)

    def _unlock_state(self) -> None:
        """Remove the lock that a Terraform of ours may have left when it was killed: it stops everybody else."""
        key = next(filter(None, map(_state_key, self.stack.root.glob("*.tf"))), None)
        if key is not None:
            client = aws.client(self.endpoint, "us-east-1", self.account, "s3")
            client.delete_object(Bucket=self._bucket, Key=f"{key}.tflock")


def _state_key(file: Path) -> str | None:
    found = STATE_KEY.search(file.read_text(encoding="utf-8"))
    return found[1] if found else None


def _resources(module: Mapping[str, Any]) -> Iterator[Resource]:
    for found in module.get("resources", ()):
        if found["mode"] == "managed":
            yield Resource(found["address"], found["type"], found["values"])
    for child in module.get("child_modules", ()):
        yield from _resources(child)


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


class _View:
    """What `terraform apply -json` says, a line at a time: counts for the display, whole diagnostics, the outputs."""

    def __init__(self, step: Step) -> None:
        self.outputs: dict[str, dict[str, Any]] = {}
        self.errors: list[str] = []
        self.summary = ""
        self._step = step
        self._done = 0
        self._planned = 0

    def read(self, line: str) -> None:
        try:
            event = json.loads(line)
        except ValueError:
            return
        kind = event.get("type")
        if kind == "planned_change" and event["change"]["action"] != "noop":
            self._planned += 1
        elif kind == "apply_start" and event["hook"]["action"] != "read":
            self._step.note(f"{self._done}/{self._planned} {event['hook']['resource']['addr']}")
        elif kind == "apply_complete" and event["hook"]["action"] != "read":
            self._done += 1
            self._step.note(f"{self._done}/{self._planned} {event['hook']['resource']['addr']} done")
        elif kind == "change_summary" and event["changes"]["operation"] != "plan":
            changes = event["changes"]
            counts = (f"{changes[name]} {word}" for name, word in _COUNTED if changes.get(name))
            self.summary = ", ".join(counts) or "no changes"
        elif kind == "diagnostic" and event["diagnostic"]["severity"] == "error":
            self.errors.append(_diagnostic(event["diagnostic"]))
        elif kind == "outputs":
            self.outputs = event["outputs"]


_COUNTED = (("add", "added"), ("change", "changed"), ("remove", "destroyed"))


def _diagnostic(diagnostic: Mapping[str, Any]) -> str:
    place = diagnostic.get("range") or {}
    where = f"\n    at {place['filename']}:{place['start']['line']}" if place else ""
    address = f"\n    with {diagnostic['address']}" if diagnostic.get("address") else ""
    detail = diagnostic.get("detail", "").strip().replace("\n", "\n    ")
    return f"  - {diagnostic['summary']}{address}{where}" + (f"\n    {detail}" if detail else "")


def files_of(tree: Path) -> Iterator[Path]:
    """The files of a Terraform tree that people wrote."""
    for directory, names, files in os.walk(tree):
        names[:] = [name for name in names if not name.startswith(".") and name not in NEVER_COPIED]
        for name in files:
            if name not in NEVER_COPIED and not name.startswith("terraform.tfstate"):
                yield Path(directory) / name
