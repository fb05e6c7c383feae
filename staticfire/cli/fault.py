"""`staticfire fault`: have AWS API calls of the running stack fail, hang, come late or lose their answer.

    staticfire fault add dynamodb:UpdateItem --error ProvisionedThroughputExceededException --share 0.1
    staticfire fault add s3:GetObject --latency 200ms
    staticfire fault add secretsmanager --reset --times 3
    staticfire fault list
    staticfire fault clear

The edge holds the faults and checks them, names included; edge/aws/faults.py says what they do.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import Any

from staticfire.console import objects
from staticfire.edge_client import EdgeClient, fault_in_words
from staticfire.errors import UsageError
from staticfire.settings import Settings
from staticfire.targets.base import require_running
from staticfire.timespan import parse_timespan

from .terminal import shown


def configure(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add = commands.add_parser("add", help="set a fault", description="Set a fault; it lasts until you clear it.")
    add.set_defaults(command=_add)
    add.add_argument(
        "calls",
        metavar="SERVICE[:OPERATION]",
        help="which calls: dynamodb:UpdateItem, s3:GetObject, 's3:GET /bucket/prefix', sqs",
    )
    kinds = add.add_mutually_exclusive_group()
    kinds.add_argument("--error", metavar="CODE", help="answer with AWS's error of this name, and its status")
    for kind, text in (
        ("hang", "do not answer until you clear the fault"),
        ("drop", "close the connection without an answer"),
        ("reset", "the same with a TCP reset"),
    ):
        kinds.add_argument(f"--{kind}", dest="kind", action="store_const", const=kind, help=text)
    latency = "answer late, by 200ms or 2s; with --error, that error late"
    add.add_argument("--latency", type=parse_timespan, metavar="TIME", help=latency)
    share = "strike this share of the calls: over 0, at most 1 (default)"
    add.add_argument("--share", type=float, metavar="S", help=share)
    add.add_argument("--times", type=int, metavar="N", help="clear the fault once it struck N calls (default: never)")
    add.add_argument("--when", choices=("before", "after"), help="before the call is carried out (default), or after")
    add.add_argument("--account", metavar="ID", help="strike the calls of this account only (default: of all)")
    add.add_argument("--status", type=int, metavar="CODE", help="give --error another HTTP status")
    add.add_argument("--message", metavar="TEXT", help="give --error another message")
    text = "List the faults that are set, and how often each struck."
    listing = commands.add_parser("list", help="list the faults", description=text)
    listing.set_defaults(command=_list)
    listing.add_argument("--json", action="store_true", help="print one object instead of text")
    clear = commands.add_parser("clear", help="clear one fault, or all", description="Clear one fault, or all.")
    clear.set_defaults(command=_clear)
    clear.add_argument("id", nargs="?", help="as `fault list` shows it (default: all)")


def _add(settings: Settings, arguments: argparse.Namespace) -> int:
    fault = _described(arguments)
    print(shown(_line(_edge(settings).add_fault(fault))))
    return 0


def _list(settings: Settings, arguments: argparse.Namespace) -> int:
    answer = objects.faults(_edge(settings))
    if arguments.json:
        print(json.dumps(answer, indent=2))
    else:
        print(shown("\n".join(_line(fault) for fault in answer["faults"]) or "No faults are set."))
    return 0


def _clear(settings: Settings, arguments: argparse.Namespace) -> int:
    edge = _edge(settings)
    if arguments.id is None:
        print(f"Faults cleared: {edge.clear_faults()}.")
        return 0
    ids = [fault["id"] for fault in edge.faults()["faults"]]
    if arguments.id not in ids:
        raise UsageError(
            f"There is no fault {arguments.id!r}.",
            checked=[f"the faults that are set: {', '.join(ids) or 'none'}"],
            remedy="See `staticfire fault list`.",
        )
    edge.clear_fault(arguments.id)
    print(f"Fault cleared: {arguments.id}.")
    return 0


def _edge(settings: Settings) -> EdgeClient:
    return require_running(settings).edge()


def _described(arguments: argparse.Namespace) -> dict[str, Any]:
    """The fault as the edge takes it."""
    service, _, operation = arguments.calls.partition(":")
    kind = "error" if arguments.error else arguments.kind or ("delay" if arguments.latency else None)
    if kind is None:
        raise UsageError(
            "The command does not say what the calls suffer.",
            remedy="Name one: --error CODE, --latency, --hang, --drop, --reset.",
        )
    return {
        "kind": kind,
        "service": service,
        "operation": operation or None,
        "code": arguments.error,
        "seconds": arguments.latency,
        **{name: getattr(arguments, name) for name in ("share", "times", "when", "account", "status", "message")},
    }


def _line(fault: Mapping[str, Any]) -> str:
    """`3  dynamodb:UpdateItem  error ThrottlingException (400), 0.1 of the calls; struck 4 of 41`."""
    return f"{fault['id']}  {fault_in_words(fault)}; struck {fault['hits']} of {fault['calls']}"
