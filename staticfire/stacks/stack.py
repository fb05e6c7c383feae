"""One stack in one account: its packages, its database, its Terraform, its outputs.

`up` brings it from any state to applied: packages are built, the database and its role are made, Terraform runs, and
what it answered is recorded together with a fingerprint of everything that went in. While the fingerprint holds, `up`
has nothing to do. The fingerprint holds one life of the emulator, which is saved after each apply and outlives its
process: only when it lost something the stack is applied again, and when its database is older than the emulator, or
a part of what runs had died, the functions of `rebuild` restore what the emulator had known.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shlex
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from staticfire import boto
from staticfire.errors import ApplyError, NotRunningError, StaticfireError, UnsupportedError
from staticfire.host.files import read_json, write_json
from staticfire.layout import Layout
from staticfire.progress import Progress, Step
from staticfire.settings import Settings, StackSettings
from staticfire.stacks.terraform.obstacle import Obstacle, Weight
from staticfire.stacks.terraform.output import Resource
from staticfire.stacks.terraform.plan_check import obstacles
from staticfire.stacks.terraform.resource_types import TABLE, Fate
from staticfire.stacks.terraform.running import state_bucket, state_object
from staticfire.stacks.terraform.state import (
    functions_in,
    outputs_of,
    read_state,
    sensitive_outputs,
    whole_state,
)
from staticfire.stacks.terraform.variables import DEFAULT_ACCOUNT, users_terraform_variables, users_workspace
from staticfire.stacks.terraform.working_copy import WorkingCopy
from staticfire.targets.base import Running
from staticfire.toolchain.node import RUNTIMES as MADE_AT_NEED

from . import made
from .databases import StackDatabase, database_name
from .images.stack_images import StackImages
from .packages import build
from .planned_packages import obstacles_in_zips
from .public_layers import PublicLayers

IMAGE = "image"  # in the place of a runtime's name, where the edge is asked whether it can run one

log = logging.getLogger(__name__)

NEEDED = {"fingerprint", "instance", "outputs"}
EMBEDDED = "embedded"  # the target whose emulator the table of resource types was made with
RUNTIME_SECONDS = 900.0
SAVE_SECONDS = 120.0
SHOWN = 160  # of an output's value
SHOWN_OF_TEXT = 2000  # of one that is a text: a command in it is pasted whole
NAMED = 3  # so many names stand in a line
PUSH_SECONDS = 300.0  # for the edge to take a part of a layer, or to check one
LAYER_SECONDS = 120.0  # for the edge to take one


@dataclass(frozen=True)
class Applied:
    """What the last apply answered."""

    fingerprint: str
    instance: str
    outputs: Mapping[str, Any]
    sensitive: Sequence[str] = ()
    made: Sequence[Mapping[str, str]] = ()
    seeded: bool = True  # False: applied, and its seed failed or was cut off


@dataclass(frozen=True)
class _Inputs:
    """All that goes into Terraform."""

    copy: WorkingCopy
    packages: Mapping[str, Path]
    variables: Mapping[str, Any]
    endpoint: str
    region: str
    stack: StackSettings
    layers: Mapping[str, Path]
    images: StackImages

    @property
    def fingerprint(self) -> str:
        digest = hashlib.sha256(self.copy.digest().encode())
        files = [file.read_text(errors="replace") for file in self.stack.var_files]
        options = [files, self.stack.assignments, self.stack.workspace, users_terraform_variables(), users_workspace()]
        options.append({arn: _sha256(path) for arn, path in self.layers.items()})
        parts = [self.variables, self.endpoint, self.region, options]
        digest.update(json.dumps(parts, sort_keys=True).encode())
        for _, path in sorted(self.packages.items()):
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


class Stack:
    def __init__(self, settings: Settings, name: str, running: Running, account: str = DEFAULT_ACCOUNT) -> None:
        self.settings = settings
        self.stack_settings = settings.stack(name)
        self.name = name
        self.account = account
        self.running = running
        self.layout = Layout.of(settings)
        self._of_runtimes: list[str] = []
        self.notes: Sequence[str] = ()  # what the last `up` did otherwise than on AWS

    @property
    def applied(self) -> Applied | None:
        """The last apply, if the emulator that it went to still lives."""
        path = self.layout.applied(self.account, self.name)
        record = read_json(path)
        of_this_version = record is not None and NEEDED <= record.keys() <= {part.name for part in fields(Applied)}
        if of_this_version:
            read_json(path, fingerprint=str, instance=str, outputs=dict)
        if record is None or not of_this_version or record["instance"] != self.running.instance:
            return None
        return Applied(**record)

    @property
    def present(self) -> Applied | None:
        """What is up, whoever applied it: `deploy` of compose.yaml keeps its own records."""
        return self.applied or self._applied_elsewhere

    @cached_property
    def _applied_elsewhere(self) -> Applied | None:
        if self.running.health.sick:
            return None
        state = whole_state(self.client, state_bucket(self.account), state_object(self.stack_settings))
        return None if state is None else self._of_state(state, "")

    def _of_state(self, state: Mapping[str, Any], fingerprint: str) -> Applied:
        resources = made.made_by(state, self.running.endpoint)
        return Applied(
            fingerprint=fingerprint,
            instance=self.running.instance,
            outputs=made.localised(outputs_of(state), resources, self.running.endpoint),
            sensitive=sensitive_outputs(state),
            made=[asdict(resource) for resource in resources],
        )

    @property
    def outputs(self) -> Mapping[str, Any]:
        if self.present is None:
            raise NotRunningError(
                f"The stack {self.name!r} is not applied.", remedy=f"Run `staticfire up {self.name}`."
            )
        return self.present.outputs

    @property
    def url(self) -> str | None:
        """The base URL of the stack's API: that of its outputs `api_id` and `stage`, else the first that there is."""
        outputs = self.outputs
        if "api_id" not in outputs:
            return next((resource.url for resource in self.made if resource.kind in made.WITH_URL), None)
        return made.stage_url(self.running.endpoint, outputs["api_id"], outputs.get("stage") or "$default")

    @property
    def made(self) -> list[made.Made]:
        """What Terraform made, with its addresses."""
        return [made.Made(**resource) for resource in self.present.made] if self.present is not None else []

    @property
    def sensitive(self) -> Sequence[str]:
        """The outputs whose values nobody is shown."""
        return self.present.sensitive if self.present is not None else ()

    @property
    def database(self) -> StackDatabase | None:
        """The stack's own database; None when it has none."""
        if not self.stack_settings.database or self.running.postgres is None:
            return None
        return StackDatabase(self.running.postgres, database_name(self.name, self.account))

    def summary(self) -> Iterator[str]:
        """For people: where the stack is reached, and its examples, ready to be pasted."""
        if self.present is None:
            yield f"{self.name}: not applied; run `staticfire up {self.name}`"
            return
        yield self.name
        if self.url is not None:
            yield f"  API       {self.url}"
        for resource in self.made:
            if resource.kind in made.WITH_URL and resource.url != self.url:
                yield f"  {resource.kind}  {resource.url}  ({resource.name})"
        if self.database is not None:
            yield f"  Postgres  {self.database.url}"
        yield from (f"  {line}" for line in made.listed(self.made))
        for name, value in sorted(self.outputs.items()):
            text, most = (value, SHOWN_OF_TEXT) if isinstance(value, str) else (json.dumps(value), SHOWN)
            if name in self.sensitive:
                yield f"  output {name} = (sensitive)"
            elif not self._is_shown(name, text):
                yield f"  output {name} = {text if len(text) <= most else f'{text[:most]}...'}"
        for example in self.stack_settings.examples if self.url is not None else ():
            yield f"  {example.replace('{url}', shlex.quote(self.url or ''))}"

    def _is_shown(self, output: str, text: str) -> bool:
        """Whether the summary says it already: an address, a name, the ARN of what has that name."""
        parts = [part for resource in self.made for part in (resource.name, resource.url.rstrip("/"), resource.id)]
        named = text.rpartition(":")[2].rpartition("/")[2] if text.startswith("arn:") else text.rstrip("/")
        return named in filter(None, [*parts, self.url]) or (output in ("api_id", "stage") and self.url is not None)

    def up(
        self,
        progress: Progress,
        packages: Mapping[str, Path] | None = None,
        *,
        force: bool = False,
        before_apply: Callable[[], None] = lambda: None,
    ) -> bool:
        """Apply unless nothing changed; whether it was applied. `packages`: those that are built already.

        `before_apply` is called once there is something to apply.
        """

        with progress.step(f"Apply {self.name}") as step:
            step.note("packages")
            inputs = self._inputs(packages)
            fingerprint, applied = inputs.fingerprint, self.applied
            if applied is not None and applied.fingerprint == fingerprint and not force:
                if self.running.revived:
                    self.rebuild(applied.outputs, step)
                if applied.seeded:
                    step.done("nothing changed")
                    return False
                self._seed_applied(applied, step)
                return True
            if self.stack_settings.seed is not None:
                from .seed import check_files  # not at the top, here and below: it brings boto3's and pg8000's errors

                check_files(self.name, self.stack_settings.seed)
            step.note("database")
            database_is_older = self.database is not None and self.database.make()

            def check(planned: list[Resource]) -> None:
                self._check(progress, inputs.copy.root, planned, layers)
                before_apply()

            begun = time.time()
            layers = PublicLayers(self.settings, self.account)
            images = _Push(inputs.images, self, step) if self.stack_settings.images else None
            try:
                state = inputs.copy.apply(inputs.variables, step, check, images)
            except (ApplyError, KeyboardInterrupt):
                # What it did deploy, the next apply does not deploy again. Its own error is the one to be told.
                with suppress(StaticfireError):
                    self._complete_deployments(begun)
                raise
            self._bring_what_no_plan_told(state, layers)
            completed = self._complete_deployments(begun)
            record = self._of_state(state, fingerprint)
            if self.running.revived or (applied is None and database_is_older):
                self.rebuild(record.outputs, step)
            self._record(replace(record, seeded=self.stack_settings.seed is None))
            if self.stack_settings.seed is not None:
                self._seed_applied(record, step)
            self.notes = [*inputs.copy.notes, *self._of_runtimes, *completed]
        return True

    def _complete_deployments(self, since: float) -> list[str]:
        """Have what Terraform deployed of REST APIs serve all that it described of them; what that changed."""
        if not self.running.token:
            return []
        return [
            f"the REST API {one['name']} was deployed before all of it was described ({some(one['late'])}); here it "
            "serves it all. On AWS it may serve what was there at that moment: have its aws_api_gateway_deployment "
            "depend on them (depends_on)"
            for one in self.running.edge(timeout=SAVE_SECONDS).complete_deployments(self.account, since)
        ]

    def _record(self, applied: Applied) -> None:
        if self.running.token:  # what is recorded as applied is there after any kill
            self.running.edge(timeout=SAVE_SECONDS).save()
        write_json(self.layout.applied(self.account, self.name), vars(applied), 0o600)

    def _seed_applied(self, applied: Applied, step: Step) -> None:
        """Give the seed, and record it: what is cut off here is done again by the next `up`, without Terraform."""
        step.note("seed")
        said = self.seed(step)
        self._record(replace(applied, seeded=True))
        if said:
            step.done(f"done; seed: {said}")

    def seed(self, step: Step) -> str:
        """Give the stack, which is applied, what its settings seed it with; what that was, in words."""
        seed = self.stack_settings.seed
        if seed is None:
            return ""
        names = [resource.name for resource in self.made]
        from .seed import Seeding

        return Seeding(self.name, seed, self.outputs, names, self.database, self.client).run(step)

    def seed_again(self, step: Step) -> str:
        """After a reset; where that fails, the next `up` does it."""
        if self.stack_settings.seed is None or self.present is None:
            return ""
        applied = self.applied  # None: the containers' own service applied it
        path = self.layout.applied(self.account, self.name)
        if applied is not None:
            write_json(path, vars(replace(applied, seeded=False)), 0o600)
        said = self.seed(step)
        if applied is not None:
            self._record(replace(applied, seeded=True))
        return said

    def _bring_what_no_plan_told(self, state: Mapping[str, Any], layers: PublicLayers) -> None:
        """Layers that were known after apply only, and files of layers that changed while the Terraform did not."""
        for obstacle in layers.obstacles(functions_in(state)):
            if obstacle.weight is Weight.REFUSED:
                log.warning("%s: %s", self.name, obstacle)
        layers.bring(self.running.edge(timeout=LAYER_SECONDS))

    def _check(self, progress: Progress, root: Path, planned: list[Resource], layers: PublicLayers) -> None:
        """Say what of a plan will not work here; an error when something could not run at all, or is not to be less.
        What its functions need to run is made, and brought."""
        settings = self.settings
        switched_on = ["enforce_iam"] * settings.enforce_iam
        measured = settings.target == EMBEDDED
        seen = [
            *obstacles(planned, self.account, switched_on, measured=measured, root=root),
            *layers.obstacles(planned),
            *obstacles_in_zips(planned, root, settings),
        ]
        least = Weight.DESCRIBED if settings.strict else Weight.REFUSED
        refused = [obstacle for obstacle in seen if obstacle.weight >= least and not settings.allow_unsupported]
        for line in _in_short([obstacle for obstacle in seen if obstacle not in refused]):
            log.warning("%s: %s", self.name, line)
        if refused:
            way = "--allow-unsupported (STATICFIRE_ALLOW_UNSUPPORTED=1)"
            remedy = f"To apply it all the same, and have each use of it fail: {way}."
            what = "holds what cannot run here"
            if settings.strict:
                what, remedy = (
                    "holds more than what runs here",
                    "To apply what is only described here too: without --strict.",
                )
            raise UnsupportedError(
                f"The stack {self.name!r} {what}; nothing of the plan was applied.\n"
                + "\n".join(f"  - {obstacle}" for obstacle in refused),
                remedy=remedy,
            )
        layers.bring(self.running.edge(timeout=LAYER_SECONDS))
        self._make_runtimes(progress, planned)

    def _make_runtimes(self, progress: Progress, planned: list[Resource]) -> None:
        functions = [resource.values for resource in planned if resource.type == "aws_lambda_function"]
        names = {str(values.get("runtime")) for values in functions}
        made_before = names & set(MADE_AT_NEED) if self.running.token else set()  # else when one is invoked
        if any(values.get("package_type") == "Image" for values in functions):
            self._check_images()
        for name in sorted(made_before):
            with progress.step(f"Runtime {name}", brief=True):
                if note := self.running.edge(timeout=RUNTIME_SECONDS).prepare_runtime(name):
                    self._of_runtimes.append(note)

    def _check_images(self) -> None:
        """That images can be started there, as far as somebody may ask."""
        try:
            if self.running.token:
                self.running.edge(timeout=RUNTIME_SECONDS).prepare_runtime(IMAGE)
            elif self.running.health.parts.get("functions", {}).get("isolation") == "none":
                raise StaticfireError(
                    f"The edge at {self.running.endpoint} starts functions without namespaces: its log says why."
                )
        except StaticfireError as error:
            if not self.settings.allow_unsupported:
                raise UnsupportedError(
                    f"The stack {self.name!r} holds functions that are container images; nothing of the plan was "
                    f"applied. {error}",
                    remedy="To apply it all the same, and have each use of them fail: --allow-unsupported.",
                ) from error
            log.warning("%s: %s", self.name, error)

    def shell_variables(self) -> Mapping[str, str]:
        """What a shell needs for tflocal by hand, in the stack's Terraform root, to do what `up` does."""
        inputs = self._inputs()
        variables = dict(inputs.variables)
        if inputs.packages and self.layout.build != self.settings.project / WorkingCopy.BUILD:
            variables["packages"] = {name: str(path) for name, path in inputs.packages.items()}
        return inputs.copy.runner.shell_variables(variables)

    def plan_is_empty(self, progress: Progress) -> tuple[bool, str]:
        """Whether another apply would change nothing, and what the plan says."""
        with progress.step(f"Plan {self.name}") as step:
            inputs = self._inputs()
            return inputs.copy.plan_is_empty(inputs.variables, step)

    def on_aws(self, progress: Progress) -> list[Resource]:
        """What Terraform would make on AWS: without the variable `database`, so with the stack's own server."""
        with progress.step(f"Plan {self.name} as on AWS") as step:
            inputs = self._inputs()
            others = {name: value for name, value in inputs.variables.items() if name != "database"}
            inputs = replace(inputs, variables=others)
            fingerprint, path = inputs.fingerprint, self.layout.planned(self.account, self.name)
            plan = read_json(path)
            if plan is None or plan.get("fingerprint") != fingerprint:
                resources = [asdict(resource) for resource in inputs.copy.planned(inputs.variables, step)]
                plan = {"fingerprint": fingerprint, "resources": resources}
                write_json(path, plan, 0o600)
            return [Resource(**resource) for resource in plan["resources"]]

    def destroy(self, progress: Progress) -> None:
        """Destroy what Terraform made, then drop the stack's database."""
        with progress.step(f"Destroy {self.name}") as step:
            inputs = self._inputs()
            inputs.copy.destroy(inputs.variables, step)
            self.layout.applied(self.account, self.name).unlink(missing_ok=True)
            if self.database is not None:
                self.database.drop()

    def rebuild(self, outputs: Mapping[str, Any], step: Step) -> None:
        """Have the stack restore what only the emulator holds, from what is in the database."""
        for function in self.stack_settings.rebuild:
            name = outputs.get(function.output)
            if not isinstance(name, str):
                raise ApplyError(
                    f"stacks.{self.name}.rebuild names the output {function.output!r}, which does not name a function.",
                    checked=[f"outputs: {', '.join(sorted(outputs))}"],
                )
            step.note(f"rebuild: {name}")
            payload = json.dumps(dict(function.payload))
            answer = self.client("lambda", read_timeout=900).invoke(FunctionName=name, Payload=payload.encode())
            if "FunctionError" in answer:
                raise StaticfireError(
                    f"The function {name} failed to rebuild the stack's data: {answer['Payload'].read().decode()}",
                    checked=[f"payload: {payload}"],
                    remedy=f"See `staticfire logs --function {name}`, then run `staticfire apply {self.name}`.",
                )

    @cached_property
    def working_copy(self) -> WorkingCopy:
        """Where its Terraform runs."""
        return WorkingCopy(self.settings, self.stack_settings, self.account, self.running.endpoint)

    def state(self) -> Mapping[str, Any] | None:
        """Terraform's state, as it lies in the emulator's S3 now."""
        return read_state(self.client("s3"), state_bucket(self.account), state_object(self.stack_settings))

    def client(self, service: str, **config: Any) -> Any:
        """A boto3 client of this stack's account."""
        return boto.client(self.running.endpoint, self.running.region, self.account, service, **config)

    def _inputs(self, packages: Mapping[str, Path] | None = None) -> _Inputs:
        copy = WorkingCopy(self.settings, self.stack_settings, self.account, self.running.endpoint)
        if packages is None:
            packages = build(self.settings, self.stack_settings)
        variables = dict(self.stack_settings.variables)
        if packages:
            variables["packages"] = copy.packages(packages)
        if self.database is not None:
            variables["database"] = self.database.variable
        settings, of = self.settings, self.stack_settings
        images = StackImages(settings, of, packages)
        variables |= images.variables
        endpoint = self.running.endpoint
        return _Inputs(copy, packages, variables, endpoint, settings.region, of, settings.layers, images)


class _Push:
    """The stack's images come into its repositories before its functions are made of them."""

    def __init__(self, images: StackImages, stack: Stack, step: Step) -> None:
        self._images, self._ecr, self._step = images, stack.client("ecr", read_timeout=PUSH_SECONDS), step

    def prepare(self, planned: Sequence[Resource]) -> Sequence[str]:
        return self._images.prepare(planned, self._ecr, self._step)

    def bring(self) -> None:
        self._images.push(self._ecr, self._step)


def some(names: Sequence[str]) -> str:
    """`a, b, c and 4 more`."""
    more = len(names) - NAMED
    return ", ".join(names) if more <= 0 else f"{', '.join(names[:NAMED])} and {more} more"


def _in_short(seen: Sequence[Obstacle]) -> Iterator[str]:
    """Each obstacle, and in one line the types of which nothing more can be said than what the table does."""
    in_short = {Weight.DESCRIBED: "described only, nothing follows from it", Weight.UNTRIED: "not tried here"}

    def is_short(obstacle: Obstacle) -> bool:
        """Of a type that runs, it is this one that does not: its own text says why."""
        row = TABLE.get(obstacle.type)
        return obstacle.weight in in_short and not (row is not None and row.fate is Fate.RUNS)

    yield from (str(obstacle) for obstacle in seen if not is_short(obstacle))
    for weight, what in in_short.items():
        types = Counter(obstacle.type for obstacle in seen if obstacle.weight == weight and is_short(obstacle))
        if types:
            names = (kind + (f" ({count})" if count > 1 else "") for kind, count in sorted(types.items()))
            yield f"{what} (docs/services-of-aws.md): {', '.join(names)}"


def chosen_stacks(settings: Settings, running: Running, names: Sequence[str] = ()) -> list[Stack]:
    """The stacks of these names; without one, those that are up by default or were brought up."""
    if names:
        return [Stack(settings, name, running) for name in settings.chosen(names)]
    stacks = [Stack(settings, name, running) for name in settings.stacks]
    return [stack for stack in stacks if stack.stack_settings.default or stack.present is not None]
