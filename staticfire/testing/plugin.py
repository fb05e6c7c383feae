"""The pytest plugin: fixtures for a running stack. Installed with the package, it does nothing until one is asked for.

    def test_an_order_is_stored(api, postgres):
        assert api.post("/orders", json={"item": "rope", "count": 1}).status == 201

For the session:
- `staticfire_stacks("name")`: that stack, applied for this worker at its first use
- `staticfire_stack_name`: which stack all of the following mean; the only default one, or override it per folder
- `staticfire_running`: what the stacks run on: endpoint, region, Postgres server
- `staticfire_own`: a whole stack apart, driven through the command line, whose parts may be killed
- `staticfire_enforcing("name")`: that stack apart, where IAM is enforced: functions may do what their roles allow

For a test, each a view of what the session has:
- `staticfire_stack`: its url, outputs, account, region, endpoint, database; apply(), plan()
- `api`: a client of its HTTP API; `aws("dynamodb")`: boto3 clients of its account
- `postgres`: a pg8000.native connection to its database, as its own role
- `functions`: invoke, count, kill; `logs("function-name")`: what they wrote
- `mailbox()`: what was sent by e-mail in its account; `mailbox.wait(subject="ALARM")`
- `faults("dynamodb", "UpdateItem", kind="hang")`: a fault for the length of a `with` block
- `clean`: no data in it

Under pytest-xdist one edge, one emulator and one Postgres serve all workers, and each worker has its own account,
Terraform state and database. All is ended with the run, unless `--staticfire-keep` is given. A project is a directory
with a staticfire.toml at or above pytest's root directory.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from staticfire.progress import Progress
    from staticfire.targets.base import Running

    from .kit import Api, Aws, Faults, Functions, Logs, Mailbox, StackUnderTest
    from .run import Own, Run, Slot

FLAGS = {
    "keep": "leave the stack running at the end; the next run finds it and is quicker",
    "attach": "use the stack that `staticfire up` started, in accounts of the run's own",
}
WORKER_INPUT = "staticfire_state"

SLOT: pytest.StashKey[Slot] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("staticfire", "AWS stacks on this machine")
    where = "where the stacks run (default: the target of staticfire.toml)"
    group.addoption("--staticfire-target", default=None, metavar="NAME", help=where)
    parser.addini("staticfire_target", where, default="")
    for name, text in FLAGS.items():
        group.addoption(f"--staticfire-{name}", action="store_true", default=None, help=text)
        parser.addini(f"staticfire_{name}", text, type="bool", default=False)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: takes minutes; runs only where it is asked for")
    config.addinivalue_line("markers", "chaos: kills parts of a stack, in one of its own")
    config.addinivalue_line("markers", "load: needs Locust, and takes the machine for itself")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """pytest-xdist, in the controller, before a worker starts: all workers share the controller's slot."""
    from staticfire.errors import UsageError

    try:
        node.workerinput[WORKER_INPUT] = str(_slot(node.config).state)
    except UsageError:
        return  # no project: a fixture that needs one will say so


def pytest_unconfigure(config: pytest.Config) -> None:
    """Also after a failure and Ctrl-C. Workers hold no slot: theirs is the controller's to end."""
    slot = config.stash.get(SLOT, None)
    if slot is None:
        return
    from .run import end

    try:
        if not _option(config, "keep"):
            end(config.rootpath, slot, _option(config, "target"), _progress(config))
    finally:
        slot.release()


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    slot = config.stash.get(SLOT, None)
    if slot is not None and _option(config, "keep") and (slot.state / "edge.json").exists():
        terminalreporter.section("staticfire")
        command = f"STATICFIRE_STATE_DIR={slot.state} staticfire --project {config.rootpath} down"
        terminalreporter.line(f"The stack was kept. To end it: {command}")


def _option(config: pytest.Config, name: str) -> Any:
    given = config.getoption(f"--staticfire-{name}")
    return config.getini(f"staticfire_{name}") if given is None else given


def _slot(config: pytest.Config) -> Slot:
    """The slot of this run, claimed at the first call."""
    if SLOT not in config.stash:
        from staticfire.layout import Layout
        from staticfire.settings import load

        from .run import Slot

        layout = Layout.of(load(config.rootpath))
        layout.make_state()
        config.stash[SLOT] = Slot.claim(layout.state / "pytest")
    return config.stash[SLOT]


def _progress(config: pytest.Config) -> Progress:
    """Lines past pytest's capture: a stack's start takes long enough to be wondered at."""
    from staticfire.progress import Progress

    capture = config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
        return Progress(stream=os.fdopen(os.dup(2), "w"))


@pytest.fixture(scope="session")
def _staticfire_run(request: pytest.FixtureRequest) -> Run:
    from pathlib import Path

    from .run import Run, worker_number

    config = request.config
    given = getattr(config, "workerinput", {})
    if _option(config, "attach"):
        state = None
    elif WORKER_INPUT in given:
        state = Path(given[WORKER_INPUT])
    else:
        state = _slot(config).state
    worker = worker_number(given.get("workerid", ""))
    return Run(config.rootpath, state, _option(config, "target"), worker, _progress(config))


@pytest.fixture(scope="session")
def staticfire_target(_staticfire_run: Run) -> str:
    """The name of the target."""
    return _staticfire_run.settings.target


@pytest.fixture(scope="session")
def staticfire_running(_staticfire_run: Run) -> Running:
    """What the stacks run on, without any of them: its endpoint, region and Postgres server."""
    return _staticfire_run.running


@pytest.fixture(scope="session")
def staticfire_stacks(_staticfire_run: Run) -> Callable[..., StackUnderTest]:
    """`staticfire_stacks("name")`: the stack of that name, applied in this worker's account at the first call."""
    return _staticfire_run.stack


@pytest.fixture(scope="session")
def staticfire_stack_name(_staticfire_run: Run) -> str:
    """The stack that `api`, `postgres` and the others mean. Override it in a folder's conftest.py."""
    return _staticfire_run.only_stack()


@pytest.fixture
def staticfire_stack(staticfire_stacks: Callable[..., StackUnderTest], staticfire_stack_name: str) -> StackUnderTest:
    return staticfire_stacks(staticfire_stack_name)


@pytest.fixture
def api(staticfire_stack: StackUnderTest) -> Api:
    return staticfire_stack.api


@pytest.fixture
def aws(staticfire_stack: StackUnderTest) -> Aws:
    return staticfire_stack.aws


@pytest.fixture
def postgres(staticfire_stack: StackUnderTest) -> Iterator[Any]:
    with staticfire_stack.connect() as connection:
        yield connection


@pytest.fixture
def functions(staticfire_stack: StackUnderTest) -> Functions:
    return staticfire_stack.functions


@pytest.fixture
def faults(staticfire_stack: StackUnderTest) -> Faults:
    return staticfire_stack.faults


@pytest.fixture
def logs(staticfire_stack: StackUnderTest) -> Logs:
    return staticfire_stack.logs


@pytest.fixture
def mailbox(staticfire_stack: StackUnderTest) -> Mailbox:
    return staticfire_stack.mailbox


@pytest.fixture
def clean(staticfire_stack: StackUnderTest) -> None:
    """Empties the data of the worker's own stack, and of no other."""
    staticfire_stack.empty()


@pytest.fixture(scope="session")
def staticfire_own(_staticfire_run: Run, staticfire_stack_name: str) -> Iterator[Own]:
    """A whole stack apart, up through the command line: edge, emulator and Postgres of its own."""
    with _staticfire_run.own(staticfire_stack_name) as own:
        yield own


@pytest.fixture(scope="session")
def staticfire_enforcing(_staticfire_run: Run, staticfire_target: str) -> Iterator[Callable[[str], Own]]:
    """`staticfire_enforcing("name")`: that stack, applied to an emulator of its own that enforces IAM.

    Skips where no emulator does: LocalStack's free edition, and so every target but `embedded`.
    """
    from staticfire.targets.base import ENFORCING

    if staticfire_target != ENFORCING:
        pytest.skip(f"IAM is enforced on the target {ENFORCING!r} only: LocalStack's free edition does not")
    applied: dict[str, Own] = {}
    with contextlib.ExitStack() as ending:

        def stack(name: str) -> Own:
            if not applied:
                applied[name] = ending.enter_context(_staticfire_run.own(name, enforce_iam=True))
            elif name not in applied:
                applied[name] = next(iter(applied.values())).beside(name)
                applied[name].up()
            return applied[name]

        yield stack
