"""`staticfire snapshot`: keep all that the stacks hold under a name, and bring it back.

    staticfire snapshot save before-migration
    staticfire snapshot load before-migration
    staticfire snapshot list
    staticfire snapshot delete before-migration

A snapshot is the emulator's state, the edge's, Postgres and what Terraform knows, of one moment (targets/copies.py).
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from staticfire.errors import StaticfireError, UsageError
from staticfire.host.files import bytes_in
from staticfire.host.locks import command_lock
from staticfire.layout import Layout
from staticfire.progress import Progress, progress
from staticfire.settings import Settings
from staticfire.targets.base import Running, require_well, target
from staticfire.targets.copies import ALL, Copies, require_embedded, snapshot_named, snapshot_place, snapshots

from .summary import print_summary

SAVE_SECONDS = 120.0


def configure(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    save = commands.add_parser("save", help="keep what is there now", description="Keep what is there now.")
    save.set_defaults(command=_save)
    save.add_argument("name", help="letters, digits, dots, dashes and underscores")
    save.add_argument("--force", action="store_true", help="replace the snapshot that has this name")
    text = "Bring a snapshot back, in place of what is there. What runs is ended for it, and started again."
    load = commands.add_parser("load", help="bring a snapshot back", description=text)
    load.set_defaults(command=_load)
    load.add_argument("name")
    listing = commands.add_parser("list", help="list the snapshots", description="List the snapshots.")
    listing.set_defaults(command=_list)
    listing.add_argument("--json", action="store_true", help="print one object instead of text")
    delete = commands.add_parser("delete", help="delete a snapshot, or all", description="Delete snapshots.")
    delete.set_defaults(command=_delete)
    which = delete.add_mutually_exclusive_group(required=True)
    which.add_argument("name", nargs="?")
    which.add_argument("--all", action="store_true", help="every one")


def _save(settings: Settings, arguments: argparse.Namespace) -> int:
    place = snapshot_place(settings, arguments.name)
    if place.exists() and not arguments.force:
        raise UsageError(f"There is a snapshot {place.name!r} already.", remedy="Choose another name, or say --force.")
    with command_lock(Layout.of(settings), "snapshot save"), progress(verbose=arguments.verbose) as display:
        copies = Copies(settings)
        if (said := copies.finish()) and target(settings).describe() is None:
            display.line(said)
        running = target(settings).describe()
        with display.step(f"Save the snapshot {place.name}") as step:
            if running is None:
                if not Layout.of(settings).applied_records:
                    raise StaticfireError("There is nothing to save.", remedy="Start the stack with `staticfire up`.")
                copies.take(place, ALL, **_facts(settings))
            else:
                _save_running(settings, copies, place, require_well(settings), display)
            step.done(f"{bytes_in(place) / 1e6:.1f} MB in {place}")
    return 0


def _save_running(settings: Settings, copies: Copies, place: Path, running: Running, display: Progress) -> None:
    """What comes in meanwhile waits."""
    edge = running.edge(timeout=SAVE_SECONDS)
    unfinished = place.with_name(f".{place.name}.taken")
    under_way = edge.shut()
    try:
        edge.save()
        copies.take(unfinished, ALL, **_facts(settings), endpoint=running.endpoint)
    finally:
        shut_until_now = edge.open()
    if not shut_until_now:
        shutil.rmtree(unfinished)
        raise StaticfireError(
            "The snapshot took too long: requests went on before it was whole, so it was thrown away.",
            remedy="Try again when the machine has less to do, or after `staticfire down`.",
        )
    copies.rename(unfinished, place)
    if under_way:
        display.line(
            f"{under_way} requests or functions did not end in time: the snapshot has what they did until then."
        )


def _facts(settings: Settings) -> dict[str, Any]:
    return {"stacks": sorted(f"{path.parent.name}/{path.stem}" for path in Layout.of(settings).applied_records)}


def _load(settings: Settings, arguments: argparse.Namespace) -> int:
    place = snapshot_named(settings, arguments.name)
    with command_lock(Layout.of(settings), "snapshot load"), progress(verbose=arguments.verbose) as display:
        where, copies = target(settings), Copies(settings)
        running = where.describe()
        with display.step(f"Load the snapshot {place.name}") as step:
            copies.check(place)
            step.note("copy")
            copies.finish()
            copies.stage(place)
        if running is not None:
            where.stop(display)
        copies.forget()
        copies.put(place, f"The loading of the snapshot {place.name} had been cut off: it is loaded now.")
        if running is None:
            copies.sweep()
            display.line("Nothing was running: `staticfire up` starts what is loaded.")
            return 0
        running = where.start(display)
    print_summary(settings, running, [])
    return 0


def _list(settings: Settings, arguments: argparse.Namespace) -> int:
    require_embedded(settings)
    copies = Copies(settings)
    rows = []
    for path in snapshots(settings):
        header = copies.header(path) or {}
        row = {"name": path.name, "time": header.get("time"), "stacks": header.get("stacks", [])}
        rows.append(row | {"bytes": bytes_in(path)})
    if arguments.json:
        print(json.dumps({"snapshots": rows}, indent=2))
        return 0
    for row in rows:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(row["time"]))
        stacks = ", ".join(stack.partition("/")[2] for stack in row["stacks"])
        print(f"{row['name']:<24} {when}  {row['bytes'] / 1e6:8.1f} MB  {stacks}")
    if not rows:
        print("There are no snapshots.", file=sys.stderr)
    return 0


def _delete(settings: Settings, arguments: argparse.Namespace) -> int:
    require_embedded(settings)
    with command_lock(Layout.of(settings), "snapshot delete"):
        places = snapshots(settings) if arguments.all else [snapshot_named(settings, arguments.name)]
        for place in places:
            doomed = place.with_name(f".{place.name}.deleted")
            shutil.rmtree(doomed, ignore_errors=True)
            place.rename(doomed)  # whole, or not there
            shutil.rmtree(doomed)
    print(f"Deleted: {', '.join(place.name for place in places) or 'nothing'}.")
    return 0
