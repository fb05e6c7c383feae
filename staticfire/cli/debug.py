"""`staticfire debug FUNCTION`: its execution environment carries a debugger until Ctrl-C."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from staticfire.edge_client import EdgeClient, PortTaken
from staticfire.errors import StaticfireError, UsageError
from staticfire.host.ports import port_holder, port_is_free
from staticfire.layout import Layout
from staticfire.progress import progress
from staticfire.settings import Settings
from staticfire.stacks.editors import HOST, Attachment, launch_json, write_launch_json
from staticfire.stacks.sources import Sources
from staticfire.stacks.stack import Stack, chosen_stacks
from staticfire.targets.base import require_well
from staticfire.toml_tables import nearest
from staticfire.toolchain.debugger import debugpy_for

FIRST_PORTS = {"python": 5678, "nodejs": 9229}
PORTS = 100  # so many are looked at from the first one on
KEEP_SECONDS = 3.0
LOOK_SECONDS = 0.5


def configure(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_debug)
    parser.add_argument("function", help="the function's name, or the end of it")
    parser.add_argument("--stack", metavar="NAME", help="the stack that it is in (default: those that are up)")
    port = "the debugger's port on this machine (default: 5678 for Python, 9229 for Node, or the next free one)"
    parser.add_argument("--port", dest="debug_port", type=int, metavar="PORT", help=port)
    wait = "do not run the code before a debugger is attached: for breakpoints outside of the handler"
    parser.add_argument("--wait", action=argparse.BooleanOptionalAction, default=False, help=wait)
    parser.add_argument("--write", action="store_true", help="write VS Code's configuration to .vscode/launch.json")


def _debug(settings: Settings, arguments: argparse.Namespace) -> int:
    running = require_well(settings)
    stacks = chosen_stacks(settings, running, [arguments.stack] if arguments.stack else [])
    function = _chosen(arguments.function, stacks)
    name, arn, runtime = function["FunctionName"], function["FunctionArn"], function.get("Runtime", "")
    debugger = ""
    if runtime.startswith("python"):
        with progress(verbose=arguments.verbose) as display:
            debugger = str(debugpy_for(runtime, settings, Layout.of(settings), display))
    edge = running.edge()
    port = _begin(edge, arn, runtime, arguments.debug_port, waits=arguments.wait, debugger=debugger)
    try:
        places = Sources.of(stacks).of_function(name)
        attachment = Attachment(name, port, runtime, _as_seen(running.health.parts, places))
        _print(settings, attachment, arguments)
        seen = ""
        kept = time.monotonic()
        while True:
            if time.monotonic() - kept >= KEEP_SECONDS or not seen:
                kept = time.monotonic()
                session = edge.keep_debugging(arn)
                if session is None:
                    raise StaticfireError(
                        f"{name} is not debugged any more: the edge was started afresh, or the function is gone.",
                        remedy=f"Run `staticfire debug {name}` again.",
                    )
                seen = _tell(session, seen, name, arguments.wait)
            time.sleep(LOOK_SECONDS)
    finally:
        edge.end_debugging(arn)


def _tell(session: Mapping[str, Any], seen: str, name: str, waits: bool) -> str:
    """Say what became of the execution environment, where it is another than was said last."""
    environment = session["environment"]
    if environment is None:
        now = "has no execution environment: the next invocation starts one, as the last one did not initialise"
    elif environment["state"] == "starting":
        now = "waits for a debugger" if waits else "starts"
    else:
        now = f"runs as process {environment['pid']}"
    if now != seen:
        print(f"{time.strftime('%H:%M:%S')} {name} {now}", file=sys.stderr, flush=True)
    return now


def _as_seen(parts: Mapping[str, Mapping[str, Any]], places: Sequence[tuple[str, Any]]) -> Sequence[tuple[str, Any]]:
    if parts.get("functions", {}).get("isolation") == "none":
        print(
            "Functions are not isolated on this machine: paths begin with the directory that a function's log names, "
            "and not with /var/task. Correct `remoteRoot` by it.",
            file=sys.stderr,
        )
    return places


def _print(settings: Settings, attachment: Attachment, arguments: argparse.Namespace) -> None:
    configuration = attachment.configuration(settings.project)
    print(f"Attach a debugger to {attachment.function} at {HOST}:{attachment.port}. Ctrl-C ends debugging.\n")
    if arguments.write:
        path = write_launch_json(settings.project, configuration)
        print(f"VS Code: `{configuration['name']}` is in {path}")
    else:
        print(f"VS Code, .vscode/launch.json (--write writes it):\n{launch_json(configuration)}")
    print(attachment.for_pycharm(), flush=True)


def _begin(edge: EdgeClient, arn: str, runtime: str, wish: int | None, *, waits: bool, debugger: str) -> int:
    """Have the function carry a debugger; its port."""
    if wish is not None:
        if not port_is_free(HOST, wish):
            raise UsageError(
                f"The port {wish} is taken.",
                checked=[f"it is held by {port_holder(wish)}"],
                remedy="Name another one, or leave --port out: then a free one is taken.",
            )
        edge.debug(arn, wish, waits=waits, debugger=debugger)
        return wish
    first = next((port for name, port in FIRST_PORTS.items() if runtime.startswith(name)), FIRST_PORTS["python"])
    for port in range(first, first + PORTS):
        # It looks free until the process of another function that is debugged there listens.
        with suppress(PortTaken):
            if port_is_free(HOST, port):
                edge.debug(arn, port, waits=waits, debugger=debugger)
                return port
    raise UsageError(f"No port from {first} to {first + PORTS - 1} is free.", remedy="Name one: --port.")


def _chosen(name: str, stacks: Sequence[Stack]) -> Mapping[str, Any]:
    """The function of that name, or the only one whose name ends so."""
    functions: dict[str, Mapping[str, Any]] = {}
    for stack in stacks[:1]:
        for page in stack.client("lambda").get_paginator("list_functions").paginate():
            functions |= {function["FunctionName"]: function for function in page["Functions"]}
    ending = [function for function in functions if function.endswith(name)]
    if name in functions:
        return functions[name]
    if len(ending) == 1:
        return functions[ending[0]]
    raise UsageError(
        f"Several functions are called so: {', '.join(ending)}." if ending else f"There is no function {name!r}.",
        checked=[f"the functions are: {', '.join(sorted(functions)) or 'none'}"],
        remedy="Name one of these." if ending else nearest(name, functions) or "Name one of these.",
    )
