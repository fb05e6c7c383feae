"""`staticfire load` before anything is loaded: what is wrong is said, with its remedy and its exit code."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from staticfire.cli.main import run

TWO_STACKS = """
[stacks.shop]
root = "infra"
[stacks.shop.load]
file = "shop.py"
[stacks.bare]
root = "infra"
"""


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    for name in [name for name in os.environ if name.startswith("STATICFIRE_")]:
        monkeypatch.delenv(name)
    (tmp_path / "staticfire.toml").write_text(TWO_STACKS)
    (tmp_path / "shop.py").touch()
    return lambda *options: run(["--project", str(tmp_path), "load", *options])


def test_a_stack_that_does_not_run_is_4_and_says_how_to_start_it(
    load: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert load("shop") == 4
    assert "staticfire up" in capsys.readouterr().err


def test_the_only_stack_with_a_locust_file_needs_no_name(load: Callable[..., int]) -> None:
    assert load() == 4


def test_a_stack_without_a_locust_file_is_2_and_says_where_to_name_one(
    load: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert load("bare") == 2
    assert "[stacks.bare.load]" in capsys.readouterr().err


def test_a_locust_file_that_is_not_there_is_2_and_is_named(
    load: Callable[..., int], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "shop.py").unlink()
    assert load("shop") == 2
    assert str(tmp_path / "shop.py") in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [
        ("--profile", "stedy"),
        ("--duration", "soon"),
        ("--duration", "0s"),
        ("--duration", "1.5s"),
        ("--warm-up", "5 s"),
        ("--duration", "30"),
        ("--warm-up", "5"),
        ("--max-p95", "200"),
        ("--max-p95", "0ms"),
        ("--rate", "-1"),
        ("--rate", "nan"),
        ("--users", "0"),
        ("--workers", "0"),
        ("--max-errors", "2"),
        ("--breakdown", "-1"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_meant_is_2(load: Callable[..., int], options: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as end:
        load("shop", *options)
    assert end.value.code == 2


def test_a_mistake_in_the_table_is_2_and_names_the_nearest(
    load: Callable[..., int], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "staticfire.toml").write_text('[stacks.shop]\nroot = "infra"\n[stacks.shop.load]\nfle = "shop.py"\n')
    assert load("shop") == 2
    assert "Did you mean 'file'?" in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["function", "zip"])
def test_a_breakdown_without_what_it_needs_is_2(
    load: Callable[..., int], capsys: pytest.CaptureFixture[str], tmp_path: Path, missing: str
) -> None:
    table = {"function": '"api"', "zip": '"shop"', "handlers": "[]"}
    lines = [f"{key} = {value}" for key, value in table.items() if key != missing]
    (tmp_path / "staticfire.toml").write_text("\n".join([TWO_STACKS, "[stacks.shop.load.breakdown]", *lines]))
    assert load("shop") == 2
    assert f"stacks.shop.load.breakdown.{missing} is missing" in capsys.readouterr().err


def test_the_old_words_for_the_breakdown_are_answered_with_the_new(
    load: Callable[..., int], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with pytest.raises(SystemExit) as end:
        load("shop", "--layers", "0")
    assert end.value.code == 2
    assert "--breakdown 0" in capsys.readouterr().err
    (tmp_path / "staticfire.toml").write_text(f"{TWO_STACKS}[stacks.shop.load.layers]\nfunction = 'api'\n")
    assert load("shop") == 2
    assert "[stacks.shop.load.breakdown]" in capsys.readouterr().err


def test_a_gate_without_an_earlier_run_is_2(load: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert load("shop", "--fail-on-worse") == 2
    assert "--compare REPORT" in capsys.readouterr().err


def test_the_command_line_works_without_what_only_load_runs_need(tmp_path: Path) -> None:
    (tmp_path / "staticfire.toml").write_text(TWO_STACKS)
    code = (
        "import sys; sys.modules.update(dict.fromkeys(('locust', 'gevent', 'jinja2', 'markupsafe')))\n"
        f"from staticfire.cli.main import run; sys.exit(run(['--project', {str(tmp_path)!r}, 'load', 'shop']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "Not installed: Locust, Jinja2." in done.stderr
    assert "pip install 'staticfire[load]'" in done.stderr


def test_the_console_reads_reports_without_what_only_load_runs_need() -> None:
    extras = ("locust", "gevent", "jinja2", "markupsafe", "hdrh", "psutil")
    code = f"import sys; sys.modules.update(dict.fromkeys({extras!r})); import staticfire.console.__main__"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_comparison_is_printed_with_its_verdicts(capsys: pytest.CaptureFixture[str]) -> None:
    from staticfire.cli.load import _show
    from staticfire.load.report.compare import WORSE, compare
    from staticfire.load.report.document import read

    before = read(Path(__file__).parents[3] / "docs" / "load-report.example.json")
    after = replace(before, faults=("s3  hang",), failures=("worse",), unknown=("the books",))
    comparison = compare(before, after, before.held)
    rate, *others = comparison.measures
    measures = (replace(rate, verdict=WORSE, after=12.5, change=-0.875), *others)
    _show(
        argparse.Namespace(json=False),
        replace(after, comparison=replace(comparison, measures=measures)),
        Path("report.html"),
    )

    said = capsys.readouterr()
    [row] = [line for line in said.out.splitlines() if line.startswith("  requests/s ")]
    assert row.split()[2:] == ["12.5", "-87.5%", "worse"]
    assert "  differs faults: none before, s3  hang now" in said.out
    assert "fault     s3  hang" in said.out
    assert "verdict   failed" in said.out
    assert "FAILED: worse" in said.err
    assert "CANNOT BE TOLD: the books" in said.err
