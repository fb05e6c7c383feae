"""`staticfire status`: what runs, whether it is well, how to reach it."""

from __future__ import annotations

import argparse
import json
import sys

from staticfire.settings import Settings
from staticfire.stacks.stack import chosen_stacks
from staticfire.targets.base import degraded, require_running

from .summary import as_object, own_name, print_summary


def configure(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_status)
    parser.add_argument("--json", action="store_true", help="print one object instead of text")


def _status(settings: Settings, arguments: argparse.Namespace) -> int:
    running = require_running(settings)
    if arguments.json:
        print(json.dumps(as_object(settings, running), indent=2))
    else:
        for name, part in sorted(running.health.parts.items()):
            details = ", ".join(f"{key} {_in_words(value)}" for key, value in part.items() if key != "state")
            print(f"{name:<12} {part.get('state', 'unknown'):<10} {details}".rstrip())
        stacks = chosen_stacks(settings, running)
        print_summary(settings, running, stacks)
        if others := settings.stacks.keys() - {stack.name for stack in stacks}:
            print(f"not up: {', '.join(sorted(others))}; `{own_name()} up NAME`, or `up all`")
    if running.health.sick:
        error = degraded(running)
        print(f"staticfire: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _in_words(value: object) -> str:
    """A value of JSON, for people."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " ".join(map(_in_words, value)) or "none"
    return "none" if value is None else str(value)
