"""What a scenario holds of a running stack: its API, its AWS clients, its database, its functions, its mail, faults.

Nothing here knows pytest; the plugin hands these objects out as fixtures, and a script can use them as well. All of
them speak to one account: what a scenario does, it does to its own worker's stack and to nobody else's.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import pg8000.native
import urllib3

from staticfire.edge_client import EdgeClient
from staticfire.host import waiting
from staticfire.progress import Progress
from staticfire.stacks.databases import StackDatabase
from staticfire.stacks.reset import reset
from staticfire.stacks.stack import Stack
from staticfire.stacks.terraform.variables import is_misleading

Seen = TypeVar("Seen")

PATIENCE_SECONDS = 60.0


def wait_until(look: Callable[[], Seen], what: str, patience: float = PATIENCE_SECONDS) -> Seen:
    """What `look()` gives as soon as it is true; an AssertionError with the last thing seen when it never is."""
    seen = waiting.wait_until(look, patience)
    if not seen:
        raise AssertionError(f"Waited {patience:.0f} s in vain for {what}; last seen: {seen!r}")
    return seen


@dataclass(frozen=True)
class ApiAnswer:
    """An HTTP answer. Header names are lower-case; one that came more than once is joined by commas."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        """The body, read as JSON; an AssertionError with the answer when it is not."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise AssertionError(f"This is not JSON: {self}") from None

    def __str__(self) -> str:
        shown = self.body[:500].decode(errors="replace")
        return f"HTTP {self.status}, {self.headers.get('content-type', 'without a content type')}: {shown}"


class ApiClient:
    """A client of one HTTP API: it keeps connections, never retries, and takes every status for an answer.

    Threads may share it. `body` is sent as it is, `json` is written as JSON with its content type.
    """

    def __init__(self, url: str, *, timeout: float = 60.0) -> None:
        self.url = url.rstrip("/")
        self._pool = urllib3.PoolManager(maxsize=64, retries=False, timeout=timeout)

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        body: str | bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> ApiAnswer:
        sent = {name.lower(): value for name, value in (headers or {}).items()}
        if json is not None:
            body = _dump(json)
            sent.setdefault("content-type", "application/json")
        data = body.encode() if isinstance(body, str) else body
        answer = self._pool.request(method, self.url + path, body=data, headers=sent)
        return ApiAnswer(answer.status, {name.lower(): answer.headers[name] for name in answer.headers}, answer.data)

    def get(self, path: str, **options: Any) -> ApiAnswer:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> ApiAnswer:
        return self.request("POST", path, **options)

    def put(self, path: str, **options: Any) -> ApiAnswer:
        return self.request("PUT", path, **options)

    def patch(self, path: str, **options: Any) -> ApiAnswer:
        return self.request("PATCH", path, **options)

    def delete(self, path: str, **options: Any) -> ApiAnswer:
        return self.request("DELETE", path, **options)

    def close(self) -> None:
        self._pool.clear()


def _dump(value: Any) -> str:
    return json.dumps(value)


class AwsClients:
    """`aws("dynamodb")`: boto3 clients of the stack's account, made once each; boto3's clients are thread-safe."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._clients: dict[str, Any] = {}

    def __call__(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self._stack.client(service, max_pool_connections=64, read_timeout=900)
        return self._clients[service]


class FunctionFailed(AssertionError):
    """An invocation ended in an error: what Lambda said, and the end of the function's log."""

    def __init__(self, name: str, error: str, payload: Any, log: str) -> None:
        super().__init__(f"{name} failed ({error}): {json.dumps(payload)}\n{log}")
        self.payload = payload


class AccountFunctions:
    """The account's functions: run one, see how often each ran, and kill what runs it."""

    def __init__(self, aws: AwsClients, edge: EdgeClient, account: str) -> None:
        self._aws = aws
        self._edge = edge
        self._account = account

    def snapshot(self) -> list[dict[str, Any]]:
        """This account's functions as the edge sees them: counters, and execution environments with pid and state."""
        functions = self._edge.functions()["functions"]
        return [function for function in functions if function["account"] == self._account]

    def invocations(self, name: str) -> int:
        """How often the edge ran `name`, every version counted."""
        return sum(function["invocations"] for function in self.snapshot() if function["name"] == name)

    def execution_environments(self, name: str, *, state: str | None = None) -> list[dict[str, Any]]:
        """What runs `name`: id, pid and state (starting, idle, busy) of each execution environment."""
        functions = [function for function in self.snapshot() if function["name"] == name]
        environments = [environment for function in functions for environment in function["environments"]]
        return [environment for environment in environments if state in (None, environment["state"])]

    def kill(self, name: str, *, state: str, at_most: int | None = None) -> int:
        """kill -9 what runs `name`, where it is in `state`; how many processes that were, once all are gone."""

        def running(state: str | None = None) -> list[str]:
            return [environment["id"] for environment in self.execution_environments(name, state=state)]

        victims = set(running(state)[:at_most])
        for victim in victims:
            self._edge.kill_execution_environment(victim)
        wait_until(lambda: victims.isdisjoint(running()), "the end of the killed processes")
        return len(victims)

    def invoke(self, name: str, event: Any = None) -> Any:
        """The function's answer; FunctionFailed, with the end of its log, when it ended in an error."""
        answer = self._aws("lambda").invoke(FunctionName=name, LogType="Tail", Payload=json.dumps(event))
        payload = json.loads(answer["Payload"].read() or b"null")
        if "FunctionError" in answer:
            log = base64.b64decode(answer.get("LogResult", "")).decode(errors="replace")
            raise FunctionFailed(name, answer["FunctionError"], payload, log)
        return payload


class AccountFaults:
    """Faults of this account's AWS API calls, each for the length of a `with` block.

    `kind`: hang, delay (`seconds`), error (`code`, with AWS's status unless `status` is given), drop or reset; `share`
    of the calls are struck, `times` at the most, `when`: before they are carried out or after.
    """

    def __init__(self, edge: EdgeClient, account: str) -> None:
        self._edge = edge
        self._account = account

    @contextlib.contextmanager
    def __call__(self, service: str, *operations: str, kind: str, **options: Any) -> Iterator[Callable[[], int]]:
        """Yield a function that says how many calls were struck so far."""
        with contextlib.ExitStack() as added:
            identities = set()
            for operation in operations or (None,):
                fault = {"service": service, "operation": operation, "account": self._account, "kind": kind, **options}
                identity = self._edge.add_fault(fault)["id"]
                added.callback(self._edge.clear_fault, identity)
                identities.add(identity)
            yield lambda: sum(fault["hits"] for fault in self._edge.faults()["faults"] if fault["id"] in identities)


class AccountMailbox:
    """`mailbox(to="ops@example.com")`: this account's mails, newest first; nothing is really sent."""

    def __init__(self, edge: EdgeClient, account: str) -> None:
        self._edge = edge
        self._account = account

    def __call__(self, *, to: str = "", subject: str = "") -> list[dict[str, Any]]:
        """The mails to that address with that text in the subject."""
        return [mail for mail in self._edge.mails(to=to, account=self._account) if subject in mail["subject"]]

    def wait(self, *, to: str = "", subject: str = "", patience: float = PATIENCE_SECONDS) -> dict[str, Any]:
        """The newest such mail, as soon as there is one."""
        what = f"a mail to {to or 'anybody'} with {subject!r} in its subject"
        return wait_until(lambda: self(to=to, subject=subject), what, patience)[0]

    def empty(self) -> None:
        self._edge.remove_mails(account=self._account)


class AccountLogs:
    """`logs("name", "ERROR")`: the lines that a function wrote to its log group, oldest first, as soon as there is one.

    A line is in CloudWatch Logs a moment after it was written. `at_least` lines are waited for; with `at_least=0` it
    looks once. `pattern` is a filter pattern of CloudWatch Logs.
    """

    def __init__(self, aws: Callable[[str], Any]) -> None:
        self._aws = aws

    def __call__(
        self, function: str, pattern: str = "", *, at_least: int = 1, patience: float = PATIENCE_SECONDS
    ) -> list[str]:
        lines: list[str] = []

        def are_enough() -> bool:
            lines[:] = self._lines(function, pattern)
            return len(lines) >= at_least

        if not waiting.wait_until(are_enough, patience, 0.1):
            what = f"{at_least} lines of {function}" + (f" that match {pattern!r}" if pattern else "")
            raise AssertionError(f"Waited {patience:.0f} s in vain for {what}; last seen: {lines!r}")
        return lines

    def _lines(self, function: str, pattern: str) -> list[str]:
        client = self._aws("logs")
        group = self._aws("lambda").get_function_configuration(FunctionName=function).get("LoggingConfig", {})
        pages = client.get_paginator("filter_log_events").paginate(
            logGroupName=group.get("LogGroup", f"/aws/lambda/{function}"), filterPattern=pattern
        )
        try:
            return [event["message"].rstrip("\n") for page in pages for event in page["events"]]
        except client.exceptions.ResourceNotFoundException:
            return []  # Lambda makes the group with the first line


class StackUnderTest:
    """One applied stack of one account, on whatever target it runs. `endpoint` is where AWS's services answer."""

    def __init__(self, stack: Stack, progress: Progress) -> None:
        self._stack = stack
        self._progress = progress
        self.name = stack.name
        self.account = stack.account
        self.region = stack.running.region
        self.endpoint = stack.running.endpoint
        edge = stack.running.edge()
        self.aws = AwsClients(stack)
        self.functions = AccountFunctions(self.aws, edge, self.account)
        self.faults = AccountFaults(edge, self.account)
        self.mailbox = AccountMailbox(edge, self.account)
        self.logs = AccountLogs(self.aws)

    @property
    def outputs(self) -> Mapping[str, Any]:
        return self._stack.outputs

    @property
    def url(self) -> str:
        """The base URL of the stack's HTTP API."""
        url = self._stack.url
        assert url is not None, f"The stack {self.name} has no HTTP API: its outputs do not name an `api_id`."
        return url

    @property
    def database(self) -> StackDatabase:
        """The stack's own database: its name, the username and password of its role."""
        database = self._stack.database
        assert database is not None, f"The stack {self.name} has no database of its own (`database = true`)."
        return database

    def connect(self) -> pg8000.native.Connection:
        """A connection to the stack's database, as the stack's own role; each statement commits, and `with` closes."""
        return self.database.connect()

    @cached_property
    def api(self) -> ApiClient:
        return ApiClient(self.url)

    def apply(self) -> None:
        """`terraform apply`, even when nothing changed."""
        self._stack.up(self._progress, force=True)

    def tflocal(self, directory: Path, *arguments: str) -> subprocess.Popen[str]:
        """Terraform by hand, as after `eval "$(staticfire env)"`, started in a copy of the stack's Terraform root."""
        environ = {name: value for name, value in os.environ.items() if not is_misleading(name)}
        return subprocess.Popen(
            [sys.executable, str(Path(sysconfig.get_path("scripts")) / "tflocal"), *arguments],
            cwd=directory,
            env=environ | dict(self._stack.shell_variables()),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def plan(self) -> tuple[bool, str]:
        """Whether another apply would change nothing, and what the plan says."""
        return self._stack.plan_is_empty(self._progress)

    def empty(self) -> None:
        """Delete the data of this stack and account; everything that Terraform made stays."""
        reset([self._stack])
