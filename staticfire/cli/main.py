"""The command line. `staticfire COMMAND --help` says what each command does.

Exit codes: 0 done; 1 failed; 2 wrong usage or settings; 3 something this machine needs is missing; 4 not running;
5 running, but a part is not well; 6 Terraform failed; 7 busy: another command or a taken port; 130 interrupted;
141 nobody reads the output any more.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import shlex
import shutil
import signal
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pg8000
from botocore.exceptions import BotoCoreError, ClientError

from staticfire import __version__
from staticfire.edge_client import EdgeClient
from staticfire.errors import PrerequisiteError, StaticfireError, UsageError
from staticfire.host.locks import command_lock
from staticfire.host.timespan import parse_timespan
from staticfire.layout import Layout
from staticfire.progress import Progress, progress
from staticfire.settings import Settings, load
from staticfire.stacks.packages import build
from staticfire.stacks.stack import Stack, client, reset
from staticfire.stacks.terraform.working_copy import (
    DEFAULT_ACCOUNT,
    caller_environment,
    find_provider,
    find_terraform,
    is_misleading,
)
from staticfire.targets.base import Running, degraded, require_running, require_well, target

from . import fault as fault_command
from . import load as load_command
from .doctor import checks

INTERRUPTED = 130
LATE_MILLISECONDS = 60_000
LOG_GROUPS = "/aws/lambda/"
UNREAD = 141


def main(argv: Sequence[str] | None = None) -> None:
    # Whatever way the user ends a command, Terraform is interrupted once and waited for, and nothing is left half done.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed by the caller: its number must not go to the next file that is opened
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))
    try:
        code = run(argv)
        sys.stdout.flush()
    except BrokenPipeError:
        # Who read the output has enough, as `head` has. Python's own flush at the end must not fail once more.
        for stream in (sys.stdout, sys.stderr):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        code = UNREAD
    sys.exit(code)


def run(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    arguments = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO if arguments.verbose else logging.WARNING, format="%(message)s")
    logging.getLogger("botocore").setLevel(logging.WARNING)
    try:
        settings = load(arguments.project, overrides={"target": arguments.target, "port": arguments.port})
        command: Callable[[Settings, argparse.Namespace], int] = arguments.command
        return command(settings, arguments)
    except StaticfireError as error:
        print(f"staticfire: {error}", file=sys.stderr)
        return error.exit_code
    except (ClientError, BotoCoreError) as error:
        print(f"staticfire: an AWS call to the running stack failed: {error}", file=sys.stderr)
        return StaticfireError.exit_code
    except pg8000.Error as error:
        print(f"staticfire: the running Postgres answered with an error: {error}", file=sys.stderr)
        return StaticfireError.exit_code
    except BrokenPipeError:
        raise
    except OSError as error:
        print(f"staticfire: {error}\n  remedy: See `staticfire doctor`.", file=sys.stderr)
        return StaticfireError.exit_code
    except KeyboardInterrupt:
        print("staticfire: interrupted", file=sys.stderr)
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="staticfire",
        description="Run AWS serverless stacks on this machine, as they are.",
        epilog=(__doc__ or "").partition("\n\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"staticfire {__version__}")
    parser.add_argument("--project", type=Path, metavar="DIR", help="the directory that holds staticfire.toml")
    parser.add_argument("-v", "--verbose", action="store_true", help="show each step, and each resource of Terraform")
    parser.set_defaults(target=None, port=None)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(command: Callable[[Settings, argparse.Namespace], int], name: str, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(command=command)
        return added

    up = add(_up, "up", "Start what does not run, and apply the stacks; quick when nothing changed.")
    up.add_argument("stacks", nargs="*", metavar="stack", help="default: those with default = true; all: every one")
    up.add_argument("--detach", action="store_true", help="return once all is up, instead of following the logs")
    up.add_argument("--json", action="store_true", help="print one object instead of text; implies --detach")
    up.add_argument("--target", help="where to run (setting `target`)")
    up.add_argument("--port", help="the edge's port (setting `port`)")
    down = add(_down, "down", "End the running stack. Postgres keeps its data.")
    down.add_argument("--wipe", action="store_true", help="forget the data too")
    status = add(_status, "status", "What runs, and whether it is well: exit code 0, 4 (not running) or 5 (degraded).")
    status.add_argument("--json", action="store_true", help="print one object instead of text")
    apply = add(_apply, "apply", "Apply stacks to the running target, even when nothing changed.")
    apply.add_argument("stacks", nargs="*", metavar="stack", help="default: those that are up; all: every one")
    destroy = add(_destroy, "destroy", "Destroy stacks, and their databases.")
    destroy.add_argument("stacks", nargs="*", metavar="stack", help="default: those that are up; all: every one")
    logs = add(_logs, "logs", "The functions' logs, from CloudWatch Logs.")
    logs.add_argument("-f", "--follow", action="store_true", help="go on until Ctrl-C")
    logs.add_argument("--function", metavar="NAME", help="of this function only")
    logs.add_argument(
        "--since", type=parse_timespan, default="10m", help="how far back: 30s, 10m, 2h, 1d (default: 10m)"
    )
    mail = add(_mail, "mail", "What was sent by e-mail (SNS, SES), newest first. Nothing leaves this machine.")
    mail.add_argument("--to", default="", metavar="ADDRESS", help="to this address only")
    mail.add_argument("--json", action="store_true", help="print one array instead of text")
    add(_reset, "reset", "Empty the stacks' data: tables, buckets, queues, databases. The stacks stay.")
    loads = "Load a stack by a profile, look up what became of every write, and write a report."
    load_command.configure(commands.add_parser("load", help=loads, description=loads))
    faults = "Have AWS API calls of the running stack fail, hang, come late or lose their answer."
    fault_command.configure(commands.add_parser("fault", help=faults, description=faults))
    build = add(_build_command, "build", "Build the packages that Terraform deploys, and print their paths.")
    build.add_argument(
        "stacks", nargs="*", metavar="stack", help="default: those that are up by default; all: every one"
    )
    doctor = add(_doctor, "doctor", "Check what this machine must have; each failed check with its remedy.")
    doctor.add_argument("--json", action="store_true", help="print one object instead of text")
    env = add(_env, "env", 'Exports for tflocal, the AWS CLI and psql by hand: eval "$(staticfire env)".')
    env.add_argument("stack", nargs="?", help="whose variables and database; default: the first")
    return parser


def _stacks(settings: Settings, names: Sequence[str], running: Running) -> list[Stack]:
    """The stacks of these names; with none, those that are up by default or were brought up."""
    if names:
        return [Stack(settings, name, running) for name in settings.chosen(names)]
    stacks = [Stack(settings, name, running) for name in settings.stacks]
    return [stack for stack in stacks if stack.stack.default or stack.applied is not None]


def _up(settings: Settings, arguments: argparse.Namespace) -> int:
    names = settings.chosen(arguments.stacks)
    if names:
        find_provider(settings, find_terraform(settings))  # said before anything is started
    layout = Layout.of(settings)
    with command_lock(layout, "up"), progress(verbose=arguments.verbose) as display, ThreadPoolExecutor(1) as pool:
        packages = pool.submit(_build, settings, names, layout, display)
        running = target(settings).start(display)
        packages.result()
        stacks = [Stack(settings, name, running) for name in names]
        for stack in stacks:
            stack.up(display)
    if arguments.json:
        print(json.dumps(_describe(settings, running), indent=2))
        return 0
    _print_summary(settings, running, stacks)
    if arguments.detach or not sys.stdout.isatty():
        return 0
    return _foreground(settings, running, arguments)


def _build_command(settings: Settings, arguments: argparse.Namespace) -> int:
    layout = Layout.of(settings)
    for name in settings.chosen(arguments.stacks):
        for path in build(settings.stack(name).zips, layout).values():
            print(path)
    return 0


def _build(settings: Settings, names: Sequence[str], layout: Layout, display: Progress) -> None:
    with display.step("Packages") as step:
        paths = [path for name in names for path in build(settings.stack(name).zips, layout).values()]
        step.done(", ".join(dict.fromkeys(path.name for path in paths)) or "none")


def _foreground(settings: Settings, running: Running, arguments: argparse.Namespace) -> int:
    print("\nThe functions' logs follow. Ctrl-C ends the stack.", file=sys.stderr)
    try:
        _follow(running, None, time.time(), follow=True)
    except KeyboardInterrupt:
        print(file=sys.stderr)
    return _down(settings, argparse.Namespace(wipe=False, verbose=arguments.verbose))


def _down(settings: Settings, arguments: argparse.Namespace) -> int:
    with command_lock(Layout.of(settings), "down"), progress(verbose=arguments.verbose) as display:
        place = target(settings)
        if not place.stop(display):
            display.line("Nothing was running.")
        if arguments.wipe:
            place.wipe()
            display.line("The data is gone.")
    return 0


def _status(settings: Settings, arguments: argparse.Namespace) -> int:
    running = require_running(settings)
    if arguments.json:
        print(json.dumps(_describe(settings, running), indent=2))
    else:
        for name, part in sorted(running.health.parts.items()):
            details = ", ".join(f"{key} {value}" for key, value in part.items() if key != "state")
            print(f"{name:<12} {part.get('state', 'unknown'):<10} {details}".rstrip())
        stacks = _stacks(settings, (), running)
        _print_summary(settings, running, stacks)
        if others := settings.stacks.keys() - {stack.name for stack in stacks}:
            print(f"not up: {', '.join(sorted(others))}; `{_own_name()} up NAME`, or `up all`")
    if running.health.sick:
        error = degraded(running)
        print(f"staticfire: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _apply(settings: Settings, arguments: argparse.Namespace) -> int:
    with command_lock(Layout.of(settings), "apply"), progress(verbose=arguments.verbose) as display:
        for stack in _stacks(settings, arguments.stacks, require_well(settings)):
            stack.up(display, force=True)
    return 0


def _destroy(settings: Settings, arguments: argparse.Namespace) -> int:
    with command_lock(Layout.of(settings), "destroy"), progress(verbose=arguments.verbose) as display:
        for stack in _stacks(settings, arguments.stacks, require_well(settings)):
            stack.destroy(display)
    return 0


def _reset(settings: Settings, arguments: argparse.Namespace) -> int:
    with command_lock(Layout.of(settings), "reset"), progress(verbose=arguments.verbose) as display:
        running = require_well(settings)
        with display.step("Reset"):
            reset(_stacks(settings, (), running))
            EdgeClient(running.endpoint).reset()
    return 0


def _doctor(settings: Settings, arguments: argparse.Namespace) -> int:
    answers = list(checks(settings))
    if arguments.json:
        print(json.dumps({check.name: {**check.__dict__} for check in answers}, indent=2))
    else:
        for check in answers:
            print(f"{check.mark:<5} {check.name}: {check.found}")
            if not check.ok and check.remedy:
                print(f"      remedy: {check.remedy}")
    failed = any(check.needed and not check.ok for check in answers)
    return PrerequisiteError.exit_code if failed else 0


def _env(settings: Settings, arguments: argparse.Namespace) -> int:
    running = require_running(settings)
    values = caller_environment(running.endpoint, running.region, DEFAULT_ACCOUNT)
    stacks = _stacks(settings, [arguments.stack] if arguments.stack else settings.chosen()[:1], running)
    for stack in stacks:
        values |= stack.shell_environment()
        if stack.database is not None and running.postgres is not None:
            values |= {
                "PGHOST": running.postgres.host,
                "PGPORT": str(running.postgres.port),
                "PGDATABASE": stack.database.name,
                "PGUSER": stack.database.username,
                "PGPASSWORD": stack.database.password,
            }
    for name in sorted(filter(is_misleading, os.environ.keys() - values.keys())):
        print(f"unset {name}")
    for name, value in values.items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


def _logs(settings: Settings, arguments: argparse.Namespace) -> int:
    since = time.time() - arguments.since
    running = require_running(settings)
    if arguments.function is not None:
        names = list(_log_groups(client(running, DEFAULT_ACCOUNT, "logs"), ""))
        if arguments.function not in names:
            raise UsageError(
                f"No function {arguments.function!r} has a log group.",
                checked=[f"log groups are there for: {', '.join(names) or 'none'}"],
                remedy="Name one of these; a function that was never invoked may have none yet.",
            )
    _follow(running, arguments.function, since, follow=arguments.follow)
    return 0


def _mail(settings: Settings, arguments: argparse.Namespace) -> int:
    mails = EdgeClient(require_running(settings).endpoint).mails(to=arguments.to)
    if arguments.json:
        print(json.dumps(mails, indent=2))
        return 0
    for mail in mails:
        print(f"Date: {mail['received_at']}\nFrom: {mail['sender']}\nTo: {', '.join(mail['to'])}")
        print(f"Subject: {mail['subject']}\n\n{(mail['text'] or mail['html']).rstrip()}\n")
    if not mails:
        print("No mail.", file=sys.stderr)
    return 0


def _follow(running: Running, function: str | None, since: float, *, follow: bool) -> None:
    """Print log events in the order of their time; go on asking when told to follow."""
    logs = client(running, DEFAULT_ACCOUNT, "logs")
    shown: dict[str, int] = {}
    begin = int(since * 1000)
    while True:
        events = sorted(_events(logs, function, begin), key=lambda event: event["timestamp"])
        for event in events:
            if event["eventId"] not in shown:
                shown[event["eventId"]] = event["timestamp"]
                moment = time.strftime("%H:%M:%S", time.localtime(event["timestamp"] / 1000))
                print(f"{moment} {event['function']}: {event['message'].rstrip()}", flush=True)
        if not follow:
            return
        # An event that arrives later than this is not waited for; without an end, all would be asked for every second.
        begin = max([begin, *(at - LATE_MILLISECONDS for at in shown.values())])
        shown = {event: at for event, at in shown.items() if at >= begin}
        time.sleep(1)


def _log_groups(logs: Any, prefix: str) -> Iterator[str]:
    """The functions that have a log group, by the beginning of their names."""
    for page in logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=f"{LOG_GROUPS}{prefix}"):
        for group in page["logGroups"]:
            yield group["logGroupName"].removeprefix(LOG_GROUPS)


def _events(logs: Any, function: str | None, begin: int) -> list[dict[str, Any]]:
    found = []
    for name in _log_groups(logs, function or ""):
        if function in (None, name):
            pages = logs.get_paginator("filter_log_events").paginate(
                logGroupName=f"{LOG_GROUPS}{name}", startTime=begin
            )
            found += [{**event, "function": name} for events in pages for event in events["events"]]
    return found


def _describe(settings: Settings, running: Running) -> dict[str, Any]:
    """The one object of `up --json` and `status --json`."""
    stacks = [stack for stack in _stacks(settings, (), running) if stack.applied is not None]
    server = running.postgres
    return {
        "target": settings.target,
        "state": "degraded" if running.health.sick else "running",
        "endpoint": running.endpoint,
        "region": running.region,
        "account": DEFAULT_ACCOUNT,
        "instance": running.instance,
        "parts": running.health.parts,
        "postgres": None
        if server is None
        else {
            "host": server.host,
            "port": server.port,
            "version": server.version,
            "tls": server.tls,
            "databases": {
                stack.name: server.dsn(stack.database.name, stack.database.username)
                for stack in stacks
                if stack.database is not None
            },
        },
        "apis": {stack.name: stack.url for stack in stacks if stack.url is not None},
        "notes": list(running.notes),
    }


def _own_name() -> str:
    """How the user can call this command from here."""
    script = Path(sysconfig.get_path("scripts")) / "staticfire"
    if shutil.which("staticfire") or not script.exists():
        return "staticfire"
    return os.path.relpath(script)


def _print_summary(settings: Settings, running: Running, stacks: Sequence[Stack]) -> None:
    print(f"\nendpoint  {running.endpoint}  (region {running.region}, account {DEFAULT_ACCOUNT})")
    for stack in stacks:
        if stack.applied is None:
            print(f"\n{stack.name}: not applied; run `staticfire up {stack.name}`")
            continue
        print(f"\n{stack.name}")
        if stack.url is not None:
            print(f"  API       {stack.url}")
        if stack.database is not None and running.postgres is not None:
            print(f"  Postgres  {running.postgres.dsn(stack.database.name, stack.database.username)}")
        for example in stack.stack.examples if stack.url is not None else ():
            print(f"  {example.replace('{url}', shlex.quote(stack.url or ''))}")
    for note in running.notes:
        print(f"\nnote: {note}")
    command = _own_name()
    print(f'\nlogs: `{command} logs -f`   shell: `eval "$({command} env)"`   end: `{command} down`')
