"""`staticfire env`: the variables that a shell needs for tflocal, the AWS CLI and psql by hand."""

from __future__ import annotations

import argparse
import os
import shlex

from staticfire.layout import Layout
from staticfire.settings import Settings
from staticfire.stacks.stack import chosen_stacks
from staticfire.stacks.terraform.variables import DEFAULT_ACCOUNT, caller_variables, is_misleading
from staticfire.targets.base import require_running

from .aws_wrapper import path_with_wrapper


def configure(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_env)
    parser.add_argument("stack", nargs="?", help="whose variables and database (default: the first stack's)")


def _env(settings: Settings, arguments: argparse.Namespace) -> int:
    running = require_running(settings)
    variables = caller_variables(running.endpoint, running.region, DEFAULT_ACCOUNT)
    for stack in chosen_stacks(settings, running, [arguments.stack] if arguments.stack else ())[:1]:
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
    for name in sorted(filter(is_misleading, os.environ.keys() - variables.keys())):
        print(f"unset {name}")
    for name, value in variables.items():
        print(f"export {name}={shlex.quote(value)}")
    return 0
