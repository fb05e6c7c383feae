"""The console's API: a table of its calls. They are served by it, and its OpenAPI document is made from it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from .aws import CALLS
from .fields import Field

Values = Mapping[str, Any]
ACCOUNT = Field("account", "Twelve digits: the account that calls.", default="000000000000", longest=12)
REGION = Field("region", "The region; empty: the one of the running stack.", default="", longest=40)
OBJECT = {"type": "object"}


@dataclass(frozen=True)
class ConsoleRoute:
    """`name` is the method of ConsoleApi that answers it."""

    method: str
    path: str
    name: str
    says: str
    path_fields: tuple[Field, ...] = ()
    query: tuple[Field, ...] = ()
    body: tuple[Field, ...] | None = None
    failures: tuple[int, ...] = ()
    answer: Mapping[str, Any] = field(default_factory=lambda: OBJECT)
    kind: str = "application/json"

    @property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(self.path)))


NAME = Field("name", "The directory of the run.", required=True, longest=80)
ROUTES: tuple[ConsoleRoute, ...] = (
    ConsoleRoute("GET", "/api/openapi.json", "openapi", "This document."),
    ConsoleRoute(
        *("GET", "/api/overview", "overview"),
        "What runs: parts, stacks with their APIs and examples, databases. As `staticfire status --json`, and more.",
        query=(ACCOUNT,),
        failures=(503,),
        answer={"type": "object", "required": ["state", "endpoint", "region", "parts", "stacks", "apis"]},
    ),
    ConsoleRoute(
        *("GET", "/api/functions", "functions"),
        "Functions that ran, with their counters and execution environments.",
        failures=(503,),
        answer={"type": "object", "required": ["functions"]},
    ),
    ConsoleRoute(
        *("POST", "/api/aws/{service}/{operation}", "aws"),
        "Make an AWS API call of the running stack. The parameters and the answer are those of AWS; bytes are text, "
        'or `{"base64": ...}`.',
        path_fields=(
            Field("service", "The service, as boto3 names it.", required=True, choices=tuple(CALLS)),
            Field("operation", "The operation: " + "; ".join(f"{of}: {', '.join(CALLS[of])}" for of in CALLS) + "."),
        ),
        body=(ACCOUNT, REGION, Field("parameters", "As AWS's API takes them.", "object", default={})),
        failures=(422, 503),
    ),
    ConsoleRoute(
        *("GET", "/api/queues/messages", "messages"),
        "Look at a queue's messages; none is received by it.",
        query=(ACCOUNT, REGION, Field("queue", "The queue's URL.", required=True)),
        failures=(422, 503),
        answer={"type": "object", "required": ["messages"]},
    ),
    ConsoleRoute(
        *("GET", "/api/postgres", "databases"),
        "The databases of the Postgres server, or the tables of one.",
        query=(Field("database", "Whose tables are listed.", default="", longest=63),),
        failures=(422, 503),
    ),
    ConsoleRoute(
        *("POST", "/api/postgres/query", "query"),
        "Run one SQL statement. It reads in a read-only transaction for at most 5 s, unless it is unlocked.",
        body=(
            Field("database", "The database.", required=True, longest=63),
            Field("sql", "One statement.", required=True, longest=100_000),
            Field("unlocked", "It may write.", "boolean", default=False),
        ),
        failures=(422, 503),
        answer={"type": "object", "required": ["columns", "rows", "more", "milliseconds"]},
    ),
    ConsoleRoute(
        *("GET", "/api/mail", "mail"),
        "What SNS and SES sent by e-mail, newest first.",
        failures=(503,),
        answer={"type": "object", "required": ["mails"]},
    ),
    ConsoleRoute("DELETE", "/api/mail", "remove_mail", "Empty the mailbox.", failures=(503,)),
    ConsoleRoute(
        *("GET", "/api/faults", "faults"),
        "The faults that are set, with how often each has struck.",
        failures=(503,),
        answer={"type": "object", "required": ["faults"]},
    ),
    ConsoleRoute(
        *("POST", "/api/faults", "add_fault"),
        "Set a fault.",
        body=(
            Field(
                *("kind", "What befalls the calls.", "string", True),
                choices=("hang", "delay", "error", "drop", "reset"),
            ),
            Field("service", "Of this service alone, as `dynamodb`.", longest=60),
            Field("operation", "Of this operation alone, as `PutItem`.", longest=200),
            Field("code", "AWS's name of the error.", longest=100),
            Field("share", "Which share of the calls.", "number", least=0.000001, most=1),
            Field("times", "How often at most.", "integer", least=1, most=1_000_000),
            Field("seconds", "How late.", "number", least=0, most=900),
            Field("when", "Before the call is carried out, or after it.", choices=("before", "after")),
        ),
        failures=(422, 503),
    ),
    ConsoleRoute(
        *("DELETE", "/api/faults/{id}", "clear_fault"),
        "Clear a fault; `all` clears every one.",
        path_fields=(Field("id", "The fault's id.", required=True, longest=60),),
        failures=(503,),
    ),
    ConsoleRoute(
        *("POST", "/api/environments/{id}/kill", "kill"),
        "Kill the process of an execution environment, as a crash would.",
        path_fields=(Field("id", "The execution environment's id.", required=True, longest=60),),
        failures=(503,),
    ),
    ConsoleRoute(
        *("GET", "/api/traces", "traces"),
        "The traces of the last requests, newest first; `before` asks for older ones.",
        query=(
            Field("text", "Looked for in names, ids, functions and errors.", default="", longest=200),
            Field(
                "outcome", "What came of them.", default="", choices=("", "ok", "failed", "error", "fault", "throttle")
            ),
            Field("function", "Those that ran this function.", default="", longest=140),
            Field("source", "What they came from, as `api` or `sqs`.", default="", longest=20),
            Field("before", "The number of the oldest that is there already.", "integer", default=0, least=0),
            Field("limit", "How many at most.", "integer", default=200, least=1, most=1000),
        ),
        failures=(503,),
        answer={"type": "object", "required": ["traces"]},
    ),
    ConsoleRoute(
        *("GET", "/api/traces/{id}", "trace"),
        "A trace, by any id of it: its own, a request's, a message's.",
        path_fields=(Field("id", "The id.", required=True, longest=200),),
        failures=(404, 503),
    ),
    ConsoleRoute(
        *("GET", "/api/source", "source"),
        "The lines of the project's sources that a frame of a stack trace is in.",
        query=(
            Field("file", "As the frame names it.", required=True, longest=1000),
            Field("line", "The line.", "integer", True, least=1, most=10_000_000),
        ),
        failures=(404,),
    ),
    ConsoleRoute(
        *("POST", "/api/send", "send"),
        "Send a request to an API of the running stack: again, or edited.",
        body=(
            Field(
                "method",
                "HTTP's method.",
                required=True,
                choices=("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"),
            ),
            Field("url", "At the edge's endpoint.", required=True, longest=8000),
            Field("headers", "Names and values.", "object", default={}),
            Field("body", "Text, or base64.", default="", longest=500_000),
            Field("base64", "Whether the body is written in base64.", "boolean", default=False),
        ),
        failures=(422, 503),
        answer={"type": "object", "required": ["status", "headers", "body", "milliseconds"]},
    ),
    ConsoleRoute(
        *("GET", "/api/loads", "loads"),
        "The load runs of the project, newest first.",
        answer={"type": "object", "required": ["runs"]},
    ),
    ConsoleRoute(
        *("GET", "/api/loads/compared", "compared"),
        "Two load runs side by side, with a verdict where it is beyond their noise.",
        query=(
            Field("before", "The earlier run.", required=True, longest=80),
            Field("after", "The later run.", required=True, longest=80),
        ),
        failures=(404,),
        answer={"type": "object", "required": ["comparison"]},
    ),
    ConsoleRoute(
        *("GET", "/api/loads/{name}", "load"),
        "The report of a load run, as docs/load-report.schema.json describes it.",
        path_fields=(NAME,),
        failures=(404,),
    ),
    ConsoleRoute(
        *("GET", "/api/loads/{name}/progress", "progress"),
        "What a load run measured in its last two minutes, while it runs.",
        path_fields=(NAME,),
        failures=(404,),
        answer={"type": "object", "required": ["seconds", "ended"]},
    ),
    ConsoleRoute(
        *("GET", "/api/loads/{name}/report.html", "report"),
        "The page of a load run.",
        path_fields=(NAME,),
        failures=(404,),
        kind="text/html",
    ),
    ConsoleRoute(
        *("GET", "/api/live", "live"),
        "Server-sent events: `state` with the functions, `traces` with the traces that are new or went on.",
        failures=(503,),
        kind="text/event-stream",
    ),
)
_PATTERNS = [(route.pattern, route) for route in ROUTES]


def routes_of(path: str) -> list[tuple[ConsoleRoute, dict[str, str]]]:
    """The routes whose path that is, whatever the method; a fixed path before one with a name in it."""
    matches = [(route, match.groupdict()) for pattern, route in _PATTERNS if (match := pattern.fullmatch(path))]
    least = min((len(values) for _, values in matches), default=0)
    return [
        (route, {name: unquote(value) for name, value in values.items()})
        for route, values in matches
        if len(values) == least
    ]


Handler = Callable[..., Any]
