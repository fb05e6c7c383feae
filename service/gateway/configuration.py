"""What the gateway does with which request: its configuration, JSON in GATEWAY_CONFIGURATION, read once at the start.

    {"upstreams": {"usage": {"function": "usage-api"}, "files": {"url": "https://files.example/base"}},
     "limits": {"standard": {"requests": 100, "seconds": 60, "by": "user"}},
     "routes": {"ANY /files/{path+}": {"upstream": "files", "auth": "any", "limit": "standard"}},
     "tokens": {"issuer": "https://issuer.example", "audience": "gateway"}}

A function whose configuration is wrong does not start, and says everything that is wrong with it. Only upstreams that
are named here are ever called; nothing of a request chooses a host."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from servicekit.errors import Problem, Refused
from servicekit.validation import (
    Check,
    Field,
    boolean,
    integer,
    matching,
    one_of,
    problem,
    problems_of,
    read_json,
    text,
)

from gateway.limits import Limit
from gateway.routing import KEY, VARIABLE
from gateway.tokens import Expected

LARGEST = 64 * 1024
OWN_PATHS = ("/auth/", "/health/")
LONGEST_TIMEOUT = 25
NAME = matching(r"[a-z][a-z0-9_-]{0,39}", "1 to 40 lower-case letters, digits, hyphens and underscores")


@dataclass(frozen=True, slots=True)
class Upstream:
    """Either `url` or `function` is there. It is left alone for `rest_seconds` when it keeps failing."""

    name: str
    url: str | None
    function: str | None
    timeout_seconds: int
    retries: int
    rest_seconds: int


@dataclass(frozen=True, slots=True)
class Route:
    """`auth` says who may: anybody (none), the bearer of a token (jwt), of a session (session), or of either (any)."""

    key: str
    upstream: Upstream
    auth: str
    limit: Limit | None
    strip_prefix: str
    largest_body: int


@dataclass(frozen=True, slots=True)
class Configuration:
    routes: Mapping[str, Route]
    upstreams: Mapping[str, Upstream]
    tokens: Expected
    jwks_url: str | None
    session_seconds: int


class Wrong(ValueError):
    """The configuration cannot be used; the text names every problem."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(f"{entry['field']} {entry['problem']}" for entry in problems))
        self.problems = problems


def _url(value: Any) -> str | None:
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or " " in value:
        return "must be a URL"
    try:
        parts = urlsplit(value)
        names_a_host = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        names_a_host = False
    if not names_a_host:
        return "must be a URL with http or https and a host"
    if parts.username is not None or parts.query or parts.fragment:
        return "must have no user, query or fragment"
    return None


UPSTREAM = {
    "url": Field(_url, required=False),
    "function": Field(matching(r"[A-Za-z0-9_-]{1,64}", "the name of a function in this account"), required=False),
    "timeout_seconds": Field(integer(1, LONGEST_TIMEOUT), required=False),
    "retries": Field(integer(0, 3), required=False),
    "rest_seconds": Field(integer(1, 300), required=False),
}
LIMIT = {
    "requests": Field(integer(1, 1_000_000)),
    "seconds": Field(integer(1, 86_400)),
    "by": Field(one_of(("user", "ip", "all"))),
    "refuses_unknown": Field(boolean, required=False),
}
ROUTE = {
    "upstream": Field(text(1, 40)),
    "auth": Field(one_of(("none", "jwt", "session", "any"))),
    "limit": Field(text(1, 40), required=False),
    "strip_prefix": Field(matching(r"(/[\w.~-]+)+", "a path without variables, as /files"), required=False),
    "largest_body": Field(integer(0, 4 * 1024 * 1024), required=False),
}
TOKENS = {
    "issuer": Field(text(1, 1000)),
    "audience": Field(text(1, 1000)),
    "jwks_url": Field(_url, required=False),
    "leeway_seconds": Field(integer(0, 300), required=False),
}
SESSIONS = {"seconds": Field(integer(1, 30 * 86_400))}


def read(content: bytes) -> Configuration:
    """Raises Wrong."""
    try:
        document = read_json(content, LARGEST)
    except Refused as refused:
        raise Wrong(refused.problems or [problem("configuration", refused.message)]) from None
    problems = _problems(document)
    if problems:
        raise Wrong(problems)
    return _made(document)


def _problems(document: Any) -> list[Problem]:
    tables = {
        "upstreams": Field(_anything),
        "limits": Field(_anything, required=False),
        "routes": Field(_anything),
        "tokens": Field(_anything),
        "sessions": Field(_anything, required=False),
    }
    problems = problems_of(document, tables, "configuration")
    if not isinstance(document, dict):
        return problems
    for table, fields, check in (("upstreams", UPSTREAM, NAME), ("limits", LIMIT, NAME), ("routes", ROUTE, _key)):
        problems += _of_table(document, table, fields, check)
    for table, fields in (("tokens", TOKENS), ("sessions", SESSIONS)):
        if table in document:
            problems += _within(table, problems_of(document[table], fields, table))
    return problems or _of_references(document)


def _of_table(document: Mapping[str, Any], table: str, fields: Mapping[str, Field], check: Check) -> list[Problem]:
    entries = document.get(table, {})
    if not isinstance(entries, dict):
        return [problem(table, "must be a JSON object")]
    problems = []
    for name, entry in entries.items():
        if wrong := check(name):
            problems.append(problem(f"{table}.{name}", wrong))
        problems += _within(f"{table}.{name}", problems_of(entry, fields, f"{table}.{name}"))
    return problems


def _of_references(document: Mapping[str, Any]) -> list[Problem]:
    """What is wrong between parts that are right by themselves."""
    problems = [
        problem(f"upstreams.{name}", "must have either url or function")
        for name, upstream in document["upstreams"].items()
        if ("url" in upstream) == ("function" in upstream)
    ]
    limits = document.get("limits", {})
    for key, route in document["routes"].items():
        field = f"routes.{key}"
        if route["upstream"] not in document["upstreams"]:
            problems.append(problem(f"{field}.upstream", f"does not name an upstream: {route['upstream']}"))
        limit = route.get("limit")
        if limit is not None and limit not in limits:
            problems.append(problem(f"{field}.limit", f"does not name a limit: {limit}"))
        elif limit is not None and limits[limit]["by"] == "user" and route["auth"] == "none":
            problems.append(problem(f"{field}.limit", f"is by user, and the route knows none: {limit}"))
        prefix = route.get("strip_prefix", "")
        if prefix and not f"{key.split(' ')[1]}/".startswith(f"{prefix}/"):
            problems.append(problem(f"{field}.strip_prefix", "is not the beginning of the route's path"))
    return problems


def _key(key: str) -> str | None:
    if not KEY.fullmatch(key):
        return "must be keyed as GET /things/{id}, ANY /things/{path+}"
    names = [name for name, _ in VARIABLE.findall(key)]
    if len(names) != len(set(names)):
        return "has a variable twice"
    if any(re.match(rf"\w+ {own}", key) for own in OWN_PATHS):
        return "is below a path of the gateway's own"
    return None


def _anything(value: Any) -> None:
    """Tables are looked into one by one."""


def _within(prefix: str, problems: list[Problem]) -> list[Problem]:
    return [
        entry if entry["field"] == prefix else {**entry, "field": f"{prefix}.{entry['field']}"} for entry in problems
    ]


def _made(document: Mapping[str, Any]) -> Configuration:
    upstreams = {
        name: Upstream(
            name,
            (upstream["url"].rstrip("/") if "url" in upstream else None),
            upstream.get("function"),
            upstream.get("timeout_seconds", 10),
            upstream.get("retries", 2),
            upstream.get("rest_seconds", 10),
        )
        for name, upstream in document["upstreams"].items()
    }
    limits = {name: Limit(name, **limit) for name, limit in document.get("limits", {}).items()}
    routes = {
        key: Route(
            key,
            upstreams[route["upstream"]],
            route["auth"],
            limits[route["limit"]] if "limit" in route else None,
            route.get("strip_prefix", ""),
            route.get("largest_body", 1024 * 1024),
        )
        for key, route in document["routes"].items()
    }
    tokens = document["tokens"]
    expected = Expected(tokens["issuer"], tokens["audience"], tokens.get("leeway_seconds", 30))
    seconds = document.get("sessions", {}).get("seconds", 12 * 3600)
    return Configuration(routes, upstreams, expected, tokens.get("jwks_url"), seconds)
