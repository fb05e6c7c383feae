"""`staticfire trace`: what a request did, drawn as a waterfall."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from staticfire.console import objects
from staticfire.errors import UsageError
from staticfire.settings import Settings
from staticfire.targets.base import require_running

from .colour import Paint
from .terminal import shown

COLOURS = {"ok": "green", "error": "yellow", "fault": "red", "throttle": "magenta"}
NARROWEST, WIDEST = 60, 160
BAR = "\u2588"
SLIM = "\u258f"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_trace)
    which = parser.add_mutually_exclusive_group()
    ids = "any id of the trace: its root, apigw-requestid, Lambda's request id, a message's id"
    which.add_argument("id", nargs="?", metavar="ID", help=ids)
    which.add_argument("--last", action="store_true", help="draw the newest trace (the default)")
    which.add_argument("--errors", action="store_true", help="draw the newest trace that failed")
    which.add_argument("--list", action="store_true", help="list the newest traces, a line each")
    parser.add_argument("--function", default="", metavar="NAME", help="only traces in which this function ran")
    parser.add_argument("--limit", type=int, default=20, metavar="COUNT", help="how many --list prints (default: 20)")
    parser.add_argument("--json", action="store_true", help="print one object instead of a drawing")


def _trace(settings: Settings, arguments: argparse.Namespace) -> int:
    edge = require_running(settings).edge()
    outcome = "failed" if arguments.errors else ""
    if arguments.list:
        answer = objects.traces(edge, limit=arguments.limit, function=arguments.function)
        print(json.dumps(answer, indent=2) if arguments.json else "\n".join(lines_of(answer["traces"], Paint())))
        return 0
    identifier = arguments.id
    if identifier is None:
        newest = edge.traces(limit=1, outcome=outcome, function=arguments.function)
        if not newest:
            print("No trace failed." if arguments.errors else "No trace yet.", file=sys.stderr)
            return 1
        identifier = str(newest[0]["id"])
    try:
        trace = objects.trace(edge, identifier)
    except objects.NoSuchTrace as error:
        raise UsageError(
            f"No trace has the id {identifier!r}.",
            checked=["the traces that the running stack keeps: the newest 10,000, in memory"],
            remedy="See `staticfire trace --list`.",
        ) from error
    if arguments.json:
        print(json.dumps(trace, indent=2))
    else:
        for line in drawn(trace, Paint(), shutil.get_terminal_size((110, 24)).columns):
            print(line)
    return 0


def lines_of(traces: Sequence[Mapping[str, Any]], paint: Paint) -> Iterator[str]:
    """A line a trace: when, how long, its status, what it was, its id."""
    if not traces:
        yield "No trace yet."
    for trace in traces:
        moment = time.strftime("%H:%M:%S", time.localtime(trace["start"]))
        status = f"{trace['status'] or '':>3}"
        cold = paint(" cold", "cyan") if trace["cold"] else ""
        error = paint(f"  {shown(_one_line(trace['error']))}", "red") if trace["error"] else ""
        yield (
            f"{moment} {_milliseconds(trace['milliseconds']):>11} {paint(status, COLOURS[trace['outcome']])} "
            f"{shown(trace['name'])}{cold}  {paint(trace['id'], 'dim')}{error}"
        )


def drawn(trace: Mapping[str, Any], paint: Paint, columns: int) -> Iterator[str]:
    """The waterfall: names with their depth, bars by time, statuses, errors, and what belongs to the trace besides."""
    spans = trace["waterfall"]
    began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(trace["start"]))
    yield f"{paint(shown(trace['name']), 'bold')}  {paint(str(trace['outcome']), COLOURS[trace['outcome']])}"
    yield paint(f"{began}  {_milliseconds(trace['milliseconds'])}  {trace['id']}", "dim")
    yield from _linked(trace, "came_from", "came through", paint)
    width = max(NARROWEST, min(columns, WIDEST))
    names = min(max(len(_label(span)) for span in spans), width // 2)
    room = max(10, width - names - 28)
    first = min(span["start"] for span in spans)
    whole = max(max(span["end"] for span in spans) - first, 1e-6)
    for span in spans:
        yield _row(span, names, room, first, whole, paint)
        for line in _details(span, paint):
            yield f"{'  ' * span['depth']}    {line}"
    if trace["spans_dropped"]:
        yield paint(f"{trace['spans_dropped']} more steps had no room.", "yellow")
    if trace["spans_cut"]:
        yield paint(
            f"The trace is large: of the bodies of {trace['spans_cut']} steps only the beginning is kept.", "yellow"
        )
    yield from _linked(trace, "set_off", "set off through", paint)


def _row(span: Mapping[str, Any], names: int, room: int, first: float, whole: float, paint: Paint) -> str:
    label = _label(span)
    if len(label) > names:
        label = f"{label[: names - 1]}\u2026"
    colour = COLOURS[span["outcome"]]
    before = min(room - 1, int((span["start"] - first) / whole * room))
    length = min(room - before, int((span["end"] - span["start"]) / whole * room))
    bar = BAR * length or SLIM
    drawn_bar = f"{' ' * before}{paint(bar, colour)}{' ' * (room - before - len(bar))}"
    status = str(span["status"] or "")
    return f"{shown(label):<{names}} {drawn_bar} {_milliseconds(span['milliseconds']):>11} {paint(status, colour)}"


def _label(span: Mapping[str, Any]) -> str:
    return f"{'  ' * span['depth']}{_one_line(span['name'])}"


def _details(span: Mapping[str, Any], paint: Paint) -> Iterator[str]:
    facts = span["facts"]
    if span["kind"] == "function":
        start = f"cold start {facts['init_ms']:.0f} ms" if facts["cold"] else "warm"
        memory = f"{facts['max_memory_mb']} of {facts['memory_mb']} MB"
        source = f", from {facts['source']}" if facts["source"] not in ("", "api") else ""
        about = f"{start}, billed {facts['billed_ms']} ms, {memory}, version {facts['version']}{source}"
        yield paint(shown(f"{about}, request {span['request_id']}"), "dim")
    elif span["kind"] == "api" and facts["route"]:
        yield paint(shown(f"route {facts['route']}, stage {facts['stage']}, request {span['request_id']}"), "dim")
    elif facts.get("fault"):
        yield paint(f"fault {facts['fault']} struck", "magenta")
    if span["error"]:
        yield paint(shown(_one_line(span["error"], 400)), "red")
    for entry in facts.get("stack") or ():
        for line in str(entry).rstrip().splitlines():
            yield paint(shown(line), "red")


def _linked(trace: Mapping[str, Any], member: str, words: str, paint: Paint) -> Iterator[str]:
    for link in trace[member]:
        what = f" ({link['what']})" if link["what"] else ""
        yield f"{words} {link['by']}: {link['trace']}{paint(shown(what), 'dim')}"


def _one_line(text: str, longest: int = 120) -> str:
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}\u2026"


def _milliseconds(value: float) -> str:
    return f"{value:,.1f} ms" if value >= 10 else f"{value:.2f} ms"
