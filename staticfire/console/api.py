"""What answers the calls of the console's API. Each is one blocking function; the server runs them in threads."""

from __future__ import annotations

import http.client
import json
import re
import time
import urllib.error
import urllib.request
from base64 import b64decode
from typing import Any
from urllib.parse import urlencode, urlsplit

from staticfire.edge_client import EdgeClient
from staticfire.errors import UsageError
from staticfire.layout import Layout
from staticfire.settings import Settings

from . import objects, source, sql
from .aws import AwsCalls, CallFailed, to_json
from .fields import BadInput
from .loads import Loads, NoSuchRun
from .objects import NoSuchTrace
from .openapi import document
from .stack_now import StackNow, overview

SEND_SECONDS = 120.0
MOST = 4 * 1024 * 1024  # of an answer that is shown
EDGE_SECONDS = 10.0
NotThere = (NoSuchRun, NoSuchTrace)
_ACCOUNT = re.compile(r"\d{12}")
# What a client does not send again: it is of one connection, or is reckoned anew.
_OF_A_CONNECTION = frozenset(
    ("connection", "content-length", "expect", "host", "keep-alive", "te", "transfer-encoding", "upgrade")
)


class ConsoleApi:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.now = StackNow(settings)
        self._calls = AwsCalls()
        self._loads = Loads(Layout.of(settings))

    def edge(self) -> EdgeClient:
        return self.now.running().edge(timeout=EDGE_SECONDS)

    def openapi(self) -> Any:
        return document()

    def overview(self, account: str) -> Any:
        stacks = self.now.stacks(_checked_account(account))
        return overview(self._settings, self.now.running(), stacks)

    def functions(self) -> Any:
        return self.edge().functions()

    def aws(self, service: str, operation: str, account: str, region: str, parameters: dict[str, Any]) -> Any:
        running = self.now.running()
        return self._calls.call(
            running.endpoint, region or running.region, _checked_account(account), service, operation, parameters
        )

    def messages(self, account: str, region: str, queue: str) -> Any:
        """Of the emulator's own look into its queues: ReceiveMessage would count as a receipt."""
        running = self.now.running()
        parameters = {"account": _checked_account(account), "region": region or running.region, "QueueUrl": queue}
        url = f"{running.endpoint}/_ministack/sqs/messages?{urlencode(parameters)}"
        status, _, body = _answer_of(urllib.request.Request(url), EDGE_SECONDS)
        try:
            of_accounts = json.loads(body)["messages"] if status == 200 else None
        except (ValueError, KeyError, TypeError):
            of_accounts = None
        if of_accounts is None:
            raise CallFailed("NotHere", "The emulator of this target does not let anybody look into its queues.")
        messages = [
            message
            for of_regions in of_accounts.values()
            for queues in of_regions.values()
            for of_queue in queues.values()
            for message in of_queue
        ]
        return {"messages": messages[:1000], "more": len(messages) > 1000}

    def databases(self, database: str) -> Any:
        server = self._postgres()
        if database:
            return {"tables": sql.tables(server, database)}
        return {"databases": sql.databases(server)}

    def query(self, database: str, sql: str, unlocked: bool) -> Any:
        return _query(self._postgres(), database, sql, unlocked=unlocked)

    def _postgres(self) -> Any:
        server = self.now.running().postgres
        if server is None:
            raise CallFailed("NoPostgres", "The running stack has no Postgres.")
        return server

    def mail(self) -> Any:
        return objects.mail(self.edge())

    def remove_mail(self) -> Any:
        return {"removed": self.edge().remove_mails()}

    def faults(self) -> Any:
        return objects.faults(self.edge())

    def add_fault(self, **fault: Any) -> Any:
        try:
            return self.edge().add_fault({name: value for name, value in fault.items() if value not in (None, "")})
        except UsageError as error:
            raise CallFailed("NotAFault", str(error)) from error

    def clear_fault(self, id: str) -> Any:
        if id == "all":
            return {"cleared": self.edge().clear_faults()}
        return self.edge().clear_fault(_path_part(id))

    def kill(self, id: str) -> Any:
        self.edge().kill_execution_environment(id)
        return {}

    def traces(self, **chosen: Any) -> Any:
        return objects.traces(self.edge(), **chosen)

    def trace(self, id: str) -> Any:
        return objects.trace(self.edge(), id)

    def source(self, file: str, line: int) -> Any:
        lines = source.lines_around(self._settings, file, line)
        if lines is None:
            raise NoSuchTrace(f"{file} is not packed from a file of the project.")
        return lines

    def send(self, method: str, url: str, headers: dict[str, Any], body: str, base64: bool) -> Any:
        try:
            data = b64decode(body, validate=True) if base64 else body.encode()
        except ValueError as error:
            raise BadInput(f"The body is not base64: {error}") from error
        try:
            endpoint, parts = urlsplit(self.now.running().endpoint), urlsplit(url)
        except ValueError as error:
            raise BadInput(f"This is not an address: {error}") from error
        if (parts.scheme, parts.netloc) != (endpoint.scheme, endpoint.netloc) or parts.path.startswith("/_staticfire"):
            raise BadInput(f"The console sends to APIs at {endpoint.geturl()} alone.")
        try:
            request = urllib.request.Request(url, data or None, method=method)
            for name, value in headers.items():
                if name.lower() not in _OF_A_CONNECTION:
                    request.add_header(name, str(value))
            began = time.monotonic()
            status, answered, answer = _answer_of(request, SEND_SECONDS)
        except ValueError as error:
            raise CallFailed(type(error).__name__, f"This cannot be sent: {error}") from error
        return {
            "status": status,
            "headers": answered,
            "body": to_json(answer),
            "milliseconds": round((time.monotonic() - began) * 1000, 1),
        }

    def loads(self) -> Any:
        return {"runs": self._loads.listed()}

    def compared(self, before: str, after: str) -> Any:
        return self._loads.compared(before, after)

    def load(self, name: str) -> Any:
        return self._loads.report(name)

    def progress(self, name: str) -> Any:
        return self._loads.progress(name)

    def report(self, name: str) -> bytes:
        return self._loads.page(name)


_query = sql.query


def _checked_account(account: str) -> str:
    if not _ACCOUNT.fullmatch(account):
        raise BadInput("account must be twelve digits.")
    return account


def _path_part(text: str) -> str:
    if not re.fullmatch(r"[\w.-]+", text):
        raise BadInput("That is not an id.")
    return text


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """What an API answers is shown, not followed."""

    def redirect_request(self, *_: Any) -> None:
        return None


_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)


def _answer_of(request: urllib.request.Request, seconds: float) -> tuple[int, list[list[str]], bytes]:
    """Status, headers and body, whatever the status; a CallFailed where no whole answer comes."""
    try:
        return _exchange(request, seconds)
    except http.client.InvalidURL as error:
        raise BadInput(f"This is not an address: {error}") from error
    except (OSError, http.client.HTTPException) as error:
        raise CallFailed("NoAnswer", f"No whole answer came: {error}") from error


def _exchange(request: urllib.request.Request, seconds: float) -> tuple[int, list[list[str]], bytes]:
    try:
        with _DIRECT.open(request, timeout=seconds) as response:
            return response.status, [list(pair) for pair in response.headers.items()], response.read(MOST)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, [list(pair) for pair in error.headers.items()], error.read(MOST)
