"""Lengths of time as text: the one grammar of every flag and setting that takes one."""

from __future__ import annotations

import argparse
import re

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
GRAMMAR = "200ms, 1.5s, 10m, 2h, 1d or 1h30m"
PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)")


def parse_timespan(text: str) -> float:
    """Seconds, from numbers with their units: `1h30m` is 5400. Made for argparse's `type`."""
    if not re.fullmatch(rf"(?:{PART.pattern})+", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a length of time: write {GRAMMAR}")
    return sum(float(number) * UNITS[unit] for number, unit in PART.findall(text))
