"""Functions that carry a debugger, as an editor sees them: scripted debuggers attach to real processes."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from staticfire.edge.aws.calls import AwsError
from staticfire.edge.services.lambda_ import FunctionRef, Functions, debugging
from staticfire.edge.services.lambda_.debugging import DebugSession
from staticfire.host.ports import free_port, port_holder, port_is_free
from staticfire.layout import Layout
from staticfire.settings import load
from staticfire.toolchain.venvs import lock_file, virtual_environment
from tests.unit.edge.services.lambda_.conftest import ROOT
from tests.unit.edge.services.lambda_.debuggers import DebuggerRefused, NodeDebugger, PythonDebugger, line_of, written
from tests.unit.edge.services.lambda_.kit import Change, Lab, Said, Together

SOURCE = """
import os

STARTED = "at the top"

def total(order):
    amount = order["amount"]
    doubled = amount * 2
    return doubled

def handler(event, context):
    if event.get("fail"):
        raise KeyError("an order without an amount")
    return [total(event), context.get_remaining_time_in_millis() > 3_600_000]
"""
FILE = "shop/api.py"
AMOUNT = line_of(SOURCE, "amount = ")
HANDLER: dict[str, Any] = {"Handler": "shop.api.handler"}


@pytest.fixture(scope="session")
def debugger(runtime_python: str, runtime_version: str) -> str:
    """The directory that holds debugpy for the runtime's Python."""
    base = "import sys; print(sys._base_executable)"
    run = subprocess.run([runtime_python, "-c", base], check=True, capture_output=True, text=True)
    name, layout = f"debugpy-{runtime_version}", Layout.of(load(ROOT))
    python = virtual_environment(name, lock_file("debugpy"), Path(run.stdout.strip()), layout)
    return str(python.parent.parent / "lib" / f"python{runtime_version}" / "site-packages")


class Bench:
    """A deployed function of the user's, and debuggers for it."""

    def __init__(self, lab: Lab, functions: Functions, ref: FunctionRef, session: DebugSession, sources: Path) -> None:
        self.lab = lab
        self.functions = functions
        self.ref = ref
        self.session = session
        self.file = str(sources / FILE)
        self._mappings = {"/var/task": str(sources)}
        self._attached: list[PythonDebugger] = []

    async def listening(self) -> None:
        await self.lab.until(lambda: _answers(self.session.port))

    async def attach(self, *lines: int, exceptions: tuple[str, ...] = ()) -> PythonDebugger:
        await self.listening()
        breakpoints = {self.file: list(lines)}
        while True:
            self.session.keep()
            try:
                attached = await PythonDebugger.connect(self.session.port)
                self._attached.append(attached)
                await attached.attach(self._mappings, breakpoints, list(exceptions))
            except (DebuggerRefused, ConnectionError):  # a moment after the one before has gone
                await asyncio.sleep(0.05)
            else:
                return attached

    def invoke(self, payload: bytes = b'{"amount": 4}', **options: Any) -> asyncio.Task[Any]:
        return asyncio.create_task(self.functions.invoke(self.ref, payload, **options))

    async def close(self) -> None:
        for attached in self._attached:
            await attached.close()


def _answers(port: int) -> bool:
    """Whether something listens there: without a connection, which would be taken for a debugger."""
    return not port_is_free("127.0.0.1", port)


@asynccontextmanager
async def debugged(
    lab: Lab, debugger: str, *, waits: bool = False, files: Mapping[str, str] | None = None, **config: Any
) -> AsyncIterator[Bench]:
    files = files or {FILE: SOURCE}
    sources = written(lab.directory / "src", files)
    ref = lab.deploy(files, **{**HANDLER, **config})
    async with lab.running() as functions:
        session = await functions.debug(ref, free_port(), waits=waits, debugger=debugger)
        bench = Bench(lab, functions, ref, session, sources)
        try:
            yield bench
        finally:
            await bench.close()


async def test_a_breakpoint_a_step_variables_and_no_time_out(lab: Lab, debugger: str, said: Said) -> None:
    async with debugged(lab, debugger, Timeout=1) as bench:
        attached = await bench.attach(AMOUNT)
        answer = bench.invoke(patience=0.2)
        reason, thread, file, line = await attached.stopped()
        assert (reason, file, line) == ("breakpoint", bench.file, AMOUNT)
        assert (await attached.variables(thread))["order"] == "{'amount': 4}"
        await asyncio.sleep(1.2)  # longer than its time-out, and than its caller waits
        await attached.ask("next", threadId=thread)
        assert (await attached.stopped())[2:] == (bench.file, AMOUNT + 1)
        assert (await attached.variables(thread))["amount"] == "4"
        await attached.ask("continue", threadId=thread)
        assert said(await answer) == [8, True]


async def test_it_stops_at_an_exception(lab: Lab, debugger: str, said: Said) -> None:
    async with debugged(lab, debugger) as bench:
        attached = await bench.attach(exceptions=("raised",))
        answer = bench.invoke(b'{"fail": true}')
        reason, thread, file, line = await attached.stopped()
        assert (reason, file, line) == ("exception", bench.file, line_of(SOURCE, "raise "))
        assert "KeyError" in (await attached.ask("exceptionInfo", threadId=thread))["exceptionId"]
        await attached.ask("setExceptionBreakpoints", filters=[])
        await attached.ask("continue", threadId=thread)
        assert said(await answer)["errorType"] == "KeyError"


async def test_the_code_waits_for_a_debugger_that_wants_to_see_it_begin(lab: Lab, debugger: str) -> None:
    async with debugged(lab, debugger, waits=True) as bench:
        answer = bench.invoke()
        attached = await bench.attach(line_of(SOURCE, "STARTED"))
        _, thread, file, line = await attached.stopped()
        assert (file, line) == (bench.file, line_of(SOURCE, "STARTED"))
        await attached.ask("continue", threadId=thread)
        assert (await answer).error is None


async def test_invocations_wait_for_the_one_execution_environment(lab: Lab, debugger: str, said: Said) -> None:
    async with debugged(lab, debugger, reserved=1) as bench:
        attached = await bench.attach(AMOUNT)
        answers = [bench.invoke() for _ in range(3)]
        for _ in answers:
            _, thread, _, _ = await attached.stopped()
            (running,) = bench.functions.snapshot()["functions"][0]["environments"]
            assert (running["state"], running["debug_port"]) == ("busy", bench.session.port)
            await attached.ask("continue", threadId=thread)
        assert [said(await answer)[0] for answer in answers] == [8, 8, 8]
        assert bench.functions.snapshot()["functions"][0]["throttles"] == 0


async def test_a_debugger_that_goes_lets_it_run_on_and_may_come_again(lab: Lab, debugger: str, said: Said) -> None:
    async with debugged(lab, debugger) as bench:
        first = await bench.attach(AMOUNT)
        answer = bench.invoke()
        await first.stopped()
        await first.ask("disconnect")
        assert said(await answer)[0] == 8
        second = await bench.attach(AMOUNT)
        answer = bench.invoke()
        _, thread, _, line = await second.stopped()
        assert line == AMOUNT
        await second.ask("continue", threadId=thread)
        assert said(await answer)[0] == 8


async def test_a_debugger_that_is_killed_lets_it_run_on(lab: Lab, debugger: str, said: Said) -> None:
    async with debugged(lab, debugger) as bench:
        attached = await bench.attach(AMOUNT)
        answer = bench.invoke()
        await attached.stopped()
        await attached.close()
        assert said(await answer)[0] == 8


async def test_where_debugpy_has_ended_alone_there_is_another_one(lab: Lab, debugger: str) -> None:
    async with debugged(lab, debugger) as bench:
        await bench.listening()
        before = bench.session.describe()["environment"]
        os.kill(int(port_holder(bench.session.port).removeprefix("pid ").partition(":")[0]), signal.SIGKILL)

        def another() -> bool:
            bench.session.keep()
            now = bench.session.describe()["environment"]
            return now is not None and now["id"] != before["id"]

        await bench.lab.until(another)
        await bench.attach(AMOUNT)


async def test_one_that_is_killed_is_followed_by_another_at_the_same_port(lab: Lab, debugger: str, said: Said) -> None:
    async with debugged(lab, debugger) as bench:
        await (await bench.attach(AMOUNT)).close()
        (killed,) = bench.functions.snapshot()["functions"][0]["environments"]
        assert bench.functions.kill(killed["id"])
        await bench.lab.until(lambda: bench.session.describe()["environment"] not in (None, killed))
        attached = await bench.attach(AMOUNT)
        answer = bench.invoke()
        _, thread, _, _ = await attached.stopped()
        await attached.ask("continue", threadId=thread)
        assert said(await answer)[0] == 8


async def test_changed_code_has_the_debugger_once_the_old_is_done(
    lab: Lab, debugger: str, said: Said, change: Change
) -> None:
    async with debugged(lab, debugger) as bench:
        attached = await bench.attach(AMOUNT)
        old = bench.invoke()
        _, thread, _, _ = await attached.stopped()
        bench.lab.deploy({FILE: SOURCE.replace("* 2", "* 3")}, **HANDLER)
        await change(bench.functions, "PUT", "/2015-03-31/functions/f/code")
        new = bench.invoke()
        attached.begin("continue", threadId=thread)  # the answer may not come: it ends as it has ended this
        assert (said(await old)[0], said(await new)[0]) == (8, 12)
        attached = await bench.attach(AMOUNT)
        answer = bench.invoke()
        _, thread, _, _ = await attached.stopped()
        await attached.ask("continue", threadId=thread)
        assert said(await answer)[0] == 12


async def test_the_end_lets_what_waits_go_on_without_a_debugger(
    lab: Lab, debugger: str, said: Said, run_together: Together
) -> None:
    async with debugged(lab, debugger, Timeout=1) as bench:
        attached = await bench.attach(AMOUNT)
        paused, *others = [bench.invoke() for _ in range(3)]
        await attached.stopped()
        assert bench.functions.end_debugging(bench.ref)
        assert [said(outcome) for outcome in await run_together(*others)] == [[8, False]] * 2
        assert "timed out" in said(await paused)["errorMessage"]  # its time-out counts again
        assert not bench.functions.end_debugging(bench.ref)
        await bench.lab.until(lambda: not _answers(bench.session.port))


async def test_what_waits_to_begin_goes_on_when_it_ends(lab: Lab, debugger: str, said: Said) -> None:
    async with debugged(lab, debugger, waits=True) as bench:
        answer = bench.invoke()
        await bench.listening()
        assert bench.functions.end_debugging(bench.ref)
        assert said(await answer) == [8, False]


async def test_it_ends_when_nobody_goes_on_with_it(lab: Lab, debugger: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("staticfire.edge.services.lambda_.service.LEASE_SECONDS", 0.05)
    monkeypatch.setattr(debugging, "LEASE_SECONDS", 0.05)
    async with debugged(lab, debugger) as bench:
        await bench.lab.until(lambda: bench.session.ended)
        assert bench.functions.debugged(bench.ref) is None


async def test_two_functions_are_debugged_at_once(lab: Lab, debugger: str, said: Said) -> None:
    async with debugged(lab, debugger) as first:
        ref = lab.deploy({FILE: SOURCE.replace("* 2", "* 5")}, name="g", **HANDLER)
        with pytest.raises(AwsError, match="f is debugged already") as refused:
            await first.functions.debug(ref, first.session.port, waits=False, debugger=debugger)
        assert refused.value.code == "PortTaken"
        session = await first.functions.debug(ref, free_port(), waits=False, debugger=debugger)
        second = Bench(lab, first.functions, ref, session, lab.directory / "src")
        both = [await bench.attach(AMOUNT) for bench in (first, second)]
        answers = [bench.invoke() for bench in (first, second)]
        stops = [await attached.stopped() for attached in both]
        for attached, (_, thread, file, line) in zip(both, stops, strict=True):
            assert (file, line) == (first.file, AMOUNT)
            await attached.ask("continue", threadId=thread)
        assert [said(await answer)[0] for answer in answers] == [8, 20]
        await second.close()


async def test_a_second_debugger_of_one_function_is_refused(lab: Lab, debugger: str) -> None:
    async with debugged(lab, debugger) as bench:
        with pytest.raises(AwsError, match="f is debugged already, at the port"):
            await bench.functions.debug(bench.ref, free_port(), waits=False, debugger=debugger)


async def test_a_port_that_somebody_took_meanwhile_is_told(lab: Lab, debugger: str, said: Said) -> None:
    ref = lab.deploy({FILE: SOURCE}, **HANDLER)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        async with lab.running() as functions:
            port = taken.getsockname()[1]
            await functions.debug(ref, port, waits=False, debugger=debugger)
            outcome = await functions.invoke(ref, b'{"amount": 1}')
            assert said(outcome)["errorType"] == "Runtime.ExitError"
        lines = "".join(lab.emulator.lines["/aws/lambda/f"])
        assert f"The debugger cannot listen at 127.0.0.1:{port}" in lines


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"Runtime": "provided.al2023", "Handler": "x"}, "only Python and Node"),
        ({"Environment": {"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/x"}}}, "AWS_LAMBDA_EXEC_WRAPPER"),
    ],
)
async def test_what_cannot_carry_a_debugger_is_told(
    lab: Lab, debugger: str, config: dict[str, Any], message: str
) -> None:
    ref = lab.deploy({FILE: SOURCE, "bootstrap": "#!/bin/sh"}, **{**HANDLER, **config})
    async with lab.running() as functions:
        with pytest.raises(AwsError, match=message):
            await functions.debug(ref, free_port(), waits=False, debugger=debugger)


NODE = """
const total = (order) => {
  const amount = order.amount;
  const doubled = amount * 2;
  return doubled;
};
exports.handler = async (event) => {
  if (event.fail) throw new RangeError("an order without an amount");
  return total(event);
};
"""
NODE_HANDLER: dict[str, Any] = {"Runtime": "nodejs20.x", "Handler": "index.handler", "Timeout": 2}


@pytest.mark.parametrize("waits", [False, True])
async def test_node_stops_steps_and_shows_variables(lab: Lab, said: Said, waits: bool) -> None:
    ref = lab.deploy({"index.js": NODE}, **NODE_HANDLER)
    line = line_of(NODE, "const amount")
    async with lab.running() as functions:
        await functions.prepare(NODE_HANDLER["Runtime"])  # the first time it is compiled, which takes a minute
        session = await functions.debug(ref, free_port(), waits=waits)
        await lab.until(lambda: _answers(session.port))
        debugger = await asyncio.to_thread(NodeDebugger, session.port)

        def prepare() -> None:
            debugger.ask("Debugger.enable")
            debugger.ask("Debugger.setBreakpointByUrl", urlRegex=r".*/var/task/index\.js", lineNumber=line - 1)
            debugger.ask("Runtime.runIfWaitingForDebugger")

        def look() -> tuple[str, int, dict[str, Any], int]:
            at = _in_the_code(debugger)
            place = at["callFrames"][0]
            debugger.ask("Debugger.stepOver")
            stepped = debugger.event("Debugger.paused")["callFrames"][0]
            properties = debugger.ask("Runtime.getProperties", objectId=stepped["scopeChain"][0]["object"]["objectId"])
            values = {one["name"]: one["value"].get("value") for one in properties["result"] if "value" in one}
            debugger.ask("Debugger.setPauseOnExceptions", state="all")
            debugger.ask("Debugger.resume")
            return (
                debugger.url(place),
                place["location"]["lineNumber"] + 1,
                values,
                stepped["location"]["lineNumber"] + 1,
            )

        await asyncio.to_thread(prepare)
        answer = asyncio.create_task(functions.invoke(ref, b'{"amount": 4}', patience=0.2))
        url, stopped, values, stepped = await asyncio.to_thread(look)
        assert (url.endswith("/var/task/index.js"), stopped, stepped) == (True, line, line + 1)
        assert values["amount"] == 4
        assert said(await answer) == 8
        failing = asyncio.create_task(functions.invoke(ref, b'{"fail": true}'))
        paused = await asyncio.to_thread(debugger.event, "Debugger.paused")
        assert (paused["reason"], paused["data"]["className"]) == ("promiseRejection", "RangeError")
        await asyncio.to_thread(debugger.ask, "Debugger.disable")
        assert said(await failing)["errorType"] == "RangeError"
        debugger.close()


def _in_the_code(debugger: NodeDebugger) -> dict[str, Any]:
    """The stop in the function's code: a Node that cannot wait stops at its own first line before."""
    while True:
        paused = debugger.event("Debugger.paused")
        if debugger.url(paused["callFrames"][0]).endswith("/var/task/index.js"):
            return paused
        debugger.ask("Debugger.resume")
