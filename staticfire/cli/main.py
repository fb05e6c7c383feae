"""The parser of the command line, and the exit code that each failure ends with.

exit codes:
    0   done
    1   failed
    2   wrong usage or settings
    3   something this machine needs is missing
    4   not running
    5   running, but a part is not well
    6   Terraform failed
    7   busy: another command is at work, or a port is taken
    8   a load run's verdict cannot be told
    9   refused: something in the stack cannot run here
  130   interrupted
  141   nobody reads the output any more
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path

from staticfire import __version__
from staticfire.errors import StaticfireError, UsageError
from staticfire.host import interrupts
from staticfire.host.leave import INTERRUPTED, leave_at_once
from staticfire.settings import ALL, Settings, load
from staticfire.stacks.options import remembered

from .terminal import shown

UNREAD = 141
COMPLETING = "_ARGCOMPLETE"  # what a shell sets that asks for completions
FLAGS = ("target", "port", "allow_unsupported", "strict")  # of some commands; each stands above the setting of its name

# The module of each command, and what adds its arguments: only that of the command that runs is imported.
COMMANDS: Mapping[str, tuple[str, str, str]] = {
    "up": ("up", "configure", "Start what does not run yet, and apply the stacks; quick when nothing changed."),
    "down": ("down", "configure", "End what runs; its data stays (embedded: all of it)."),
    "status": (
        "status",
        "configure",
        "Say what runs, and whether it is well.",
    ),
    "exec": ("exec", "configure", "Run a command with the stack up, and the variables that `env` exports."),
    "open": ("open", "configure", "Open the console, the page of the running stack, in a browser."),
    "url": ("url", "configure", "Print the address of a stack's API."),
    "init": ("init", "configure", "Write down what `up` takes from the Terraform, as a commented staticfire.toml."),
    "apply": ("stacks", "configure_apply", "Apply stacks to the running target, even when nothing changed."),
    "destroy": ("stacks", "configure_destroy", "Destroy stacks and their databases."),
    "watch": (
        "watch",
        "configure",
        "Put what you save into the running functions at once; what `up` does in the foreground.",
    ),
    "debug": ("debug", "configure", "Have a function carry a debugger, for your editor to attach to."),
    "logs": ("logs", "configure", "Print the functions' logs, from CloudWatch Logs."),
    "trace": ("trace", "configure", "Draw what a request did: functions, AWS calls, errors, times."),
    "mail": ("mail", "configure", "Print what SNS and SES sent by e-mail, newest first. Nothing leaves this machine."),
    "reset": (
        "stacks",
        "configure_reset",
        "Empty what the stacks hold: tables, buckets, queues, databases, mail.",
    ),
    "snapshot": (
        "snapshot",
        "configure",
        "Keep all that the stacks hold under a name, and bring it back.",
    ),
    "load": ("load", "configure", "Load a stack by a profile, look up what became of each write, write a report."),
    "fault": (
        "fault",
        "configure",
        "Have AWS API calls of the running stack fail, hang, come late or lose their answer.",
    ),
    "build": ("stacks", "configure_build", "Build the packages that Terraform deploys, and print their paths."),
    "doctor": ("doctor", "configure", "Check what this machine must have; each failed check comes with its remedy."),
    "env": ("env", "configure", 'Print exports for tflocal, the AWS CLI and psql by hand: eval "$(staticfire env)".'),
    "completion": ("completion", "configure", "Print what has bash, zsh or fish complete this command's words."),
}


def main(argv: Sequence[str] | None = None) -> None:
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed by the caller: its number must not go to the next file that is opened
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))
    try:
        try:
            interrupts.listen()
            code = run(argv)
            sys.stdout.flush()
        finally:
            leave_at_once()
    except BrokenPipeError:
        # Who read the output has enough, as `head` has. Python's own flush at the end must not fail once more.
        for stream in (sys.stdout, sys.stderr):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        code = UNREAD
    except KeyboardInterrupt:
        _complain("interrupted")
        code = INTERRUPTED
    sys.exit(code)


def run(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    words, program = _with_program(sys.argv[1:] if argv is None else argv)
    if COMPLETING in os.environ:
        from .completion import complete

        complete(_parser)
    arguments = _parser([name for name in COMMANDS if name in words]).parse_args(words, argparse.Namespace(**program))
    logging.basicConfig(level=logging.INFO if arguments.verbose else logging.WARNING, format="%(message)s")
    logging.getLogger("botocore").setLevel(logging.WARNING)
    try:
        settings = _settings(arguments)
        command: Callable[[Settings, argparse.Namespace], int] = arguments.command
        return command(settings, arguments)
    except StaticfireError as error:
        _complain(f"{error}")
        return error.exit_code
    except _raised_by("botocore.exceptions", "ClientError", "BotoCoreError") as error:
        _complain(f"an AWS call to the running stack failed: {error}")
        return StaticfireError.exit_code
    except _raised_by("pg8000", "Error") as error:
        _complain(f"the running Postgres answered with an error: {error}")
        return StaticfireError.exit_code
    except BrokenPipeError:
        raise
    except OSError as error:
        _complain(f"{error}\n  remedy: See `staticfire doctor`.")
        return StaticfireError.exit_code


def _raised_by(module: str, *names: str) -> tuple[type[Exception], ...]:
    """A library's errors. Nobody waits for its import here: one that was not imported has raised none."""
    imported = sys.modules.get(module)
    return () if imported is None else tuple(getattr(imported, name) for name in names)


def _with_program(words: Sequence[str]) -> tuple[Sequence[str], Mapping[str, Sequence[str]]]:
    """Of `exec ... -- COMMAND` what comes before, and the command: argparse would read its flags as ours."""
    before = words[: words.index("--")] if "--" in words else words
    if "exec" not in before:
        return words, {}
    return before, {"program": words[len(before) + 1 :]}


def _complain(text: str) -> None:
    print(shown(f"staticfire: {text}", sys.stderr), file=sys.stderr)


def _settings(arguments: argparse.Namespace) -> Settings:
    """The settings of the project. `up DIR` names a project, too, where that directory is not a stack of this one."""
    overrides = {name: getattr(arguments, name) for name in FLAGS}
    names = getattr(arguments, "stacks", [])
    other = Path(names[0]) if len(names) == 1 and arguments.project is None else None
    try:
        settings = load(arguments.project, overrides=overrides)
        if other is not None and names[0] != ALL:
            settings.stack(names[0])
    except UsageError:
        if other is None or not other.is_dir():
            raise
        settings, arguments.stacks = load(other, overrides=overrides), []
    return settings if "var_file" in arguments else remembered(settings, settings)  # `up` has its own flags


def _parser(commands_used: Sequence[str] = tuple(COMMANDS)) -> argparse.ArgumentParser:
    """With the arguments of these commands; of the others it knows the names."""
    parser = argparse.ArgumentParser(
        prog="staticfire",
        description="Run AWS serverless stacks on this machine, as they are.",
        epilog=(__doc__ or "").partition("\n\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"staticfire {__version__}")
    project = "the directory that holds staticfire.toml, or a Terraform root (default: this one, or one above it)"
    parser.add_argument("--project", "-chdir", type=Path, metavar="DIR", help=project)
    verbose = "show each step, and each resource of Terraform"
    parser.add_argument("-v", "--verbose", action="store_true", help=verbose)
    parser.set_defaults(**dict.fromkeys(FLAGS))
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, (module, configure, text) in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        if name not in commands_used:
            continue
        getattr(import_module(f"staticfire.cli.{module}"), configure)(command)
        if name == "up":  # argparse would take it for the beginning of -var
            command.add_argument("-v", "--verbose", action="store_true", default=argparse.SUPPRESS, help=verbose)
    return parser
