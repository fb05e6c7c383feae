"""A stack's Terraform root in a copy of the repository, one for each account: prepare it, apply, plan, destroy.

In the copy an override file leads the root to the running stack (override.py). The repository is never written to, and
parallel test workers, each an account, never share a copy (mirror.py).
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, Protocol

from staticfire import hcl
from staticfire.errors import ApplyError
from staticfire.host.files import read_json, write_json
from staticfire.host.locks import file_lock
from staticfire.layout import Layout
from staticfire.progress import Step
from staticfire.settings import Settings, StackSettings

from . import override
from .causes import remedy_of
from .mirror import Mirror
from .output import ApplyEvents, Resource, planned_resources
from .override import Backend, ProviderSchema
from .plan_file import resources_in
from .running import TerraformRunner, state_key

LOCK_FILE = ".terraform.lock.hcl"
HASHES = re.compile(r"^  hashes = \[.*?^  \]\n", re.MULTILINE | re.DOTALL)

PLAN_CHANGES = 2  # what `plan -detailed-exitcode` ends with when there is something to apply


class Beforehand(Protocol):
    """What has to be where a plan's resources look for it before they are made, in others that the plan makes."""

    def prepare(self, planned: Sequence[Resource]) -> Sequence[str]:
        """The addresses of those others, where they are not there yet. Nothing is applied so far."""

    def bring(self) -> None:
        """They are there."""


class WorkingCopy:
    """One stack's root in one account's copy of the repository. `notes`: what was done otherwise than on AWS."""

    BUILD = Path(".staticfire") / "build"

    def __init__(self, settings: Settings, stack: StackSettings, account: str, endpoint: str) -> None:
        self.settings = settings
        self.stack = stack
        self.layout = Layout.of(settings)
        if not hcl.files_in(stack.root):
            raise ApplyError(
                f"The Terraform root of the stack {stack.name!r} does not hold a *.tf file.",
                checked=[str(stack.root)],
                remedy=f"Correct `root` of stacks.{stack.name} in staticfire.toml.",
            )
        self._mirror = Mirror(stack.root, settings.project, self.layout.terraform / account / stack.name)
        self.root = self._mirror.root
        self.runner = TerraformRunner(settings, stack, account, endpoint, self.root)
        self.notes: list[str] = []

    def refresh(self) -> None:
        """Bring the copy up to the repository; what Terraform and its provisioners built in it is kept."""
        self._mirror.copy.mkdir(parents=True, exist_ok=True)
        with file_lock(self._mirror.copy.with_name(f".{self.stack.name}.lock")):
            self._mirror.refresh()
            self._link_packages()

    def _link_packages(self) -> None:
        if self._mirror.project is None:
            return
        link = self._mirror.project / self.BUILD
        if not link.is_symlink() or link.readlink() != self.layout.build:
            link.parent.mkdir(parents=True, exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to(self.layout.build)

    def packages(self, built: Mapping[str, Path]) -> dict[str, str]:
        """The packages' paths from the Terraform root: they are the same on every machine, so that none is a change."""
        if self._mirror.project is None:
            return {name: str(path) for name, path in built.items()}
        above = os.path.relpath(self.settings.project, self.stack.root)
        return {name: f"./{above}/{self.BUILD}/{path.name}" for name, path in built.items()}

    def there(self, path: str) -> Path:
        """A path that Terraform knows, which may begin at its root."""
        return Path(os.path.normpath(self.root / path))

    def original(self, path: str) -> Path:
        """The same in the repository, where Terraform sees the copy of it."""
        there = self.there(path)
        for copy in (self._mirror.copy, self._mirror.copy.resolve()):
            if there.is_relative_to(copy):
                return self._mirror.base / there.relative_to(copy)
        return there

    @property
    def tree(self) -> Path:
        """The directory of the repository that is copied."""
        return self._mirror.tree

    def digest(self) -> str:
        return self._mirror.digest()

    def init(self, step: Step) -> None:
        """`terraform init`, when what it depends on changed since the last one."""
        runner = self.runner
        runner.make_state_bucket()
        stamp = self.root / ".terraform" / "staticfire"
        module = hcl.module_in(self.stack.root)
        inputs = [self._mirror.digest(*hcl.SUFFIXES, LOCK_FILE), runner.endpoint, runner.terraform.version]
        inputs += [runner.provider.source, runner.workspace]
        if not stamp.exists() or stamp.read_text() != json.dumps(inputs):
            step.note("terraform init")
            override.write(self.root, self._overrides(module, None))
            alone = file_lock(self.layout.providers / ".lock") if runner.provider.from_registry else None
            with alone or contextlib.nullcontext():
                self._init(step)
            if runner.workspace:
                self._must(["workspace", "select", "-or-create", runner.workspace], step)
            self._lead_to_the_endpoint(module, step)
            stamp.write_text(json.dumps(inputs))
        self._note_what_is_replaced(module)

    def _init(self, step: Step) -> None:
        """Where this machine does not have what the user's lock file asks for, without it.

        The hashes that `init` checks the providers by are then kept aside: with them in the lock file, each command
        hashes the provider anew, 0.7 GB of it, a fifth of what a plan costs.
        """
        users, copy = self.stack.root / LOCK_FILE, self.root / LOCK_FILE
        checked = self.root / ".terraform" / "staticfire.lock.hcl"
        if users.exists() and not copy.exists():
            copy.write_bytes(users.read_bytes())
        if checked.exists() and copy.exists() and _without_hashes(checked) == copy.read_text(encoding="utf-8"):
            copy.write_bytes(checked.read_bytes())  # else the user's own is another one now
        arguments = ["init", "-no-color", "-reconfigure"]
        code, lines = self.runner.run(arguments, {}, step.note)
        if code and copy.exists():
            copy.unlink()
            code, lines = self.runner.run(arguments, {}, step.note)
            if not code:
                self._note_lock(_locked(users), _locked(copy))
        if code:
            raise self._failed("init", lines[-40:], [f"provider: {self.runner.provider.source}"])
        if copy.exists():
            checked.write_bytes(copy.read_bytes())
            copy.write_text(_without_hashes(checked), encoding="utf-8")

    def _note_lock(self, asked: Mapping[str, str], used: Mapping[str, str]) -> None:
        differ = [name for name, version in asked.items() if used.get(name, version) != version]
        others = [f"{name} {asked[name]} (here: {used[name]})" for name in differ]
        what = ", ".join(others) or "other files of its providers"
        self.notes.append(f"{LOCK_FILE} asks for {what}: it was left out")

    def _note_what_is_replaced(self, module: hcl.Block) -> None:
        if arguments := override.replaced_arguments(module):
            self.notes.append(
                f"the local account stands in for what the provider's block says of {', '.join(arguments)}"
            )
        backend = Backend.of(module)
        if backend.type != "local":
            self.notes.append(f"the backend {backend} is replaced: the state is kept in the local S3")

    def _lead_to_the_endpoint(self, module: hcl.Block, step: Step) -> None:
        schema = self._provider_schema(step)
        override.write(self.root, self._overrides(module, schema))
        if schema is None:
            return
        installed = read_json(self.root / ".terraform" / "modules" / "modules.json") or {"Modules": []}
        copy = self._mirror.copy.resolve()
        directories = {(self.root / entry["Dir"]).resolve() for entry in installed["Modules"]}
        for directory in directories - {self.root.resolve()}:
            if directory.is_relative_to(copy):
                child = override.provider_overrides(
                    hcl.module_in(directory), schema, self.runner.endpoint, self.runner.states.account, root=False
                )
                override.write(directory, [child])

    def _overrides(self, module: hcl.Block, schema: ProviderSchema | None) -> list[str]:
        states = self.runner.states
        parts = [override.backend_override(states, state_key(self.stack.name))]
        for name, other in states_read(self.settings, self.stack).items():
            parts.append(override.remote_state_override(name, states, state_key(other)))
        if schema is not None:
            endpoint, account = self.runner.endpoint, states.account
            parts.append(override.provider_overrides(module, schema, endpoint, account, root=True))
        return parts

    def _provider_schema(self, step: Step) -> ProviderSchema | None:
        """What the AWS provider's block takes, asked once for each version of it; None where the root needs none."""
        version = _locked(self.root / LOCK_FILE).get(override.SOURCE)
        if version is None:
            return None
        path = self.layout.provider_schema(self.runner.terraform.registry, version)
        kept = read_json(path)
        if kept is None:
            step.note("the provider's schema")
            schema = ProviderSchema.of(self.runner.document(["providers", "schema", "-json"], {}))
            if schema is None:
                return None
            kept = {name: sorted(value) for name, value in vars(schema).items()}
            path.parent.mkdir(parents=True, exist_ok=True)
            write_json(path, kept)
        follows = tuple(map(int, re.findall(r"\d+", version)[:2])) >= override.FOLLOWS_VARIABLE
        endpoints = () if follows else tuple(kept["endpoints"])
        return ProviderSchema(frozenset(kept["arguments"]), frozenset(kept["blocks"]), endpoints)

    def _must(self, arguments: Sequence[str], step: Step) -> None:
        code, lines = self.runner.run([*arguments, "-no-color"], {}, step.note)
        if code:
            raise self._failed(" ".join(arguments), lines[-40:])

    def _failed(self, command: str, lines: Sequence[str], checked: Sequence[str] = ()) -> ApplyError:
        text = "\n".join(lines)
        log = f"log: {self.runner.log}"
        remedy = remedy_of(command, text)
        return ApplyError(f"terraform {command} failed:\n{text}", checked=[*checked, log], remedy=remedy)

    @property
    def _variable_options(self) -> list[str]:
        files = [f"-var-file={path}" for path in self.stack.var_files]
        return [*files, *(f"-var={assignment}" for assignment in self.stack.assignments)]

    def apply(
        self,
        variables: Mapping[str, Any],
        step: Step,
        check: Callable[[list[Resource]], None],
        beforehand: Beforehand | None = None,
    ) -> Mapping[str, Any]:
        """Plan; where there is a change, have the plan checked and apply that very plan; the state.

        `check` raises what stands against it. What is needed `beforehand` of the plan is applied alone; then the plan
        is made anew.
        """
        self.refresh()
        self.init(step)
        events = ApplyEvents(step)
        with _plan_file(self.root) as plan:
            if self._changes(plan, variables, step):
                step.note("check the plan")
                read = resources_in(plan)
                planned = self._resources(plan, variables) if read is None else read
                check(planned)
                if beforehand is not None:
                    if addresses := beforehand.prepare(planned):
                        targets = [f"-target={address}" for address in addresses]
                        self._apply(["-auto-approve", *self._variable_options, *targets], variables, step)
                    beforehand.bring()
                    if addresses:
                        self._changes(plan, variables, step)
                events = self._apply([str(plan)], variables, step)
        step.done(events.summary or "no changes")
        return self.runner.state() or {}  # the outputs' values are in it, the sensitive ones too

    def _changes(self, plan: Path, variables: Mapping[str, Any], step: Step) -> bool:
        """Plan into that file; whether there is something to apply."""
        step.note("terraform plan")
        events = ApplyEvents(step)
        options = ["-json", "-detailed-exitcode", f"-out={plan}", self._parallelism, *self._variable_options]
        code, lines = self.runner.run(["plan", *options], variables, events.read)
        if code not in (0, PLAN_CHANGES):
            raise self._failed("plan", events.errors or lines[-20:])
        return code == PLAN_CHANGES

    def _apply(self, arguments: Sequence[str], variables: Mapping[str, Any], step: Step) -> ApplyEvents:
        step.note("terraform apply")
        events = ApplyEvents(step)
        command = ["apply", "-json", self._parallelism, *arguments]
        code, lines = self.runner.run(command, variables, events.read)
        if code:
            raise self._failed("apply", events.errors or lines[-20:])
        return events

    @property
    def _parallelism(self) -> str:
        return f"-parallelism={self.settings.parallelism}"

    def destroy(self, variables: Mapping[str, Any], step: Step) -> None:
        self.refresh()
        self.init(step)
        step.note("terraform destroy")
        events = ApplyEvents(step)
        options = ["-auto-approve", "-json", f"-parallelism={self.settings.parallelism}", *self._variable_options]
        code, lines = self.runner.run(["destroy", *options], variables, events.read)
        if code:
            raise self._failed("destroy", events.errors or lines[-20:])
        step.done(events.summary)

    def plan_is_empty(self, variables: Mapping[str, Any], step: Step) -> tuple[bool, str]:
        """Whether a plan now would change nothing, and what it printed."""
        code, lines = self._plan(["-detailed-exitcode"], variables, step, step.note)
        return code == 0, "\n".join(lines)

    def planned(self, variables: Mapping[str, Any], step: Step) -> list[Resource]:
        """What an apply with these variables would leave; nothing is changed."""
        with _plan_file(self.root) as plan:
            # It is long, and nobody applies it: it is not shown.
            self._plan([f"-out={plan}", "-refresh=false"], variables, step, lambda line: None)
            return self._resources(plan, variables)

    def _resources(self, plan: Path, variables: Mapping[str, Any]) -> list[Resource]:
        document = self.runner.document(["show", "-json", str(plan)], variables)
        return list(planned_resources(document.get("planned_values", {}).get("root_module", {})))

    def _plan(
        self, options: Sequence[str], variables: Mapping[str, Any], step: Step, read: Callable[[str], None]
    ) -> tuple[int, list[str]]:
        self.refresh()
        self.init(step)
        step.note("terraform plan")
        arguments = ["plan", *options, *self._variable_options, "-no-color", "-lock=false"]
        code, lines = self.runner.run(arguments, variables, read)
        if code != 0 and not (code == PLAN_CHANGES and "-detailed-exitcode" in options):
            raise self._failed("plan", lines[-60:])
        return code, lines


@contextlib.contextmanager
def _plan_file(root: Path) -> Iterator[Path]:
    """The path for a plan, which nobody else reads: it holds secrets. One that a kill left goes with the state."""
    parent = root / ".terraform"
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="plan-", dir=parent) as directory:
        yield Path(directory) / "plan"


def _locked(lock_file: Path) -> dict[str, str]:
    """The versions that a lock file names, by `hashicorp/aws`."""
    if not lock_file.exists():
        return {}
    providers = hcl.parse(lock_file.read_text(encoding="utf-8")).of_type("provider")
    return {block.labels[0].partition("/")[2]: block.text("version") or "" for block in providers if block.labels}


def _without_hashes(lock_file: Path) -> str:
    return HASHES.sub("", lock_file.read_text(encoding="utf-8"))


def states_read(settings: Settings, reader: StackSettings) -> dict[str, str]:
    """The stack that each `terraform_remote_state` of a root means, by the name of the data block."""
    module = hcl.module_in(reader.root)
    return {name: _stack_of(settings, reader, name, block) for name, block in override.remote_states(module)}


def _stack_of(settings: Settings, reader: StackSettings, name: str, block: hcl.Block) -> str:
    others = [stack for stack in settings.stacks.values() if stack.name != reader.name]
    backends = {stack.name: Backend.of(hcl.module_in(stack.root)) for stack in others}
    config = hcl.values(block.arguments.get("config", "{}")[1:])
    state = Backend(block.text("backend") or "", override.texts(config))
    for stack in others:
        if override.is_state_of(state, reader.root, backends[stack.name], stack.root):
            return stack.name
    for stack in others:
        if name.replace("_", "-") in (stack.name, stack.root.name.replace("_", "-")):
            return stack.name
    raise ApplyError(
        f"The stack {reader.name!r} reads the state {name!r}, which is not that of a stack here.",
        checked=[
            f'data "terraform_remote_state" "{name}": {state}',
            f"other stacks: {', '.join(f'{other} {backend}' for other, backend in backends.items()) or 'none'}",
        ],
        remedy="Run `staticfire up` in the directory above both roots, or add the other root to staticfire.toml.",
    )


def in_order(settings: Settings, names: Sequence[str]) -> list[str]:
    """These stacks, each after those whose states it reads."""
    sorter = TopologicalSorter({name: states_read(settings, settings.stack(name)).values() for name in names})
    return [name for name in sorter.static_order() if name in names]
