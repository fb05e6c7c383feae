"""`staticfire logs`: what functions wrote, what APIs logged of requests, and why the edge failed one: one stream.

Lines are CloudWatch Logs'; the edge's reasons are those of the traces that it keeps.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from staticfire import boto
from staticfire.edge_client import TracesOff
from staticfire.errors import StaticfireError, UsageError
from staticfire.settings import Settings
from staticfire.stacks.sources import Sources
from staticfire.stacks.stack import Stack
from staticfire.stacks.terraform.variables import DEFAULT_ACCOUNT
from staticfire.targets.base import Running, require_running
from staticfire.timespan import parse_timespan

from .colour import Paint
from .log_lines import Line, Requests, read_line
from .log_view import LogView, UserFiles, chosen_view

LATE_MILLISECONDS = 60_000
LOG_GROUPS = "/aws/lambda/"
APIS_SECONDS = 10.0


def configure(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_logs)
    parser.add_argument("-f", "--follow", action="store_true", help="print new lines until Ctrl-C")
    only = "print this function's logs only; may be given several times"
    parser.add_argument("--function", metavar="NAME", action="append", default=[], help=only)
    since = "how far back: 30s, 10m, 2h, 1d (default: 10m)"
    parser.add_argument("--since", type=parse_timespan, metavar="TIME", default="10m", help=since)
    parser.add_argument("--errors", action="store_true", help="print only what tells of an error")
    request = "print the lines of one request: any id of its trace"
    parser.add_argument("--request", metavar="ID", help=request)
    parser.add_argument("--grep", metavar="PATTERN", help="print only lines that this regular expression is in")
    how = parser.add_mutually_exclusive_group()
    pretty = "unfold JSON and tracebacks, colour levels (the default on a terminal)"
    how.add_argument("--pretty", dest="how", action="store_const", const="pretty", default="", help=pretty)
    how.add_argument("--json", dest="how", action="store_const", const="json", help="print a JSON object a line")
    how.add_argument("--raw", dest="how", action="store_const", const="raw", help="print messages as they were written")


def _logs(settings: Settings, arguments: argparse.Namespace) -> int:
    since = time.time() - arguments.since
    running = require_running(settings)
    if arguments.function:
        names = list(_functions(_client(running)))
        for function in arguments.function:
            if function not in names:
                raise UsageError(
                    f"No function {function!r} has a log group.",
                    checked=[f"functions that have one: {', '.join(names) or 'none'}"],
                    remedy="Name one of these; a function that was never invoked may not have one yet.",
                )
    chosen = Chosen(errors=arguments.errors, pattern=_pattern(arguments.grep))
    if arguments.request:
        chosen.requests, began = _requests(running, arguments.request)
        since = min(since, began - 1)
    view = chosen_view(arguments.how, Paint(), lambda: _user_files(settings, running))
    print_logs(running, arguments.function, since, follow=arguments.follow, view=view, chosen=chosen)
    return 0


class Chosen:
    """Which lines are printed."""

    def __init__(
        self, *, errors: bool = False, pattern: re.Pattern[str] | None = None, requests: Collection[str] = ()
    ) -> None:
        self.requests = requests
        self._errors = errors
        self._pattern = pattern

    def takes(self, line: Line) -> bool:
        if self._errors and not line.failed:
            return False
        if self._pattern is not None and not self._pattern.search(line.message):
            return False
        if not self.requests:
            return True
        return line.request in self.requests or any(one in line.message for one in self.requests)


def _pattern(text: str | None) -> re.Pattern[str] | None:
    try:
        return re.compile(text) if text else None
    except re.error as error:
        raise UsageError(f"--grep takes a regular expression, and {text!r} is none: {error}.") from error


def _requests(running: Running, identifier: str) -> tuple[Collection[str], float]:
    """All request ids of the trace that an id names, and when it began; without such a trace the id itself."""
    try:
        trace = running.edge().trace(identifier)
    except TracesOff:
        trace = None  # the lines that name the id are there all the same
    if trace is None:
        return {identifier}, time.time()
    return {identifier, str(trace["id"]), *trace["request_ids"]}, float(trace["start"])


def _user_files(settings: Settings, running: Running) -> UserFiles | None:
    """The user's files behind the functions' paths; without them tracebacks name what a function sees."""
    try:
        return Sources.of([Stack(settings, name, running) for name in settings.stacks])
    except (StaticfireError, OSError):
        return None  # a stack that was never applied has none, and logs are read all the same


def print_logs(
    running: Running,
    functions: Sequence[str],
    since: float,
    *,
    follow: bool,
    view: LogView | None = None,
    chosen: Chosen | None = None,
) -> None:
    """Print log events in the order of their time; with `follow`, look for new ones until Ctrl-C."""
    logs = _client(running)
    view = view or chosen_view("", Paint(), lambda: None)
    chosen = chosen or Chosen()
    requests = Requests()
    apis = AccessLogs(running)
    printed: dict[str, int] = {}
    begin = int(since * 1000)
    while True:
        events = [*_events(logs, functions, begin), *_of_apis(running, apis, functions, logs, begin)]
        for event in sorted(events, key=lambda event: event["timestamp"]):
            if event["eventId"] not in printed:
                printed[event["eventId"]] = event["timestamp"]
                line = _line(event)
                line.request = requests.of(line)
                if chosen.takes(line):
                    for text in view.lines(line):
                        print(text, flush=True)
        if not follow:
            return
        # An event that is later than this is lost; without an end, all events would be read again every second.
        begin = max([begin, *(timestamp - LATE_MILLISECONDS for timestamp in printed.values())])
        printed = {event: timestamp for event, timestamp in printed.items() if timestamp >= begin}
        time.sleep(1)


def _line(event: Mapping[str, Any]) -> Line:
    line = read_line(
        event["timestamp"],
        event["function"],
        event["message"],
        kind=event.get("kind", "function"),
        stream=event.get("logStreamName", ""),
    )
    if line.kind == "edge":
        line.level, line.failed, line.request = "ERROR", True, event["request"]
    return line


def _client(running: Running, service: str = "logs") -> Any:
    return boto.client(running.endpoint, running.region, DEFAULT_ACCOUNT, service)


def _functions(logs: Any, prefix: str = "") -> Iterator[str]:
    """The functions that have a log group, and whose names begin so."""
    for page in logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=f"{LOG_GROUPS}{prefix}"):
        for group in page["logGroups"]:
            yield group["logGroupName"].removeprefix(LOG_GROUPS)


def _events(logs: Any, functions: Sequence[str], begin: int) -> Iterator[dict[str, Any]]:
    for name in functions or list(_functions(logs)):
        yield from _of_group(logs, f"{LOG_GROUPS}{name}", name, begin, "function")


def _of_group(logs: Any, group: str, name: str, begin: int, kind: str) -> Iterator[dict[str, Any]]:
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group, startTime=begin)
    yield from ({**event, "function": name, "kind": kind} for page in pages for event in page["events"])


class AccessLogs:
    """The log groups that stages of APIs write into, looked for every few seconds."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._looked = -APIS_SECONDS
        self._groups: Mapping[str, str] = {}

    def groups(self) -> Mapping[str, str]:
        """By the group's name, what its lines are called."""
        if time.monotonic() - self._looked >= APIS_SECONDS:
            self._looked = time.monotonic()
            self._groups = dict(self._found())
        return self._groups

    def _found(self) -> Iterator[tuple[str, str]]:
        http, rest = (_client(self._running, service) for service in ("apigatewayv2", "apigateway"))
        for api in http.get_apis().get("Items", ()):
            for stage in http.get_stages(ApiId=api["ApiId"]).get("Items", ()):
                arn = (stage.get("AccessLogSettings") or {}).get("DestinationArn")
                yield from _group_of(arn, api["Name"])
        for api in rest.get_rest_apis().get("items", ()):
            for stage in rest.get_stages(restApiId=api["id"]).get("item", ()):
                yield from _group_of((stage.get("accessLogSettings") or {}).get("destinationArn"), api["name"])


def _group_of(arn: str | None, name: str) -> Iterator[tuple[str, str]]:
    if arn and ":log-group:" in arn:
        yield arn.split(":log-group:")[1].removesuffix(":*"), f"{name} (API)"


def _of_apis(
    running: Running, apis: AccessLogs, functions: Sequence[str], logs: Any, begin: int
) -> Iterator[dict[str, Any]]:
    """Access logs, and the edge's own reasons for an answer of 500 and above; not where functions are named."""
    if functions:
        return
    for group, name in apis.groups().items():
        try:
            yield from _of_group(logs, group, name, begin, "access")
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise  # a group that nothing was written to yet may not be there
    try:
        failed = running.edge().traces(outcome="fault", source="api", since=begin / 1000, limit=1000)
    except TracesOff:
        return  # the logs are there all the same
    for trace in failed:
        yield {
            "eventId": f"edge-{trace['id']}",
            "timestamp": int((trace["start"] * 1000) + trace["milliseconds"]),
            "function": "edge",
            "kind": "edge",
            "request": trace["request_ids"][0] if trace["request_ids"] else "",
            "message": f"{trace['name']} answered {trace['status']}: {trace['error']}  trace {trace['id']}",
        }
