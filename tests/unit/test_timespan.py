"""Lengths of time as text: what is understood, and what is refused with the grammar."""

from __future__ import annotations

import argparse

import pytest

from staticfire.timespan import GRAMMAR, parse_timespan


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("200ms", 0.2),
        ("1.5s", 1.5),
        ("90s", 90),
        ("10m", 600),
        ("2h", 7200),
        ("1d", 86400),
        ("1h30m", 5400),
        ("1m500ms", 60.5),
        ("0s", 0),
    ],
)
def test_numbers_with_their_units_are_seconds(text: str, seconds: float) -> None:
    assert parse_timespan(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "10", "1.5", "s", "-5s", "5 s", "5S", "1.s", "10m3", "nan", "infs", "٣s"]
)
def test_anything_else_is_refused_and_told_the_grammar(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError) as refusal:
        parse_timespan(text)
    assert repr(text) in str(refusal.value)
    assert GRAMMAR in str(refusal.value)
