"""The record of a run: seconds and phases, from lines that come late and in parts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from staticfire.load.figures import latest
from staticfire.load.record import Following, Record, Tally, bucket
from staticfire.load.thresholds import rate_of


def phase(
    name: str | None, at: float, *, users: int = 5, rate: float | None = 10.0, cut: bool = False
) -> dict[str, Any]:
    if name is None:
        return {"phase": None, "at": at, "cut": cut}
    return {"phase": name, "at": at, "users": users, "rate": rate}


def second(at: int, *milliseconds: float, name: str = "POST /usage", failures: int = 0) -> dict[str, Any]:
    tally = Tally()
    for time in milliseconds:
        tally.add(time)
    tally.failures = failures
    return {"second": at, "name": name, **tally.line()}


def test_a_percentile_is_a_time_that_was_measured() -> None:
    tally = Tally.of_line(second(1, *range(1, 101)))
    assert [tally.percentile(share) for share in (0.5, 0.95, 0.99, 1.0)] == [50, 95, 99, 100]


def test_nothing_has_no_percentile() -> None:
    assert Tally().percentile(0.95) is None


def test_times_are_kept_to_half_a_percent() -> None:
    assert [bucket(time) for time in (0.12349, 4.567, 99.96, 1234.5)] == [0.123, 4.57, 100.0, 1230.0]


def test_lines_of_several_workers_add_up() -> None:
    record = Record([phase("steady", 9.5), second(10, 1, 2), second(10, 3, failures=1), phase(None, 11.5)])
    tally = record.total(record.measured)
    assert (tally.requests, tally.failures, dict(tally.times)) == (3, 1, {1.0: 1, 2.0: 1, 3.0: 1})


def test_the_warm_up_is_apart() -> None:
    record = Record([phase("warm-up", 9.5), phase("steady", 12.5), phase(None, 15.5), second(11, 50), second(13, 1)])
    assert record.total(record.warm_up).percentile(1) == 50
    assert record.total(record.measured).percentile(1) == 1


def test_seconds_that_two_phases_share_count_for_neither() -> None:
    record = Record([phase("step 1", 10.5), phase("step 2", 13.5), phase(None, 16.0)])
    assert [list(one.seconds) for one in record.phases] == [[11, 12], [14, 15]]


def test_what_comes_after_the_end_counts_in_times_and_failures_and_in_no_rate() -> None:
    lines = [phase("warm-up", 7.5), phase("steady", 9.5), phase(None, 12.5), second(11, 1, 1), second(12, 1)]
    record = Record([*lines, second(14, 2000, 2500, failures=1)])  # a stop of the service in the last second
    tally = record.total(record.measured)
    assert (tally.requests, tally.failures, tally.percentile(1)) == (4, 1, 2500)
    assert rate_of(tally, record.measured) == 1.0
    assert record.total(record.warm_up).requests == 0


def test_a_phase_that_was_cut_short_does_not_count() -> None:
    record = Record([phase("step 1", 10.0), phase("step 2", 20.0), phase(None, 21.0, cut=True)])
    assert [one.name for one in record.phases] == ["step 1"]
    assert record.ended


def test_a_run_that_was_killed_ends_with_its_last_second() -> None:
    record = Record([phase("steady", 10.0), second(11, 1), second(14, 1)])
    assert not record.ended
    assert record.phases[-1].ended == 15


def test_a_record_that_is_being_written_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    assert Record.read(path).phases == []
    path.write_text('{"phase": "steady", "at": 1.0, "users": 1, "rate": null}\n{"second": 2, "na')
    assert [one.name for one in Record.read(path).phases] == ["steady"]


def test_a_record_that_is_followed_tells_the_same_and_keeps_only_its_end(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    following = Following(path)
    assert latest(following.look()) == "starting"
    lines = [phase("warm-up", 0.5), second(1, 4), phase("soak", 1.5, users=7), *(second(at, at) for at in range(2, 99))]
    with path.open("ab", buffering=0) as file:
        for line in lines:
            whole = json.dumps(line).encode() + b"\n"
            file.write(whole[:9])
            following.look()
            file.write(whole[9:])
            assert latest(following.look()) == latest(Record.read(path))
    assert sorted(following.look().seconds) == [97, 98]
