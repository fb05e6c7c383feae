"""A stack's Terraform root in a copy of the project, one for each account: prepare it, apply, plan, destroy.

A working copy mirrors the project: the Terraform tree is copied, everything else is a link, so that every relative
path in a module resolves as it does in the repository. Parallel test workers, each an account, never share one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from staticfire.errors import ApplyError
from staticfire.host.locks import file_lock
from staticfire.layout import Layout
from staticfire.progress import Step
from staticfire.settings import Settings, StackSettings
from staticfire.toolchain.runtimes import tree_of

from .output import ApplyEvents, Resource, planned_resources
from .running import OVERRIDE, TerraformRunner

NEVER_COPIED = {"__pycache__", "node_modules", ".terraform.tfstate.lock.info", OVERRIDE}


PLAN_CHANGES = 2  # what `plan -detailed-exitcode` ends with when there is something to apply


class WorkingCopy:
    """One stack's Terraform root in one account's copy of the project."""

    BUILD = Path(".staticfire") / "build"

    def __init__(self, settings: Settings, stack: StackSettings, account: str, endpoint: str) -> None:
        self.settings = settings
        self.stack = stack
        self.layout = Layout.of(settings)
        self._tree = tree_of(stack.root, settings.project)
        self._copy = self.layout.terraform / account
        self._above = os.path.relpath(settings.project, stack.root)
        self.root = self._copy / stack.root.relative_to(settings.project)
        self.runner = TerraformRunner(settings, stack, account, endpoint, self.root)
        if not any(stack.root.glob("*.tf")):
            raise ApplyError(
                f"The Terraform root of the stack {stack.name!r} does not hold a *.tf file.",
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
            sources = {path.relative_to(self._tree) for path in files_of(self._tree)}
            for path in files_of(target):
                if path.relative_to(target) not in sources and path.name != ".terraform.lock.hcl":
                    path.unlink()
            for relative in sources:
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
        runner = self.runner
        runner.make_state_bucket()
        stamp = self.root / ".terraform" / "staticfire"
        arguments = runner.shell_variables({})["TF_CLI_ARGS_init"]
        inputs = [self.digest(), runner.endpoint, runner.terraform.version, runner.provider.source, arguments]
        if stamp.exists() and stamp.read_text() == json.dumps(inputs):
            return
        step.note("terraform init")
        with file_lock(self.layout.providers / ".lock") if runner.provider.from_registry else contextlib.nullcontext():
            code, lines = runner.run(["init", "-no-color"], {}, step.note)
        if code:
            raise ApplyError(
                "terraform init failed:\n" + "\n".join(lines[-40:]),
                checked=[f"provider: {runner.provider.source}", f"log: {runner.log}"],
                remedy="Correct the configuration; without network, name a mirror in the setting `provider_mirror`.",
            )
        stamp.write_text(json.dumps(inputs))

    def apply(
        self, variables: Mapping[str, Any], step: Step, check: Callable[[list[Resource]], None]
    ) -> Mapping[str, Any]:
        """Plan; where there is a change, have the plan checked and apply that very plan; the outputs.

        `check` raises what stands against it.
        """
        self.refresh()
        self.init(step)
        parallelism = f"-parallelism={self.settings.parallelism}"
        events = ApplyEvents(step)
        with _plan_file() as plan:
            step.note("terraform plan")
            options = ["-json", "-detailed-exitcode", f"-out={plan}", parallelism]
            code, lines = self.runner.run(["plan", *options], variables, events.read)
            if code not in (0, PLAN_CHANGES):
                raise self._failed("plan", events, lines)
            if code == PLAN_CHANGES:
                step.note("check the plan")
                check(self._resources(plan, variables))
                step.note("terraform apply")
                events = ApplyEvents(step)  # an apply tells its plan once more
                code, lines = self.runner.run(["apply", "-json", parallelism], variables, events.read, plan)
                if code:
                    raise self._failed("apply", events, lines)
        step.done(events.summary or "no changes")
        return self._outputs(events, variables)

    def destroy(self, variables: Mapping[str, Any], step: Step) -> None:
        self.refresh()
        self.init(step)
        step.note("terraform destroy")
        events = ApplyEvents(step)
        options = ["-auto-approve", "-json", f"-parallelism={self.settings.parallelism}"]
        code, lines = self.runner.run(["destroy", *options], variables, events.read)
        if code:
            raise self._failed("destroy", events, lines)
        step.done(events.summary)

    def plan_is_empty(self, variables: Mapping[str, Any], step: Step) -> tuple[bool, str]:
        """Whether a plan now would change nothing, and what it printed."""
        code, lines = self._plan(["-detailed-exitcode"], variables, step, step.note)
        return code == 0, "\n".join(lines)

    def planned(self, variables: Mapping[str, Any], step: Step) -> list[Resource]:
        """What an apply with these variables would leave; nothing is changed."""
        with _plan_file() as plan:
            # It is long, and nobody applies it: it is not shown.
            self._plan([f"-out={plan}", "-refresh=false"], variables, step, lambda line: None)
            return self._resources(plan, variables)

    def _resources(self, plan: Path, variables: Mapping[str, Any]) -> list[Resource]:
        document = self.runner.document(["show", "-json"], variables, plan)
        return list(planned_resources(document.get("planned_values", {}).get("root_module", {})))

    def _plan(
        self, options: Sequence[str], variables: Mapping[str, Any], step: Step, read: Callable[[str], None]
    ) -> tuple[int, list[str]]:
        self.refresh()
        self.init(step)
        step.note("terraform plan")
        code, lines = self.runner.run(["plan", *options, "-no-color", "-lock=false"], variables, read)
        if code != 0 and not (code == PLAN_CHANGES and "-detailed-exitcode" in options):
            raise ApplyError("terraform plan failed:\n" + "\n".join(lines[-60:]), checked=[f"log: {self.runner.log}"])
        return code, lines

    def _failed(self, command: str, events: ApplyEvents, lines: Sequence[str]) -> ApplyError:
        return ApplyError(
            f"terraform {command} failed:\n" + ("\n".join(events.errors) or "\n".join(lines[-20:])),
            checked=[f"log: {self.runner.log}"],
            remedy="Correct the cause and run the command again: what was made so far is kept. "
            "To begin afresh, without the data: `staticfire down --wipe`, then `staticfire up`.",
        )

    def _outputs(self, events: ApplyEvents, variables: Mapping[str, Any]) -> dict[str, Any]:
        outputs = events.outputs
        # A plan tells no values, an apply those that are not sensitive.
        if any("value" not in output for output in outputs.values()):
            outputs = self.runner.document(["output", "-json"], variables)
        return {name: output["value"] for name, output in outputs.items()}


@contextlib.contextmanager
def _plan_file() -> Iterator[Path]:
    """The path for a plan, which nobody else reads: it holds secrets."""
    with tempfile.TemporaryDirectory(prefix="staticfire-plan-") as directory:
        yield Path(directory) / "plan"


def files_of(tree: Path) -> Iterator[Path]:
    """The files of a Terraform tree that people wrote."""
    for directory, names, files in os.walk(tree):
        names[:] = [name for name in names if not name.startswith(".") and name not in NEVER_COPIED]
        for name in files:
            if name not in NEVER_COPIED and not name.startswith("terraform.tfstate"):
                yield Path(directory) / name
