"""What `up` was told on the command line for a stack's Terraform, so that the other commands do the same.

As with Terraform each `up` has its own flags. They are noted down for `apply`, `destroy`, `env` and the test plugin.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from staticfire.errors import UsageError
from staticfire.host.files import read_json, write_json
from staticfire.layout import Layout
from staticfire.roots import missing_variables, other_tfvars
from staticfire.settings import Settings, StackSettings

from .terraform.variables import users_terraform_variables, users_workspace


def remember(
    settings: Settings, names: Sequence[str], var_files: Sequence[Path], assignments: Sequence[str]
) -> Settings:
    """Note down what these stacks are applied with, and the settings with it."""
    layout = Layout.of(settings)
    for name in names:
        path = layout.options(name)
        record = {"var_files": [str(file) for file in var_files], "assignments": list(assignments)}
        if any(record.values()) or users_workspace():
            layout.make_state()
            path.parent.mkdir(exist_ok=True)
            write_json(path, {**record, "workspace": users_workspace()}, 0o600)
        else:
            path.unlink(missing_ok=True)
    return remembered(settings, settings)


def remembered(settings: Settings, noted: Settings) -> Settings:
    """The settings with what is noted down in the state directory of `noted`."""
    stacks = {name: _with_options(stack, Layout.of(noted)) for name, stack in settings.stacks.items()}
    return replace(settings, stacks=stacks)


def _with_options(stack: StackSettings, layout: Layout) -> StackSettings:
    record = read_json(layout.options(stack.name), var_files=list, assignments=list, workspace=str)
    if record is None:
        return stack
    return replace(
        stack,
        var_files=(*stack.var_files, *map(Path, record["var_files"])),
        assignments=tuple(record["assignments"]),
        workspace=users_workspace() or record["workspace"] or stack.workspace,
    )


def check_variables(settings: Settings, names: Sequence[str]) -> None:
    """An error that names each variable of these stacks' roots which has no value."""
    for name in names:
        stack = settings.stack(name)
        own = ["packages"] * bool(stack.zips) + ["database"] * stack.database
        assigned = [assignment.partition("=")[0] for assignment in stack.assignments]
        missing = missing_variables(
            stack.root, [*stack.variables, *own, *assigned], stack.var_files, users_terraform_variables()
        )
        if missing:
            files = [os.path.relpath(file) for file in other_tfvars(stack.root)]
            first = f"-var-file={files[0]}" if files else f"-var '{missing[0]}=VALUE'"
            raise UsageError(
                f"The stack {name!r} needs a value for {', '.join(missing)}.",
                checked=[
                    f"{os.path.relpath(stack.root)}/terraform.tfvars and *.auto.tfvars, -var-file, -var, TF_VAR_*",
                    *(f"there is {file}, which Terraform does not read by itself" for file in files),
                ],
                remedy=f"Run `staticfire up {first}`, set TF_VAR_{missing[0]}, or write terraform.tfvars.",
            )
