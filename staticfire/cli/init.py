"""`staticfire init`: write down what `up` takes from the Terraform itself, as a commented staticfire.toml."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator

from staticfire.errors import UsageError
from staticfire.host.files import write_atomically
from staticfire.settings import FILE, Settings
from staticfire.toolchain.runtimes import runtimes_in_use


def configure(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_init)


def _init(settings: Settings, arguments: argparse.Namespace) -> int:
    path = settings.project / FILE
    if path.exists():
        raise UsageError(f"There is a {FILE} already.", checked=[str(path)])
    write_atomically(path, "\n".join(_lines(settings)).encode() + b"\n")
    print(f"{os.path.relpath(path)}: {', '.join(settings.stacks)}")
    return 0


def _lines(settings: Settings) -> Iterator[str]:
    yield "# What `staticfire up` brings up. staticfire's README.md has each setting."
    yield "[staticfire]"
    yield f"# runtimes = {json.dumps(list(runtimes_in_use(settings)))}    # those that the *.tf name"
    yield f"# region = {json.dumps(settings.region)}"
    for name, stack in settings.stacks.items():
        yield ""
        yield f"[stacks.{name}]"
        root = os.path.relpath(stack.root, settings.project)
        yield f"root = {json.dumps(root)}    # the directory of the Terraform root"
        if not stack.default:
            yield f"default = false    # `staticfire up {name}` brings it up, or `up all`"
        files = [os.path.relpath(file, settings.project) for file in stack.var_files]
        yield f"{'' if files else '# '}var_files = {json.dumps(files or ['dev.tfvars'])}    # besides *.auto.tfvars"
        if stack.workspace:
            yield f"workspace = {json.dumps(stack.workspace)}"
        yield "# database = true    # a Postgres database of its own, in the Terraform variable `database`"
        yield '# variables = { stage = "local" }    # of Terraform, for local runs'
