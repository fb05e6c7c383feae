"""The plugin as another repository meets it: it costs nothing until it is used, and says what it misses."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import pytest

pytest_plugins = ["pytester"]

ONE_STACK = '[stacks.only]\nroot = "infra"\n'
ITS_PLUGINS = {"staticfire", "xdist", "xdist.looponfail"}


@pytest.fixture(autouse=True)
def another_repository(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has the plugin and pytest-xdist. What else is installed here takes seconds to load."""
    others = {plugin.name for plugin in entry_points(group="pytest11")} - ITS_PLUGINS
    monkeypatch.setenv("PYTEST_ADDOPTS", " ".join(f"-p no:{name}" for name in sorted(others)))


def test_importing_the_plugin_loads_none_of_what_its_fixtures_need() -> None:
    ours = {f"staticfire.{name}" for name in ("settings", "testing.kit", "testing.run")}
    heavy = {"boto3", "pg8000", "urllib3", "rich", *ours}
    code = f"import sys, staticfire.testing.plugin; print(sorted({heavy!r} & set(sys.modules)))"

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["one process", "two workers"])
def test_tests_that_use_no_fixture_need_no_project_and_leave_nothing(
    pytester: pytest.Pytester, workers: tuple[str, ...]
) -> None:
    pytester.makepyfile("def test_this(): pass")

    pytester.runpytest_subprocess("-p", "no:cacheprovider", *workers).assert_outcomes(passed=1)

    assert not (pytester.path / ".staticfire").exists()


def test_a_fixture_without_a_project_says_where_it_looked_and_what_to_do(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_this(api): pass")

    result = pytester.runpytest_subprocess()

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*No staticfire.toml was found, and no Terraform.*", "*checked: *", "*remedy: *"])


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["one process", "two workers"])
def test_which_of_two_stacks_is_meant_must_be_said(pytester: pytest.Pytester, workers: tuple[str, ...]) -> None:
    pytester.makefile(".toml", staticfire=ONE_STACK + '[stacks.other]\nroot = "infra"\n')
    pytester.makepyfile("def test_this(staticfire_stack_name): pass")

    result = pytester.runpytest_subprocess(*workers)

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*only, other*", "*staticfire_stack_name*conftest.py*"])


def test_the_only_stack_is_the_one_that_is_meant(pytester: pytest.Pytester) -> None:
    pytester.makefile(".toml", staticfire=ONE_STACK)
    pytester.makepyfile("def test_this(staticfire_stack_name): assert staticfire_stack_name == 'only'")

    pytester.runpytest_subprocess().assert_outcomes(passed=1)


def test_a_folder_says_which_stack_it_means(pytester: pytest.Pytester) -> None:
    pytester.makefile(".toml", staticfire=ONE_STACK + '[stacks.other]\nroot = "infra"\n')
    for name in ("only", "other"):
        (folder := pytester.mkdir(name)).joinpath("conftest.py").write_text(
            f"import pytest\n@pytest.fixture(scope='session')\ndef staticfire_stack_name(): return {name!r}\n"
        )
        folder.joinpath(f"test_{name}.py").write_text(
            f"def test_this(staticfire_stack_name): assert staticfire_stack_name == {name!r}\n"
        )

    pytester.runpytest_subprocess().assert_outcomes(passed=2)


@pytest.mark.parametrize("where", ["flag", "ini"])
def test_an_unknown_target_is_refused_with_the_known_ones(pytester: pytest.Pytester, where: str) -> None:
    pytester.makefile(".toml", staticfire=ONE_STACK)
    pytester.makepyfile("def test_this(staticfire_stack): pass")
    flags = ["--staticfire-target=moon"] if where == "flag" else []
    if where == "ini":
        pytester.makeini("[pytest]\nstaticfire_target = moon")

    result = pytester.runpytest_subprocess(*flags)

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*There is no target 'moon'.*", "*embedded*"])


def test_attaching_to_nothing_is_refused_with_the_remedy(pytester: pytest.Pytester) -> None:
    pytester.makefile(".toml", staticfire=ONE_STACK)
    pytester.makepyfile("def test_this(staticfire_stack): pass")

    result = pytester.runpytest_subprocess("--staticfire-attach")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*no running stack to attach to*", "*Run `staticfire up` first*"])


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--staticfire-snapshot=none"], "*There is no snapshot 'none'*"),
        (["--staticfire-snapshot=../a"], "*cannot be named*"),
        (["--staticfire-snapshot=one", "-n1"], "*pytest's workers cannot share it*"),
        (["--staticfire-snapshot=one", "--staticfire-attach"], "*no snapshot is loaded into it*"),
        (["--staticfire-snapshot=one", "--staticfire-target=compose"], "*no snapshots on the target 'compose'*"),
    ],
)
def test_a_snapshot_that_a_run_cannot_begin_with_is_refused(
    pytester: pytest.Pytester, flags: list[str], said: str
) -> None:
    pytester.makefile(".toml", staticfire=ONE_STACK)
    pytester.makepyfile("def test_this(staticfire_stack): pass")

    result = pytester.runpytest_subprocess(*flags)

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([said])


def test_every_fixture_says_what_it_gives(pytester: pytest.Pytester) -> None:
    listing = pytester.runpytest_subprocess("--fixtures").stdout.str()

    ours = listing.partition("fixtures defined from staticfire.testing.plugin")[2].partition("fixtures defined from")[0]
    assert "api -- " in ours
    assert "no docstring available" not in ours
