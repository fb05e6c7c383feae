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
- `functions`: invoke, count, kill; `logs("function-name", "ERROR")`: what they wrote, as soon as it is there
- `mailbox()`: what was sent by e-mail in its account; `mailbox.wait(subject="ALARM")`
- `faults("dynamodb", "UpdateItem", kind="hang")`: a fault for the length of a `with` block
- `clean`: no data in it

Under pytest-xdist one edge, one emulator and one Postgres serve all workers, and each worker has its own account,
Terraform state and database. All of it ends with the run, unless `--staticfire-keep` says otherwise. A project is a
directory with a staticfire.toml at or above pytest's root directory.
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

    from . import kit
    from .run import OwnStack, StateSlot, WorkerStacks

FLAGS = {
    "keep": "leave the stacks running at the end; the next run finds them and is quicker",
    "attach": "use what `staticfire up` started, in accounts of the run's own",
}
WORKER_INPUT = "staticfire_state"

SLOT: pytest.StashKey[StateSlot] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("staticfire", "AWS stacks on this machine")
    where = "where the stacks run (default: the target of staticfire.toml)"
    group.addoption("--staticfire-target", default=None, metavar="NAME", help=where)
    parser.addini("staticfire_target", where, default="")
    snapshot = "begin with this snapshot of `staticfire snapshot save`, in its account; without workers"
    group.addoption("--staticfire-snapshot", default=None, metavar="NAME", help=snapshot)
    parser.addini("staticfire_snapshot", snapshot, default="")
    for name, text in FLAGS.items():
        group.addoption(f"--staticfire-{name}", action="store_true", default=None, help=text)
        parser.addini(f"staticfire_{name}", text, type="bool", default=False)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: takes minutes; runs only where somebody asks for it")
    config.addinivalue_line("markers", "chaos: kills parts of a stack, in one of its own")
    config.addinivalue_line("markers", "load: needs Locust, and the machine for itself")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """pytest-xdist, in the controller, before a worker starts: all workers share the controller's slot."""
    from staticfire.errors import UsageError

    try:
        node.workerinput[WORKER_INPUT] = str(_slot(node.config).state)
    except UsageError:
        return  # there is no project: a fixture that needs one will say so


def pytest_unconfigure(config: pytest.Config) -> None:
    """End what runs, also after a failure and Ctrl-C. Workers hold none: the controller ends what they share."""
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
        terminalreporter.line(f"The stacks are still up. To end them: {command}")


def _option(config: pytest.Config, name: str) -> Any:
    flag = config.getoption(f"--staticfire-{name}")
    return config.getini(f"staticfire_{name}") if flag is None else flag


def _slot(config: pytest.Config) -> StateSlot:
    """The slot of this run, claimed at the first call."""
    if SLOT not in config.stash:
        from staticfire.layout import Layout
        from staticfire.settings import load

        from .run import StateSlot

        layout = Layout.of(load(config.rootpath))
        layout.make_state()
        config.stash[SLOT] = StateSlot.claim(layout.state / "pytest")
    return config.stash[SLOT]


def _progress(config: pytest.Config) -> Progress:
    """Lines past pytest's capture: a stack's start takes long enough to be wondered at."""
    from staticfire.progress import Progress

    capture = config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
        return Progress(stream=os.fdopen(os.dup(2), "w"))


@pytest.fixture(scope="session")
def _staticfire_worker(request: pytest.FixtureRequest) -> WorkerStacks:
    from pathlib import Path

    from .run import WorkerStacks, worker_number

    config = request.config
    worker_input = getattr(config, "workerinput", {})
    if _option(config, "attach"):
        state = None
    elif WORKER_INPUT in worker_input:
        state = Path(worker_input[WORKER_INPUT])
    else:
        state = _slot(config).state
    worker = worker_number(worker_input.get("workerid", ""))
    snapshot = _option(config, "snapshot")
    if snapshot and worker_input:
        from staticfire.errors import UsageError

        raise UsageError("A snapshot is one account's: pytest's workers cannot share it.", remedy="Leave out -n.")
    return WorkerStacks(config.rootpath, state, _option(config, "target"), worker, _progress(config), snapshot)


@pytest.fixture(scope="session")
def staticfire_target(_staticfire_worker: WorkerStacks) -> str:
    """The name of the target."""
    return _staticfire_worker.settings.target


@pytest.fixture(scope="session")
def staticfire_running(_staticfire_worker: WorkerStacks) -> Running:
    """What the stacks run on, without any of them: its endpoint, region and Postgres server."""
    return _staticfire_worker.running


@pytest.fixture(scope="session")
def staticfire_stacks(_staticfire_worker: WorkerStacks) -> Callable[..., kit.StackUnderTest]:
    """`staticfire_stacks("name")`: the stack of that name, applied in this worker's account at the first call."""
    return _staticfire_worker.stack


@pytest.fixture(scope="session")
def staticfire_stack_name(_staticfire_worker: WorkerStacks) -> str:
    """The stack that `api`, `postgres` and the others mean. Override it in a folder's conftest.py."""
    return _staticfire_worker.only_stack()


@pytest.fixture
def staticfire_stack(
    staticfire_stacks: Callable[[str], kit.StackUnderTest], staticfire_stack_name: str
) -> kit.StackUnderTest:
    """The stack: its url, outputs, account, region, endpoint and database; `apply()`, `plan()`, `connect()`."""
    return staticfire_stacks(staticfire_stack_name)


@pytest.fixture
def api(staticfire_stack: kit.StackUnderTest) -> kit.ApiClient:
    """A client of the stack's HTTP API: `api.post("/orders", json={...}).status`."""
    return staticfire_stack.api


@pytest.fixture
def aws(staticfire_stack: kit.StackUnderTest) -> kit.AwsClients:
    """boto3 clients of the stack's account: `aws("dynamodb").get_item(...)`."""
    return staticfire_stack.aws


@pytest.fixture
def postgres(staticfire_stack: kit.StackUnderTest) -> Iterator[Any]:
    """A pg8000.native connection to the stack's database, as its own role: `postgres.run("SELECT ...")`."""
    with staticfire_stack.connect() as connection:
        yield connection


@pytest.fixture
def functions(staticfire_stack: kit.StackUnderTest) -> kit.AccountFunctions:
    """The account's functions: `invoke("name", event)`, `invocations("name")`, `kill("name", state="busy")`."""
    return staticfire_stack.functions


@pytest.fixture
def faults(staticfire_stack: kit.StackUnderTest) -> kit.AccountFaults:
    """`with faults("dynamodb", "UpdateItem", kind="hang"):` has these calls of the account suffer in the block."""
    return staticfire_stack.faults


@pytest.fixture
def logs(staticfire_stack: kit.StackUnderTest) -> kit.AccountLogs:
    """`logs("name", "ERROR")`: the lines that the function wrote, oldest first, as soon as there are any."""
    return staticfire_stack.logs


@pytest.fixture
def mailbox(staticfire_stack: kit.StackUnderTest) -> kit.AccountMailbox:
    """`mailbox(to="ops@example.com")`: the account's e-mail, newest first; `mailbox.wait(subject="ALARM")`."""
    return staticfire_stack.mailbox


@pytest.fixture
def clean(staticfire_stack: kit.StackUnderTest) -> None:
    """Empty the data of the worker's own stack, and of no other, before the test."""
    staticfire_stack.empty()


@pytest.fixture(scope="session")
def staticfire_own(_staticfire_worker: WorkerStacks, staticfire_stack_name: str) -> Iterator[OwnStack]:
    """A stack apart, with an edge, an emulator and a Postgres of its own: `up()`, `status()`, `kill("postgres")`."""
    with _staticfire_worker.own(staticfire_stack_name) as own:
        yield own


@pytest.fixture(scope="session")
def staticfire_enforcing(
    _staticfire_worker: WorkerStacks, staticfire_target: str
) -> Iterator[Callable[[str], OwnStack]]:
    """`staticfire_enforcing("name")`: that stack, applied to an emulator of its own that enforces IAM.

    The test is skipped on every target but `embedded`: LocalStack's free edition does not enforce IAM.
    """
    from staticfire.targets.base import ENFORCING

    if staticfire_target != ENFORCING:
        pytest.skip(f"IAM is enforced on the target {ENFORCING!r} only: LocalStack's free edition does not")
    applied: dict[str, OwnStack] = {}
    with contextlib.ExitStack() as ending:

        def stack(name: str) -> OwnStack:
            if not applied:
                applied[name] = ending.enter_context(_staticfire_worker.own(name, enforce_iam=True))
            elif name not in applied:
                applied[name] = next(iter(applied.values())).beside(name)
                applied[name].up()
            return applied[name]

        yield stack
