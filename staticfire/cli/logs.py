"""`staticfire logs`: what the functions wrote, from CloudWatch Logs."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from typing import Any

from staticfire import boto
from staticfire.errors import UsageError
from staticfire.settings import Settings
from staticfire.stacks.terraform.variables import DEFAULT_ACCOUNT
from staticfire.targets.base import Running, require_running
from staticfire.timespan import parse_timespan

from .terminal import shown

LATE_MILLISECONDS = 60_000
LOG_GROUPS = "/aws/lambda/"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_logs)
    parser.add_argument("-f", "--follow", action="store_true", help="print new lines until Ctrl-C")
    parser.add_argument("--function", metavar="NAME", help="print this function's logs only")
    since = "how far back: 30s, 10m, 2h, 1d (default: 10m)"
    parser.add_argument("--since", type=parse_timespan, metavar="TIME", default="10m", help=since)


def _logs(settings: Settings, arguments: argparse.Namespace) -> int:
    since = time.time() - arguments.since
    running = require_running(settings)
    if arguments.function is not None:
        names = list(_functions(_client(running)))
        if arguments.function not in names:
            raise UsageError(
                f"No function {arguments.function!r} has a log group.",
                checked=[f"functions that have one: {', '.join(names) or 'none'}"],
                remedy="Name one of these; a function that was never invoked may not have one yet.",
            )
    print_logs(running, arguments.function, since, follow=arguments.follow)
    return 0


def print_logs(running: Running, function: str | None, since: float, *, follow: bool) -> None:
    """Print log events in the order of their time; with `follow`, look for new ones until Ctrl-C."""
    logs = _client(running)
    printed: dict[str, int] = {}
    begin = int(since * 1000)
    while True:
        for event in sorted(_events(logs, function, begin), key=lambda event: event["timestamp"]):
            if event["eventId"] not in printed:
                printed[event["eventId"]] = event["timestamp"]
                moment = time.strftime("%H:%M:%S", time.localtime(event["timestamp"] / 1000))
                print(shown(f"{moment} {event['function']}: {event['message'].rstrip()}"), flush=True)
        if not follow:
            return
        # An event that is later than this is lost; without an end, all events would be read again every second.
        begin = max([begin, *(timestamp - LATE_MILLISECONDS for timestamp in printed.values())])
        printed = {event: timestamp for event, timestamp in printed.items() if timestamp >= begin}
        time.sleep(1)


def _client(running: Running) -> Any:
    return boto.client(running.endpoint, running.region, DEFAULT_ACCOUNT, "logs")


def _functions(logs: Any, prefix: str = "") -> Iterator[str]:
    """The functions that have a log group, and whose names begin so."""
    for page in logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=f"{LOG_GROUPS}{prefix}"):
        for group in page["logGroups"]:
            yield group["logGroupName"].removeprefix(LOG_GROUPS)


def _events(logs: Any, function: str | None, begin: int) -> Iterator[dict[str, Any]]:
    for name in _functions(logs, function or ""):
        if function in (None, name):
            pages = logs.get_paginator("filter_log_events").paginate(
                logGroupName=f"{LOG_GROUPS}{name}", startTime=begin
            )
            yield from ({**event, "function": name} for page in pages for event in page["events"])
