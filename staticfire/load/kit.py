"""What Locust files import: profiles that hold a rate, the running stack as host, hot users, replays, a record.

    from staticfire.load import kit

    class ShopClient(kit.HttpUser):
        api = "shop"

        @task
        def order(self) -> None:
            self.write("POST /orders", {"item": "rope"}, sent={"key": "k-1", "item": "rope"}, headers={...}, check=...)

Such a file runs under plain `locust` with all of its flags. Without `--profile` they mean what they always mean; with
one, `-u` is the number of users at the highest rate and `-t` the time of all stages together. At the end of a run users
finish what they have begun, within what `-s` says, or 30 seconds. It depends on Locust and the standard library alone.
"""

from __future__ import annotations

import json
import logging
import os
import random
import signal
import time
import urllib.error
import urllib.parse
import urllib.request
from argparse import Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import gevent
from gevent.event import AsyncResult
from locust import FastHttpUser, argument_parser, events
from locust.argument_parser import LocustArgumentParser
from locust.contrib.fasthttp import ResponseContextManager
from locust.env import Environment
from locust.exception import StopUser
from locust.runners import MasterRunner, WorkerRunner

from staticfire import settings
from staticfire.errors import StaticfireError
from staticfire.host.files import read_json
from staticfire.layout import Layout
from staticfire.timespan import parse_timespan

from . import journal
from .arrivals import Arrivals
from .leader import LATE, Leader, RequestTallies
from .profiles import CLOSED, OPEN, PROFILES, LoadOptions
from .random_choices import Replays, Zipf
from .record import VARIABLE as RECORD
from .shape import STOP_SECONDS, WORKERS_LATE_SECONDS, Shape
from .thresholds import LoadLimits, judge, limits_of, steps_of

__all__ = ["Check", "HttpUser", "Replays", "Zipf", "object_of", "status"]

log = logging.getLogger("staticfire.load")

UNSHAPED_PACE = 10.0
CATCH_UP_SECONDS = 1.0
NO_ANSWER = "no answer by the end of the run"


@dataclass
class _Process:
    """What all users of this process share: `arrivals` None: each of them waits for its answers."""

    tallies: RequestTallies = field(default_factory=RequestTallies)
    arrivals: Arrivals | None = None


_process = _Process()

# What is wrong with an answer; None: nothing.
Check = Callable[[ResponseContextManager], str | None]


class HttpUser(FastHttpUser):
    """A client that sends when its requests are due. `api` names the HTTP API where the host is a stack."""

    abstract = True
    api: str | None = None
    _writer: journal.Lines | None = journal.writer()
    _stopped = False
    _turn: AsyncResult | None = None
    # When the next request is due; None: whenever it is sent.
    _due: float | None = None

    def on_start(self) -> None:
        self.base = api_url((self.host or "").rstrip("/"), self.api)
        if _process.arrivals is not None:
            # What a subclass sends to begin with is nobody's turn; its first task is.
            tasks: Any = self._taskset_instance
            tasks.on_start = partial(self._await_turn, _process.arrivals)
        elif period := self._period:
            # Users start together; what they send must not come in waves.
            self._paced = self._due = time.monotonic() + random.random() * period
            gevent.sleep(self._due - time.monotonic())

    def wait_time(self) -> float:
        if _process.arrivals is not None:
            self._await_turn(_process.arrivals)
            return 0.0
        period = self._period
        if not period:
            return 0.0
        now = time.monotonic()
        self._paced += period
        if self._paced < now - CATCH_UP_SECONDS:
            dropped = int((now - CATCH_UP_SECONDS - self._paced) / period) + 1
            _process.tallies.drop(dropped)
            self._paced += dropped * period
        self._due = self._paced
        return max(0.0, self._due - now)

    def _await_turn(self, arrivals: Arrivals) -> None:
        """Until a request is due, and no user that was busy later is idle."""
        self._turn = turn = arrivals.next()
        try:
            self._due = turn.get()
        except BaseException:
            arrivals.leave(turn)
            raise
        finally:
            self._turn = None

    @property
    def _period(self) -> float:
        pace: float = getattr(self.environment.parsed_options, "pace", UNSHAPED_PACE)
        return 1 / pace if pace else 0.0

    def read(
        self,
        route: str,
        check: Check,
        *,
        at: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """`route` is `METHOD /path`, `at` fills in its `{parameters}`; `check` gives what is wrong with the answer."""
        self._go_on_or_stop()
        with self._request(route, at, headers) as answer:
            _mark(answer, check)

    def write(
        self,
        route: str,
        body: Mapping[str, Any],
        *,
        sent: Mapping[str, Any],
        check: Check,
        headers: Mapping[str, str] | None = None,
        at: Mapping[str, str] | None = None,
    ) -> Mapping[str, Any] | None:
        """Send one write, and put it into the journal as `sent`; the answer's object if it was the right one."""
        self._go_on_or_stop()
        number = self._writer.sending(sent, time.time()) if self._writer else 0
        with self._request(route, at, headers, json=body) as answer:
            content = object_of(answer)
            if self._writer:
                self._writer.answered(number, time.time(), answer.status_code or None, content)
            return content if _mark(answer, check) else None

    def _request(
        self, route: str, at: Mapping[str, str] | None, headers: Mapping[str, str] | None, **body: Any
    ) -> ResponseContextManager:
        method, path = route.split(" ", 1)
        url = self.base + path.format_map(at or {})
        due, self._due = self._due, None
        context = {} if due is None else {LATE: max(0.0, time.monotonic() - due) * 1000}
        _process.tallies.in_flight += 1
        began = time.monotonic()
        try:
            return self.client.request(
                method, url, name=route, headers=dict(headers or {}), catch_response=True, context=context, **body
            )
        except gevent.GreenletExit:  # Locust, which ends whoever still waits, does not count it
            waited = (time.monotonic() - began) * 1000
            _process.tallies.request(route, waited, TimeoutError(NO_ANSWER), context)
            raise
        finally:
            _process.tallies.in_flight -= 1

    def stop(self, force: bool = False) -> bool:
        self._stopped = True
        killed = bool(super().stop(force))
        if not killed and self._turn is not None and not self._turn.ready() and _process.arrivals is not None:
            _process.arrivals.leave(self._turn)
            self._turn.set_exception(StopUser())
        return killed

    def _go_on_or_stop(self) -> None:
        """Locust ends a user that waits a moment after it decided to. One that wakes meanwhile must send nothing."""
        if self._stopped:
            if self._due is not None and _process.arrivals is not None:
                _process.arrivals.issue(self._due)
            raise StopUser


def _mark(answer: ResponseContextManager, check: Check) -> bool:
    problem = check(answer) if answer.status_code else "no answer"
    if problem is None:
        answer.success()
    else:
        answer.failure(problem)
    return problem is None


def object_of(answer: ResponseContextManager) -> Mapping[str, Any]:
    """The answer's JSON object; an empty one where it is none."""
    try:
        content = json.loads(answer.text or "")
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def status(expected: int) -> Check:
    """A check: any other status is a failure, shown with what the answer says."""

    def check(answer: ResponseContextManager) -> str | None:
        if answer.status_code == expected:
            return None
        # Locust counts failures by their text: what differs from answer to answer must not be in it.
        return f"{answer.status_code}: {object_of(answer).get('message', '')}"

    return check


# -- where the load goes


def running_endpoint() -> str:
    """AWS_ENDPOINT_URL (`eval "$(staticfire env)"` sets it), else what `staticfire up` started in this project."""
    if named := os.environ.get("AWS_ENDPOINT_URL"):
        return named
    project = settings.load()
    served = read_json(Layout.of(project).edge, endpoint=str)
    return str(served["endpoint"]) if served else project.endpoint or f"http://{project.host}:{project.port}"


@cache
def api_url(host: str, api: str | None) -> str:
    """The API's own URL: the host, unless that is a running stack, which may have many."""
    if api is None or "execute-api" in host:
        return host
    if not isinstance(_ask(host, "/_staticfire/health"), dict):
        return host
    named = [item for item in _ask(host, "/v2/apis")["items"] if item["name"] == api]
    if not named:
        raise SystemExit(f"There is no HTTP API named {api!r} at {host}.\n  remedy: Apply the stack: `staticfire up`.")
    identity = named[0]["apiId"]
    stage = _ask(host, f"/v2/apis/{identity}/stages")["items"][0]["stageName"]
    return f"{host}/_aws/execute-api/{identity}/{urllib.parse.quote(stage, safe='')}"


def _ask(host: str, path: str) -> Any:
    """The JSON below `host`, whatever its status; None when what is there is not JSON."""
    try:
        with urllib.request.urlopen(host + path, timeout=30) as answer:
            content = answer.read()
    except urllib.error.HTTPError as error:
        content = error.read()
    except OSError as error:
        raise SystemExit(
            f"Nothing answers at {host}: {error}.\n"
            "  remedy: Start the stack with `staticfire up`, or name another with --host."
        ) from error
    try:
        return json.loads(content)
    except ValueError:
        return None


# -- Locust's events


def _options(parser: LocustArgumentParser) -> None:
    names = "; ".join(f"{profile.name}: {profile.what}" for profile in PROFILES.values())
    # Locust's own default is all interfaces: its page starts loads, and asks nobody for a password.
    parser.set_defaults(web_host="127.0.0.1", master_bind_host="127.0.0.1")
    group = parser.add_argument_group("Profiles", f"--profile NAME chooses one. {names}.")
    group.add_argument("--rate", type=float, help="highest rate of the profile, in requests a second")
    group.add_argument("--warm-up", type=parse_timespan, default="5s", help="time before it, which does not count: 5s")
    group.add_argument(
        "--model",
        choices=(OPEN, CLOSED),
        default=OPEN,
        help="open: requests are sent when due; closed: users wait for their answers (default: open)",
    )
    group.add_argument(
        "--max-p95", type=parse_timespan, help="95th percentile that must be kept: 200ms; default: by the unloaded one"
    )
    group.add_argument("--max-errors", type=float, default=LoadLimits.errors, help="share of failures that is allowed")
    group.add_argument("--min-rate", type=float, help="rate that must be kept; default: 0.9 of the profile's")


def _init(environment: Environment, runner: Any, **_: Any) -> None:
    options = environment.parsed_options
    assert options is not None
    measured = _process.tallies
    environment.events.request.add_listener(measured.request)
    environment.stop_timeout = environment.stop_timeout or STOP_SECONDS
    environment.events.test_start.add_listener(_arrive)
    gevent.spawn(measured.sample_each_second)
    if isinstance(runner, WorkerRunner):
        _report(environment, measured)
        return
    _find_host(environment, options)
    path = os.environ.get(RECORD)
    journaled = os.environ.get(journal.VARIABLE)
    leader = Leader(Path(path) if path else None, measured, Path(journaled) if journaled else None)
    environment.events.worker_report.add_listener(leader.report)
    environment.events.quitting.add_listener(lambda **_: leader.collect())
    environment.events.cpu_warning.add_listener(
        lambda environment, cpu_usage, **_: leader.add(
            {"warning": f"A load generating process used {cpu_usage:.0f} % of a core.", "at": time.time()}
        )
    )
    if options.profile is not None:
        _shape(environment, options, leader, late=WORKERS_LATE_SECONDS if isinstance(runner, MasterRunner) else 1.0)
    gevent.spawn(leader.collect_each_second)


def _report(environment: Environment, measured: RequestTallies) -> None:
    """Have a worker tell its master what it measured, what it wrote if it has no journal, and what time it is."""
    reported = None
    if HttpUser._writer is None:
        reported = HttpUser._writer = journal.Reported()

    def add(client_id: str, data: dict[str, Any]) -> None:
        data.update(seconds=measured.take(), journal=reported.take() if reported else [], clock=time.time())

    environment.events.report_to_master.add_listener(add)


def _arrive(environment: Environment, **_: Any) -> None:
    """Where the load is open, begin to issue what is due. A worker knows the model once its master has told it."""
    pace: float = getattr(environment.parsed_options, "open_pace", 0.0)
    if pace and not isinstance(environment.runner, MasterRunner):
        runner = environment.runner
        assert runner is not None
        arrivals = _process.arrivals = Arrivals(pace, lambda: runner.user_count)
        _process.tallies.unsent = arrivals.unsent
        issuing = gevent.spawn(arrivals.run)

        def end(**_: Any) -> None:
            issuing.kill()
            arrivals.end()
            _process.tallies.sample()

        environment.events.test_stop.add_listener(end)


def _find_host(environment: Environment, options: Namespace) -> None:
    try:
        environment.host = environment.host or running_endpoint()
    except StaticfireError as error:
        raise SystemExit(str(error)) from error
    if options.headless:
        for user in environment.user_classes:
            if issubclass(user, HttpUser):
                api_url(environment.host.rstrip("/"), user.api)


def _shape(environment: Environment, options: Namespace, leader: Leader, late: float) -> None:
    profile = PROFILES.get(options.profile)
    if profile is None:
        raise SystemExit(f"There is no profile {options.profile!r}; there are: {', '.join(PROFILES)}.")
    chosen = LoadOptions(options.rate, options.num_users, options.run_time, options.warm_up, options.model)
    limits = LoadLimits(
        None if options.max_p95 is None else options.max_p95 * 1000, options.max_errors, options.min_rate
    )
    options.run_time = None  # the shape's own, and Locust would count the warm-up
    # Not options of Locust's own: its master hands them to the workers.
    options.pace = profile.pace(chosen)
    options.open_pace = options.pace if profile.model(chosen) == OPEN else 0.0
    phases = profile.phases(chosen, unloaded=limits.p95_ms is None)
    shape = environment.shape_class = Shape(profile, phases, leader, limits, late)
    shape.runner = environment.runner
    # Locust itself would take this signal only once the shape is over, and die of it before.
    gevent.signal_handler(signal.SIGTERM, shape.end)

    def end(environment: Environment, **_: Any) -> None:
        leader.end()
        record = leader.record
        thresholds = judge(record, steps_of(record), profile.name, limits_of(record, profile, limits))
        for threshold in thresholds:
            log.log(logging.INFO if threshold.holds else logging.ERROR, "threshold %s", threshold)
        environment.process_exit_code = 0 if all(threshold.holds for threshold in thresholds) else 1

    environment.events.quitting.add_listener(end)


# Locust's worker asks this for each option of every message that changes its users, and its parser is made anew for it.
# That is a tenth of a second of the CPU, on a busy machine a second, in which it sends nothing and misses heartbeats.
argument_parser.default_args_dict = cache(argument_parser.default_args_dict)
events.init_command_line_parser.add_listener(_options)
events.init.add_listener(_init)
