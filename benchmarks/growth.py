"""How DynamoDB's calls grow with the table: `python -m benchmarks.growth [--items 1000 10000 ...] [--plot FILE]`.

The emulator as the edge runs it. A table is filled step by step, all items in one partition, each also in an index;
after each step the calls are made in turns and their CPU is counted, in microseconds, beside the memory that an item
takes. Each is also made to a second emulator, whose table stays as small as the first step, at the same time: what is
told as a ratio to it holds on a busy machine too. The plot is an SVG.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from html import escape
from math import log10
from pathlib import Path
from statistics import median
from typing import NamedTuple

from staticfire.layout import Layout
from staticfire.progress import Progress
from staticfire.settings import load
from staticfire.toolchain.runtimes import install_emulator

from .dynamodb import WITH_RANGE, Document, Emulator, as_the_edge_runs_it, by_index, measured, reading, table
from .processes import ROOT

ITEMS = (1000, 10_000, 100_000, 1_000_000)
ROUNDS, CALLS = 5, 60
BATCH = 25
WIDTH, HEIGHT, LEFT, TOP, BOTTOM, RIGHT = 720, 360, 64, 28, 48, 210
COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f")


def calls(items: int) -> dict[str, tuple[str, Callable[[int], Document]]]:
    """Each call, somewhere in a table of that many items."""

    def somewhere(number: int) -> int:
        return number * 7919 % items

    def query(number: int, condition: str, **more: object) -> Document:
        values = {":p": {"S": "all"}, ":a": {"N": str(somewhere(number))}}
        used = {name: value for name, value in values.items() if name in condition}
        return {
            "TableName": WITH_RANGE,
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": used,
            "Limit": 10,
            **more,
        }

    def page(number: int) -> Document:
        key = {"pk": {"S": "all"}, "sk": {"N": str(somewhere(number))}}
        return {"TableName": WITH_RANGE, "Limit": 10, "ExclusiveStartKey": key}

    def key(number: int) -> Document:
        return {"TableName": WITH_RANGE, "Key": {"pk": {"S": "all"}, "sk": {"N": str(somewhere(number))}}}

    return {
        "GetItem": ("GetItem", key),
        "PutItem, replaced": ("PutItem", lambda number: {"TableName": WITH_RANGE, "Item": reading(somewhere(number))}),
        "PutItem, new": ("PutItem", lambda number: {"TableName": WITH_RANGE, "Item": _other(items + number)}),
        "Query, 10 from somewhere": ("Query", lambda number: query(number, "pk = :p AND sk >= :a")),
        "Query, newest 10": ("Query", lambda number: query(number, "pk = :p", ScanIndexForward=False)),
        "Query of an index, 10": ("Query", lambda number: {**by_index(number), "Limit": 10}),
        "Scan, 10 from somewhere": ("Scan", page),
    }


def _other(number: int) -> Document:
    """An item of another partition: the number of those in the first stays."""
    return {**reading(number), "pk": {"S": "other"}}


def fill(emulator: Emulator, begin: int, end: int) -> None:
    for first in range(begin, end, BATCH):
        puts = [{"PutRequest": {"Item": reading(number)}} for number in range(first, min(first + BATCH, end))]
        emulator.call("BatchWriteItem", {"RequestItems": {WITH_RANGE: puts}})


class Step(NamedTuple):
    """What was measured at one size: microseconds of each call here, by its ratio to the small table, and memory."""

    items: int
    taken: dict[str, float]
    ratios: dict[str, float]
    bytes_each: float


def grown(emulator: Emulator, small: Emulator, steps: Sequence[int]) -> Iterator[Step]:
    for one in (emulator, small):
        one.call("CreateTable", table(WITH_RANGE, ranged=True))
    fill(small, 0, steps[0])
    empty, there = emulator.memory(), 0
    for items in steps:
        fill(emulator, there, items)
        small.forget_connection()
        there = items
        bytes_each = (emulator.memory() - empty) / items
        here, beside = calls(items), calls(steps[0])
        pairs: dict[str, list[tuple[float, float]]] = {label: [] for label in here}
        for _ in range(ROUNDS):
            for label, (name, request) in here.items():
                first = measured(emulator, name, request, CALLS)
                pairs[label].append((first, measured(small, name, beside[label][1], CALLS)))
        yield Step(
            items,
            {label: median(first for first, _ in taken) for label, taken in pairs.items()},
            {label: median(first / second for first, second in taken) for label, taken in pairs.items()},
            bytes_each,
        )


def plotted(
    title: str, unit: str, steps: Sequence[int], series: dict[str, list[float]], axis: str = "items in the table"
) -> str:
    """Lines over a logarithmic axis; the other one begins at 0, so that what is flat looks flat."""
    highest = max(value for line in series.values() for value in line) * 1.1
    left, right = log10(steps[0]), max(log10(steps[-1]), log10(steps[0]) + 1)

    def at(items: int, value: float) -> str:
        x = LEFT + (log10(items) - left) / (right - left) * (WIDTH - LEFT - RIGHT)
        return f"{x:.1f},{HEIGHT - BOTTOM - value / highest * (HEIGHT - TOP - BOTTOM):.1f}"

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"',
        'font-family="sans-serif" font-size="12">',
        f'<title>{escape(title)}</title><rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{LEFT}" y="18" font-size="14">{escape(title)}</text>',
    ]
    for share in (0, 0.25, 0.5, 0.75, 1):
        value = highest * share
        x, y = at(steps[0], value).split(",")
        parts.append(f'<path d="M{x} {y}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        shown = f"{value:,.{0 if highest > 20 else 1}f}"
        parts.append(f'<text x="{LEFT - 6}" y="{float(y) + 4:.1f}" text-anchor="end">{shown}</text>')
    for items in steps:
        place = at(items, 0).split(",")[0]
        parts.append(f'<text x="{place}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{items:,}</text>')
    parts.append(f'<text x="{LEFT}" y="{HEIGHT - 10}">{escape(axis)}; {escape(unit)}</text>')
    for number, (label, line) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        points = " ".join(at(items, value) for items, value in zip(steps, line, strict=True))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        below = TOP + 16 + number * 18
        parts.append(f'<rect x="{WIDTH - RIGHT + 14}" y="{below - 9}" width="10" height="10" fill="{colour}"/>')
        parts.append(f'<text x="{WIDTH - RIGHT + 30}" y="{below}">{escape(label)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def main() -> None:
    parser = argparse.ArgumentParser(description="How DynamoDB's calls grow with the table")
    parser.add_argument("--items", type=int, nargs="+", default=ITEMS)
    parser.add_argument("--main", type=Path, help="ministack_main.py of another checkout")
    parser.add_argument("--ratios", action="store_true", help="plot the ratios to the small table, for a busy machine")
    parser.add_argument("--plot", type=Path, help="where the SVG goes")
    options = parser.parse_args()
    python = install_emulator(Layout.of(load(ROOT, environ={})), Progress())
    series: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as scratch, contextlib.ExitStack() as ends:
        for name in ("grown", "small"):
            Path(scratch, name).mkdir()
        emulator, small = (
            ends.enter_context(as_the_edge_runs_it(name, python, Path(scratch, name), options.main))
            for name in ("grown", "small")
        )
        for step in grown(emulator, small, options.items):
            if not series:
                print(f"| items | {' | '.join(step.taken)} | bytes an item |\n|{' --- |' * (len(step.taken) + 2)}")
            row = " | ".join(f"{value:.0f} us ({step.ratios[label]:.2f})" for label, value in step.taken.items())
            print(f"| {step.items:,} | {row} | {step.bytes_each:,.0f} |", flush=True)
            for label, value in (step.ratios if options.ratios else step.taken).items():
                series.setdefault(label, []).append(value)
    if options.plot:
        title = "DynamoDB's calls as the table grows"
        unit = f"CPU a call, to that of {options.items[0]:,} items" if options.ratios else "microseconds of CPU a call"
        options.plot.write_text(plotted(title, unit, options.items, series), encoding="utf-8")


if __name__ == "__main__":
    main()
