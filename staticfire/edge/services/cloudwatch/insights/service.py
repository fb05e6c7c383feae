"""Queries of Insights as CloudWatch Logs takes them, and their life.

    Scheduled -> Running -> Complete
                        \\-> Failed (what it reads cannot be read), Timeout (its time is over), Cancelled (StopQuery)

Events are read from the emulator, page by page; the commands then run in a thread, within a budget of time.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from staticfire.edge.aws.calls import AwsError, Call, Scope
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.http1.messages import Response

from .commands import Columns, Command, Dedup, Sort, Stats
from .events import Row, text
from .parser import MOST, parsed
from .patterns import Late, QueryBudget
from .tokens import MalformedQuery

log = logging.getLogger(__name__)

SECONDS = 60.0
AT_ONCE = 30  # of an account
KEPT = 1000  # queries, of all accounts
RESULT_BYTES = 64 * 1024 * 1024  # of one query's results: more fail it
FIELD_BYTES = 250  # what a field of a row takes besides its text
KEPT_BYTES = 128 * 1024 * 1024  # of all results together: the oldest queries go
GROUPS = 50
EVENTS = 500_000
BYTES = 256 * 1024 * 1024
RUNNING = ("Scheduled", "Running")


@dataclass(eq=False)
class Query:
    scope: Scope
    text: str
    groups: tuple[str, ...]
    begin: int  # in milliseconds
    end: int
    limit: int
    commands: list[Command]
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    created: int = field(default_factory=lambda: int(time.time() * 1000))
    status: str = "Scheduled"
    results: list[list[dict[str, str]]] = field(default_factory=list)
    matched: int = 0
    scanned: int = 0
    scanned_bytes: int = 0
    result_bytes: int = 0
    budget: QueryBudget = field(default_factory=lambda: QueryBudget(SECONDS))
    task: asyncio.Task[None] | None = None


class Insights:
    """The four operations of the `logs` service."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._queries: dict[str, Query] = {}
        self._threads = asyncio.Semaphore(2)

    async def answer(self, call: Call) -> Response | None:
        """None for any other operation."""
        carry = {
            "StartQuery": self._start,
            "GetQueryResults": self._results,
            "StopQuery": self._stop,
            "DescribeQueries": self._describe,
        }.get(call.operation or "")
        if carry is None:
            return None
        try:
            params = orjson.loads(await call.body() or b"{}")
            if not isinstance(params, dict):
                raise ValueError("it is not an object")
        except ValueError as error:
            raise AwsError(400, "SerializationException", f"The input cannot be read: {error}") from error
        document = await carry(call.scope, params)
        return Response(200, [("content-type", "application/x-amz-json-1.1")], orjson.dumps(document))

    async def close(self) -> None:
        tasks = [query.task for query in self._queries.values() if query.task is not None and not query.task.done()]
        for query in self._queries.values():
            query.budget.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def reset(self) -> None:
        """The emulator's state is gone."""
        for query in self._queries.values():
            query.budget.stop()
        self._queries.clear()

    async def _start(self, scope: Scope, params: Mapping[str, Any]) -> Mapping[str, Any]:
        query = self._read(scope, params)
        running = sum(one.scope.account == scope.account and one.status in RUNNING for one in self._queries.values())
        if running >= AT_ONCE:
            raise AwsError(
                400, "LimitExceededException", f"Account maximum query concurrency limit of [{AT_ONCE}] reached."
            )
        for group in query.groups:
            await self._exists(scope, group)
        ended = [one for one in self._queries.values() if one.status not in RUNNING]
        for old in ended[: max(0, len(self._queries) + 1 - KEPT)]:
            del self._queries[old.id]
        self._queries[query.id] = query
        query.task = asyncio.create_task(self._run(query))
        return {"queryId": query.id}

    def _read(self, scope: Scope, params: Mapping[str, Any]) -> Query:
        if params.get("queryLanguage", "CWLI") != "CWLI":
            raise _invalid(f"The query language {params['queryLanguage']} is not served here: CWLI is.")
        groups = _groups(params)
        begin, end = (_moment(params, name) for name in ("startTime", "endTime"))
        if end < begin:
            raise _invalid("The end time must not be before the start time.")
        limit = params.get("limit", MOST)
        if not isinstance(limit, int) or not 1 <= limit <= MOST:
            constraint = (
                f"Member must have value {'less' if limit else 'greater'} than or equal to {MOST if limit else 1}"
            )
            raise _invalid(
                f"1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: {constraint}"
            )
        string = params.get("queryString")
        if not isinstance(string, str):
            raise _invalid("queryString is missing.")
        try:
            commands = parsed(string)
        except MalformedQuery as problem:
            place = {"startCharOffset": problem.begin, "endCharOffset": problem.end}
            error = {"location": place, "message": str(problem)}
            message = f"{problem} ([{problem.begin},{problem.end}])"
            raise AwsError(400, "MalformedQueryException", message, fields={"queryCompileError": error}) from problem
        return Query(scope, string, groups, begin, end, limit, commands)

    async def _exists(self, scope: Scope, group: str) -> None:
        answer = await self._ask(scope, "DescribeLogGroups", {"logGroupNamePrefix": group})
        if all(one["logGroupName"] != group for one in answer.get("logGroups", ())):
            message = f"Log group '{group}' does not exist for account ID '{scope.account}'"
            raise AwsError(400, "ResourceNotFoundException", message)

    async def _results(self, scope: Scope, params: Mapping[str, Any]) -> Mapping[str, Any]:
        query = self._known(scope, params)
        return {
            "queryLanguage": "CWLI",
            "status": query.status,
            "results": query.results,
            "statistics": {
                "recordsMatched": float(query.matched),
                "recordsScanned": float(query.scanned),
                "bytesScanned": float(query.scanned_bytes),
                "estimatedRecordsSkipped": 0.0,
                "estimatedBytesSkipped": 0.0,
                "logGroupsScanned": float(len(query.groups)),
            },
        }

    async def _stop(self, scope: Scope, params: Mapping[str, Any]) -> Mapping[str, Any]:
        query = self._known(scope, params)
        if query.status not in RUNNING:
            raise _invalid("Query is not in running or scheduled status and cannot be stopped.")
        query.status = "Cancelled"
        query.budget.stop()
        return {"success": True}

    async def _describe(self, scope: Scope, params: Mapping[str, Any]) -> Mapping[str, Any]:
        group, status = params.get("logGroupName"), params.get("status")
        chosen = [
            query
            for query in reversed(self._queries.values())
            if query.scope == scope and group in (None, *query.groups) and status in (None, query.status)
        ]
        most = params.get("maxResults") or KEPT
        first = int(params.get("nextToken") or 0)
        listed = [
            {
                "queryLanguage": "CWLI",
                "queryId": query.id,
                "queryString": query.text,
                "status": query.status,
                "createTime": query.created,
                "logGroupName": query.groups[0],
            }
            for query in chosen[first : first + most]
        ]
        return {"queries": listed, **({"nextToken": str(first + most)} if first + most < len(chosen) else {})}

    def _known(self, scope: Scope, params: Mapping[str, Any]) -> Query:
        query = self._queries.get(str(params.get("queryId")))
        if query is None or query.scope != scope:
            raise AwsError(400, "ResourceNotFoundException", f"Query {params.get('queryId')} does not exist.")
        return query

    # -- its run

    async def _run(self, query: Query) -> None:
        query.status = "Running"
        try:
            rows = await self._events(query)
            async with self._threads:
                results, matched = await asyncio.to_thread(carried_out, query.commands, rows, query.limit, query.budget)
        except Late:
            if query.status == "Running":
                query.status = "Timeout"
        except AwsError as error:
            log.warning("The query %s failed: %s", query.id, error)
            query.status = "Failed"
        except Exception:
            query.status = "Failed"
            log.exception("The query %s failed: %s", query.id, query.text)
        else:
            if query.status == "Running":
                self._complete(query, results, matched)

    def _complete(self, query: Query, results: list[list[dict[str, str]]], matched: int) -> None:
        query.result_bytes = _size(results)
        if query.result_bytes > RESULT_BYTES:
            log.warning(
                "The query %s failed: its results are larger than %d bytes. A limit, or fields, make them fewer.",
                *(query.id, RESULT_BYTES),
            )
            query.status, query.result_bytes = "Failed", 0
            return
        query.results, query.matched, query.status = results, matched, "Complete"
        total = sum(one.result_bytes for one in self._queries.values())
        for old in [one for one in self._queries.values() if one.result_bytes and one is not query]:
            if total <= KEPT_BYTES:
                return
            total -= old.result_bytes
            del self._queries[old.id]

    async def _events(self, query: Query) -> list[Row]:
        rows: list[Row] = []
        for group in query.groups:
            log_name = f"{query.scope.account}:{group}"
            request: dict[str, Any] = {"logGroupName": group, "startTime": query.begin, "endTime": query.end + 999}
            while True:
                query.budget.left()
                page = await self._ask(query.scope, "FilterLogEvents", request)
                for event in page.get("events", ()):
                    rows.append(Row(event, log_name))
                    query.scanned_bytes += len(event.get("message") or "")
                query.scanned = len(rows)
                if len(rows) > EVENTS or query.scanned_bytes > BYTES:
                    log.warning("The query %s reads no further: there are more than %d events", query.id, len(rows))
                    return rows
                if not page.get("nextToken"):
                    break
                request["nextToken"] = page["nextToken"]
        return rows

    async def _ask(self, scope: Scope, operation: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return await self._emulator.json(scope, "logs", f"Logs_20140328.{operation}", body)


def carried_out(
    commands: list[Command], rows: list[Row], limit: int, budget: QueryBudget
) -> tuple[list[list[dict[str, str]]], int]:
    """The rows that are told, and how many events matched."""
    columns = Columns()
    rows = sorted(rows, key=lambda row: text(row.get("@timestamp")), reverse=True)
    matched: int | None = None
    for command in commands:
        if isinstance(command, Stats | Sort | Dedup) and matched is None:
            matched = len(rows)
        rows = command.run(rows, columns, budget)
    names = columns.displayed if columns.displayed is not None else columns.names or ["@timestamp", "@message"]
    if not columns.of_stats:
        names = [*names, *([] if "@ptr" in names else ["@ptr"])]
    listed = []
    for row in rows[:limit]:
        values = ((name, row.get(name)) for name in names)
        listed.append([{"field": name, "value": _told(value)} for name, value in values if value is not None])
    return listed, matched if matched is not None else len(rows)


def _size(results: list[list[dict[str, str]]]) -> int:
    """About what they take: the text, and the objects around it."""
    return sum(FIELD_BYTES + len(field["value"]) for row in results for field in row)


def _told(value: str | float | int | None) -> str:
    return text(value)


def _groups(params: Mapping[str, Any]) -> tuple[str, ...]:
    """By name, by names, or by names and ARNs: one way of these."""
    ways = [name for name in ("logGroupName", "logGroupNames", "logGroupIdentifiers") if params.get(name)]
    if len(ways) != 1:
        raise _invalid("Name log groups by one of logGroupName, logGroupNames and logGroupIdentifiers.")
    listed = params[ways[0]]
    names = [listed] if isinstance(listed, str) else [str(name) for name in listed]
    if len(names) > GROUPS:
        raise _invalid(f"A query is of {GROUPS} log groups at most.")
    return tuple(dict.fromkeys(name.split(":log-group:")[-1].removesuffix(":*") for name in names))


def _moment(params: Mapping[str, Any], name: str) -> int:
    """In milliseconds; AWS takes seconds since 1970."""
    value = params.get(name)
    if not isinstance(value, int) or value < 0:
        raise _invalid(f"{name} is a number of seconds since 1970.")
    return value * 1000 if value < 100_000_000_000 else value


def _invalid(message: str) -> AwsError:
    return AwsError(400, "InvalidParameterException", message)
