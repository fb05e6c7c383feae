"""What Locust files import: profiles that hold a rate, the running stack as host, hot users, replays, a record.

    from staticfire.load import kit

    class ShopClient(kit.HttpUser):
        api = "shop"

        @task
        def order(self) -> None:
            self.write("POST /orders", {"item": "rope"}, sent={"key": "k-1", "item": "rope"}, headers={...}, check=...)

Such a file runs under plain `locust` with all of its flags. Without `--profile` they mean what they always mean; with
one, `-u` is the number of users at the highest rate and `-t` the time of all stages together. It depends on Locust and
the standard library alone.
"""

from __future__ import annotations

import json
import logging
import os
import random
import signal
import time
import urllib.error
import urllib.request
from argparse import Namespace
from collections import deque
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import gevent
from locust import FastHttpUser, LoadTestShape, events
from locust.argument_parser import LocustArgumentParser
from locust.contrib.fasthttp import ResponseContextManager
from locust.env import Environment
from locust.exception import StopUser
from locust.runners import STATE_CLEANUP, MasterRunner, WorkerRunner

from staticfire import settings
from staticfire.errors import StaticfireError
from staticfire.host.files import read_json
from staticfire.host.timespan import parse_seconds
from staticfire.layout import Layout

from . import journal
from .draws import Replays, Zipf
from .profiles import PROFILES, Asked, Profile, Stage
from .record import VARIABLE as RECORD
from .record import Record, Tally
from .thresholds import Limits, judge, step_holds

__all__ = ["Check", "HttpUser", "Replays", "Zipf", "object_of", "status"]

log = logging.getLogger("staticfire.load")

UNSHAPED_PACE = 10.0
SPAWN_RATE = 100.0
CATCH_UP_SECONDS = 1.0
STOP_SECONDS = 30.0
WORKERS_LATE_SECONDS = 4.0

# What is wrong with an answer; None: nothing.
Check = Callable[[ResponseContextManager], str | None]


class HttpUser(FastHttpUser):
    """A client that keeps its pace whatever the answers take. `api` names the HTTP API where the host is a stack."""

    abstract = True
    api: str | None = None
    _writer = journal.writer()

    def on_start(self) -> None:
        self.base = api_url((self.host or "").rstrip("/"), self.api)
        # Users start together; what they send must not come in waves.
        period = self._period
        self._due = time.monotonic() + random.random() * period
        gevent.sleep(self._due - time.monotonic() if period else 0)

    def wait_time(self) -> float:
        period = self._period
        now = time.monotonic()
        self._due = max(self._due + period, now - CATCH_UP_SECONDS)
        return max(0.0, self._due - now) if period else 0.0

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
        self._stop_at_the_end()
        method, path = route.split(" ", 1)
        url = self.base + path.format_map(at or {})
        with self.client.request(method, url, name=route, headers=dict(headers or {}), catch_response=True) as answer:
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
        self._stop_at_the_end()
        method, path = route.split(" ", 1)
        number = self._writer.sending(sent, time.time()) if self._writer else 0
        url = self.base + path.format_map(at or {})
        with self.client.request(
            method, url, name=route, json=body, headers=dict(headers or {}), catch_response=True
        ) as answer:
            content = object_of(answer)
            if self._writer:
                self._writer.answered(number, time.time(), answer.status_code or None, content)
            return content if _mark(answer, check) else None

    def _stop_at_the_end(self) -> None:
        """Locust ends users that wait. One that wakes just then would be ended with a request under way."""
        if self.environment.runner is None or self.environment.runner.state == STATE_CLEANUP:
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
    served = read_json(Layout.of(project).edge, "endpoint")
    return str(served["endpoint"]) if served else project.endpoint or f"http://{project.host}:{project.port}"


@cache
def api_url(host: str, api: str | None) -> str:
    """The API's own URL: the host, unless that is a running stack, which may have many."""
    if api is None or "execute-api" in host:
        return host
    if not isinstance(_ask(host, "/_staticfire/health"), dict):
        return host
    found = [each for each in _ask(host, "/v2/apis")["items"] if each["name"] == api]
    if not found:
        raise SystemExit(f"There is no HTTP API named {api!r} at {host}.\n  remedy: Apply the stack: `staticfire up`.")
    identity = found[0]["apiId"]
    stage = _ask(host, f"/v2/apis/{identity}/stages")["items"][0]["stageName"]
    return f"{host}/_aws/execute-api/{identity}/{stage}"


def _ask(host: str, path: str) -> Any:
    """The JSON below `host`, whatever its status; None when what is there is no JSON."""
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


# -- what was measured


class Measured:
    """Tallies of this process's requests since they were last taken."""

    def __init__(self) -> None:
        self._tallies: dict[tuple[int, str], Tally] = {}

    def request(self, name: str, response_time: float, exception: Exception | None, **_: Any) -> None:
        key = (int(time.time()), name)
        tally = self._tallies.get(key)
        if tally is None:
            tally = self._tallies[key] = Tally()
        tally.add(response_time, exception is not None)

    def take(self) -> list[dict[str, Any]]:
        taken, self._tallies = self._tallies, {}
        return [{"second": second, "name": name, **tally.line()} for (second, name), tally in taken.items()]


class Leader:
    """Writes the record of the run: its own requests and its workers', and the phases; then judges it."""

    def __init__(self, path: Path | None, measured: Measured) -> None:
        self._path = path
        self._measured = measured
        self._lines: list[Mapping[str, Any]] = []

    def add(self, *lines: Mapping[str, Any]) -> None:
        self._lines += lines
        if self._path is not None and lines:
            with self._path.open("ab") as file:
                file.write(b"".join(json.dumps(line).encode() + b"\n" for line in lines))

    def begin(self, stage: Stage) -> None:
        self.collect()
        self.add({"phase": stage.name, "at": time.time(), "users": stage.users, "rate": stage.rate})

    def end(self, *, cut: bool = False) -> None:
        """The run is over; `cut`: in the middle of a phase that is not to count."""
        self.collect()
        self.add({"phase": None, "at": time.time(), "cut": cut})

    def collect(self) -> None:
        self.add(*self._measured.take())

    def collect_each_second(self) -> None:
        while True:
            gevent.sleep(1)
            self.collect()

    @property
    def record(self) -> Record:
        return Record(self._lines)


class Shape(LoadTestShape):
    """The stages of a profile in turn. A ramp ends early, once a step that is over did not hold."""

    def __init__(self, profile: Profile, stages: list[Stage], leader: Leader, limits: Limits, late: float) -> None:
        self._profile = profile
        self._stages = deque(stages)
        self._leader = leader
        self._limits = limits
        self._late = late
        self._stage: Stage | None = None
        self._ends = 0.0
        self._unjudged: deque[float] = deque()  # when the stages began before which nothing was judged yet
        self._judged = 0

    def tick(self) -> tuple[int, float] | None:
        now = time.time()
        if self._stage is None or now >= self._ends:
            if not self._stages:
                self._leader.end()
                return None
            self._stage = self._stages.popleft()
            self._ends = now + self._stage.seconds
            self._leader.begin(self._stage)
            self._unjudged.append(time.time())
        if self._profile.name == "ramp" and self._over():
            self._leader.end(cut=True)
            return None
        return self._stage.users, SPAWN_RATE

    def end(self) -> None:
        """No more stages: users finish what they have begun."""
        self._stages.clear()
        self._ends = 0.0

    def _over(self) -> bool:
        """Whether a step did not hold, of those that are over and whose figures have come from all workers."""
        if not self._unjudged or self._unjudged[0] + self._late > time.time():
            return False  # the whole record is read once a step, not at each tick: that would hold up the users
        self._unjudged.popleft()
        record = self._leader.record
        ready = [step for step in record.measured[:-1] if step.ended + self._late <= time.time()]
        fresh, self._judged = ready[self._judged :], len(ready)
        return any(not step_holds(record, step, self._limits) for step in fresh)


# -- Locust's events


def _options(parser: LocustArgumentParser) -> None:
    names = "; ".join(f"{profile.name}: {profile.what}" for profile in PROFILES.values())
    group = parser.add_argument_group("Profiles", f"--profile NAME chooses one. {names}.")
    group.add_argument("--rate", type=float, help="highest rate of the profile, in requests a second")
    group.add_argument("--warm-up", type=parse_seconds, default=5.0, help="time before it, which does not count: 5s")
    group.add_argument("--max-p95", type=float, default=Limits.p95_ms, help="95th percentile, in ms, that must be kept")
    group.add_argument("--max-errors", type=float, default=Limits.errors, help="share of failures that is allowed")
    group.add_argument("--min-rate", type=float, help="rate that must be kept; default: 0.9 of the profile's")


def _init(environment: Environment, runner: Any, **_: Any) -> None:
    options = environment.parsed_options
    assert options is not None
    measured = Measured()
    environment.events.request.add_listener(measured.request)
    if isinstance(runner, WorkerRunner):
        environment.events.report_to_master.add_listener(lambda client_id, data: data.update(seconds=measured.take()))
        environment.stop_timeout = STOP_SECONDS
        return
    _find_host(environment, options)
    path = os.environ.get(RECORD)
    leader = Leader(Path(path) if path else None, measured)
    environment.events.worker_report.add_listener(lambda client_id, data: leader.add(*data.pop("seconds", ())))
    environment.events.cpu_warning.add_listener(
        lambda environment, cpu_usage, **_: leader.add(
            {"warning": f"A load generating process used {cpu_usage:.0f} % of a core.", "at": time.time()}
        )
    )
    if options.profile is not None:
        _shape(environment, options, leader, late=WORKERS_LATE_SECONDS if isinstance(runner, MasterRunner) else 1.0)
    gevent.spawn(leader.collect_each_second)


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
    asked = Asked(options.rate, options.num_users, options.run_time, options.warm_up)
    limits = Limits(options.max_p95, options.max_errors, options.min_rate)
    environment.stop_timeout = environment.stop_timeout or STOP_SECONDS
    options.run_time = None  # the shape's own, and Locust would count the warm-up
    # Not an option of Locust's own: its master hands it to the workers.
    options.pace = profile.pace(asked)
    shape = environment.shape_class = Shape(profile, profile.stages(asked), leader, limits, late)
    # Locust itself would take this signal only once the shape is over, and die of it before.
    gevent.signal_handler(signal.SIGTERM, shape.end)

    def end(environment: Environment, **_: Any) -> None:
        if not leader.record.ended:  # interrupted
            leader.end()
        thresholds = judge(leader.record, profile.name, limits)
        for threshold in thresholds:
            log.log(logging.INFO if threshold.holds else logging.ERROR, "threshold %s", threshold)
        environment.process_exit_code = 0 if all(threshold.holds for threshold in thresholds) else 1

    environment.events.quitting.add_listener(end)


events.init_command_line_parser.add_listener(_options)
events.init.add_listener(_init)
