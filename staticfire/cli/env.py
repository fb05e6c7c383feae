"""`staticfire env`: the variables that a shell needs for tflocal, the AWS CLI and psql by hand."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Mapping

from staticfire.layout import Layout
from staticfire.settings import Settings
from staticfire.stacks.stack import Stack, chosen_stacks
from staticfire.stacks.terraform.variables import DEFAULT_ACCOUNT, caller_variables, is_misleading
from staticfire.targets.base import Running, require_running

from .aws_wrapper import path_with_wrapper


def configure(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_env)
    parser.add_argument("stack", nargs="?", help="whose variables and database (default: the first stack's)")


def _env(settings: Settings, arguments: argparse.Namespace) -> int:
    running = require_running(settings)
    stacks = chosen_stacks(settings, running, [arguments.stack] if arguments.stack else ())
    variables = variables_of(settings, running, stacks[0] if stacks else None)
    for name in misleading(variables):
        print(f"unset {name}")
    for name, value in variables.items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


def variables_of(settings: Settings, running: Running, stack: Stack | None) -> Mapping[str, str]:
    """What a process needs that is to find the running stack, and the database of this one."""
    variables = dict(caller_variables(running.endpoint, running.region, DEFAULT_ACCOUNT))
    if stack is not None:
        variables |= stack.shell_variables()
        if stack.database is not None:
            variables |= {
                "PGHOST": stack.database.server.host,
                "PGPORT": str(stack.database.server.port),
                "PGDATABASE": stack.database.name,
                "PGUSER": stack.database.username,
                "PGPASSWORD": stack.database.password,
            }
    path = path_with_wrapper(Layout.of(settings))
    if path is not None:
        variables["PATH"] = path
    return variables


def misleading(variables: Mapping[str, str]) -> list[str]:
    """The variables of this process that would lead elsewhere beside these."""
    return sorted(filter(is_misleading, os.environ.keys() - variables.keys()))
