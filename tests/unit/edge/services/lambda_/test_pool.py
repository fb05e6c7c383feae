"""Reuse and scale-out, limits, and what an update changes."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.services.lambda_ import FunctionRef, Functions, pool
from staticfire.edge.services.lambda_.invocation import Invocation
from staticfire.edge.services.lambda_.pool import ABREAST, Pool
from tests.unit.edge.services.lambda_.kit import Change, Lab, Said, Together

WAITS = """
import os, time
def handler(seconds, c):
    time.sleep(seconds)
    return os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
"""


def counters(functions: Functions) -> dict[str, Any]:
    (function,) = functions.snapshot()["functions"]
    return dict(function)


MEETS = """
import os, socket
def handler(port, c):
    with socket.create_connection(("127.0.0.1", port)) as meeting:
        meeting.recv(1)
    return os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
"""


@asynccontextmanager
async def meeting_of(count: int) -> AsyncIterator[bytes]:
    """The port where callers wait until there are so many at the same time, however long each took to come."""
    arrived: list[asyncio.StreamWriter] = []

    def arrive(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.append(writer)
        if len(arrived) % count == 0:
            for waiting in arrived[-count:]:
                waiting.close()

    server = await asyncio.start_server(arrive, "127.0.0.1", 0)
    async with server:
        yield str(server.sockets[0].getsockname()[1]).encode()


async def test_concurrent_invocations_run_in_environments_of_their_own(
    lab: Lab, said: Said, run_together: Together
) -> None:
    ref = lab.deploy(MEETS)
    async with lab.running() as functions, meeting_of(3) as port:
        outcomes = await run_together(*(functions.invoke(ref, port) for _ in range(3)))
        assert len({said(one) for one in outcomes}) == 3
        assert counters(functions)["cold_starts"] == 3
        await run_together(*(functions.invoke(ref, port) for _ in range(3)))
        assert counters(functions)["cold_starts"] == 3


async def test_a_sequence_of_invocations_uses_one_environment(lab: Lab) -> None:
    ref = lab.deploy(WAITS)
    async with lab.running() as functions:
        for _ in range(50):
            await functions.invoke(ref, b"0")
        assert (counters(functions)["invocations"], counters(functions)["cold_starts"]) == (50, 1)


COMPUTES = """
import os, time
def handler(waits, c):
    until = time.thread_time() + 0.001
    while time.thread_time() < until:
        pass
    if waits:
        time.sleep(0.05)
    return os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts how often a process gives up the processor")
async def test_what_only_computes_takes_turns_in_few_environments_and_what_waits_does_not(
    lab: Lab, said: Said, run_together: Together, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "SHORT", 0)
    ref = lab.deploy(COMPUTES)
    async with lab.running() as functions:

        async def environments_of_a_burst(waits: bytes) -> int:
            outcomes = await run_together(*(functions.invoke(ref, waits) for _ in range(ABREAST + 2)))
            return len({said(one) for one in outcomes})

        async with asyncio.timeout(60):
            while await environments_of_a_burst(b"true") < ABREAST + 2:
                pass
            while await environments_of_a_burst(b"false") > ABREAST:
                pass
            while await environments_of_a_burst(b"true") < ABREAST + 2:
                pass


async def test_what_ends_as_soon_as_it_is_ready_is_not_provisioned_for_ever(lab: Lab) -> None:
    ends = "import os, threading\nthreading.Timer(0.05, os._exit, [1]).start()\n"
    ref = lab.deploy(f"{ends}def handler(event, context): return 1\n")
    async with lab.running() as functions, asyncio.timeout(60):
        await functions.provision(ref, 4, 15.0)
        assert counters(functions)["cold_starts"] <= 16


async def test_beyond_reserved_concurrency_an_invocation_is_refused(lab: Lab, run_together: Together) -> None:
    ref = lab.deploy(WAITS, reserved=2)
    async with lab.running() as functions:
        results = await run_together(*(functions.invoke(ref, b"0.5") for _ in range(5)))
        refused = [one for one in results if isinstance(one, AwsError)]
        assert len(refused) == 3
        assert {(one.status, one.code, one.message) for one in refused} == {
            (429, "TooManyRequestsException", "Rate Exceeded.")
        }
        assert refused[0].fields["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
        assert counters(functions)["throttles"] == 3
        assert (await functions.invoke(ref, b"0")).error is None


async def test_reserved_concurrency_zero_refuses_everything(lab: Lab) -> None:
    ref = lab.deploy(WAITS, reserved=0)
    async with lab.running() as functions:
        with pytest.raises(AwsError, match="TooManyRequestsException"):
            await functions.invoke(ref, b"0")


async def test_the_accounts_limit_is_shared_and_reservations_come_off_it(lab: Lab, run_together: Together) -> None:
    plain, other, own = (lab.deploy(WAITS, name=name, reserved=reserved) for name, reserved in NAMES)
    async with lab.running(account_concurrency=4) as functions:
        await functions.invoke(own, b"0")
        busy = [asyncio.ensure_future(functions.invoke(ref, b"1")) for ref in (plain, other)]
        await asyncio.sleep(0)
        await lab.until(lambda: sum(one["in_flight"] for one in functions.snapshot()["functions"]) == 2)
        with pytest.raises(AwsError) as refused:
            await functions.invoke(plain, b"0")
        assert refused.value.fields["Reason"] == "ConcurrentInvocationLimitExceeded"
        assert (await functions.invoke(own, b"0")).error is None
        await run_together(*busy)
        assert (await functions.invoke(plain, b"0")).error is None


NAMES = [("plain", None), ("other", None), ("own", 2)]


async def test_new_code_is_used_by_the_next_invocation_and_never_in_the_middle_of_one(
    lab: Lab, said: Said, change: Change
) -> None:
    ref = lab.deploy("import time\ndef handler(e, c): time.sleep(e); return 'old'\n")
    async with lab.running() as functions:
        await functions.invoke(ref, b"0")
        under_way = asyncio.ensure_future(functions.invoke(ref, b"1"))
        await lab.until(lambda: counters(functions)["in_flight"] == 1)
        lab.deploy("def handler(e, c): return 'new'\n")
        await change(functions, "PUT", "/2015-03-31/functions/f/code")
        assert said(await functions.invoke(ref, b"0")) == "new"
        assert said(await under_way) == "old"
        await lab.until(lambda: len(counters(functions)["environments"]) == 1)


async def test_new_variables_are_seen_by_the_next_invocation(lab: Lab, said: Said, change: Change) -> None:
    source = "import os\ndef handler(e, c): return os.environ.get('MODE')\n"
    ref = lab.deploy(source, Environment={"Variables": {"MODE": "a"}})
    async with lab.running() as functions:
        assert said(await functions.invoke(ref, b"{}")) == "a"
        lab.deploy(source, Environment={"Variables": {"MODE": "b"}})
        assert said(await functions.invoke(ref, b"{}")) == "a", "nothing told that it changed"
        await change(functions, "PUT", "/2015-03-31/functions/f/configuration")
        assert said(await functions.invoke(ref, b"{}")) == "b"


async def test_a_write_that_changes_no_environment_keeps_it_warm(lab: Lab, change: Change) -> None:
    ref = lab.deploy(WAITS)
    async with lab.running() as functions:
        await functions.invoke(ref, b"0")
        lab.deploy(WAITS, reserved=7)
        await change(functions, "PUT", "/2017-10-31/functions/f/concurrency")
        await functions.invoke(ref, b"0")
        assert counters(functions)["cold_starts"] == 1


async def test_a_deleted_function_ends_its_environments(lab: Lab, change: Change) -> None:
    ref = lab.deploy(WAITS)
    async with lab.running() as functions:
        await functions.invoke(ref, b"0")
        pid = counters(functions)["environments"][0]["pid"]
        lab.emulator.answers.clear()
        await change(functions, "DELETE", "/2015-03-31/functions/f")
        with pytest.raises(AwsError) as gone:
            await functions.invoke(ref, b"0")
        assert gone.value.status == 404
        await lab.until(lambda: not _exists(pid))


def _exists(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat"):
            return True
    except FileNotFoundError:
        return False


async def test_nothing_is_kept_of_functions_that_do_not_exist(lab: Lab) -> None:
    async with lab.running() as functions:
        for number in range(10):
            with pytest.raises(AwsError, match="Function not found"):
                await functions.invoke(FunctionRef(Scope(), f"none-{number}"), b"0")
        assert functions._catalog._resolved == {}
        assert functions.snapshot()["functions"] == []


async def test_a_caller_that_goes_away_does_not_end_the_invocation(lab: Lab) -> None:
    ref = lab.deploy("import time\ndef handler(e, c): time.sleep(0.3); print('finished')\n")
    async with lab.running() as functions:
        caller = asyncio.ensure_future(functions.invoke(ref, b"{}"))
        await lab.until(lambda: functions.snapshot()["functions"])
        caller.cancel()
        await lab.until(lambda: counters(functions)["invocations"] == 1)
        await lab.until(lambda: "finished\n" in lab.emulator.lines.get("/aws/lambda/f", []))


async def test_reset_ends_all_environments_and_starts_cold(lab: Lab) -> None:
    ref = lab.deploy(WAITS)
    async with lab.running() as functions:
        await functions.invoke(ref, b"0")
        await functions.reset()
        assert functions.snapshot()["functions"] == []
        await functions.invoke(ref, b"0")
        assert counters(functions)["cold_starts"] == 1


async def test_a_reset_while_an_invocation_waits_for_a_second_start_fails_it(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = lab.deploy("raise RuntimeError\n")
    async with lab.running() as functions:
        await functions.describe(ref)
        fetch, again, starts = functions._starter._code.tree, asyncio.Event(), []

        async def fetch_once(*arguments: Any) -> Any:
            starts.append(arguments)
            if len(starts) > 1:
                again.set()
                await asyncio.Event().wait()
            return await fetch(*arguments)

        monkeypatch.setattr(functions._starter._code, "tree", fetch_once)
        waiting = asyncio.ensure_future(functions.invoke(ref, b"0"))
        await again.wait()
        await functions.reset()
        with pytest.raises(AwsError, match="ended: reset"):
            await waiting


class Undelivered:
    """An execution environment that ends before the runtime client took its invocation."""

    initialised = False
    idle_since = 0.0

    def __init__(self, owner: Pool) -> None:
        self._owner: Any = owner
        self.assigned: Invocation | None = None
        self.gone = asyncio.Event()

    async def launch(self, first: Invocation | None) -> None:
        self.initialised = True
        self._owner.ready()
        self._owner.freed(self)

    def assign(self, invocation: Invocation) -> None:
        self.assigned = invocation

    def end(self, why: str) -> None:
        def ended() -> None:
            self._owner.ended(self, self.assigned, False)
            self.gone.set()

        asyncio.get_running_loop().call_later(0.05, ended)


async def test_a_reset_fails_what_was_not_delivered_and_starts_nothing_for_it(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = lab.deploy(WAITS)
    async with lab.running() as functions:
        made: list[Undelivered] = []

        async def prepare(owner: Pool) -> Undelivered:
            made.append(Undelivered(owner))
            return made[-1]

        monkeypatch.setattr(functions._starter, "prepare", prepare)
        waiting = asyncio.ensure_future(functions.invoke(ref, b"0"))
        await lab.until(lambda: bool(made and made[0].assigned))
        await functions.reset()
        with pytest.raises(AwsError, match="ended: reset"):
            await asyncio.wait_for(waiting, 1)
        assert len(made) == 1


async def test_versions_and_aliases_run_their_own_code(lab: Lab, said: Said) -> None:
    lab.deploy("def handler(e, c): return ['new', c.function_version]\n")
    lab.deploy("def handler(e, c): return ['one', c.function_version]\n", version="1")
    lab.emulator.answers["/2015-03-31/functions/f/aliases/live"] = {"FunctionVersion": "1"}
    async with lab.running() as functions:
        live = await functions.invoke(FunctionRef(Scope(), "f", "live"), b"{}")
        assert (said(live), live.version) == (["one", "1"], "1")
        assert said(await functions.invoke(FunctionRef(Scope(), "f", "1"), b"{}")) == ["one", "1"]
        assert said(await functions.invoke(FunctionRef(Scope(), "f"), b"{}")) == ["new", "$LATEST"]
        with pytest.raises(AwsError, match="ResourceNotFoundException"):
            await functions.invoke(FunctionRef(Scope(), "f", "none"), b"{}")


async def test_a_weighted_alias_spreads_over_its_versions(lab: Lab) -> None:
    for version in ("1", "2"):
        lab.deploy(f"def handler(e, c): return {version}\n", version=version)
    routing = {"FunctionVersion": "1", "RoutingConfig": {"AdditionalVersionWeights": {"2": 0.5}}}
    lab.emulator.answers["/2015-03-31/functions/f/aliases/live"] = routing
    async with lab.running() as functions:
        ref = FunctionRef(Scope(), "f", "live")
        versions = [(await functions.invoke(ref, b"{}")).version for _ in range(60)]
    assert set(versions) == {"1", "2"}


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"Runtime": "java21"}, "java21"),
    ],
)
async def test_what_cannot_run_here_is_refused_in_words(lab: Lab, config: dict[str, Any], words: str) -> None:
    ref = lab.deploy(WAITS, **config)
    async with lab.running() as functions:
        with pytest.raises(AwsError, match=words) as refused:
            await functions.invoke(ref, b"0")
    assert refused.value.code == "InvalidRuntimeException"


async def test_a_version_that_is_not_here_runs_on_the_nearest(lab: Lab, said: Said) -> None:
    ref = lab.deploy("import sys\ndef handler(e, c): return list(sys.version_info[:2])\n", Runtime="python3.99")
    async with lab.running() as functions:
        assert said(await functions.invoke(ref, b"{}")) == [int(part) for part in lab.version.split(".")]
        (environment,) = counters(functions)["environments"]
    assert (environment["runtime"], environment["runs_on"]) == ("python3.99", f"python{lab.version}")
