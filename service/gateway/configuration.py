"""What the gateway does with which request: its configuration, JSON in GATEWAY_CONFIGURATION, read once at the start.

    {"upstreams": {"usage": {"function": "usage-api"}, "files": {"url": "https://files.example/base"}},
     "limits": {"standard": {"requests": 100, "seconds": 60, "by": "user"}},
     "routes": {"ANY /files/{path+}": {"upstream": "files", "auth": "any", "limit": "standard"}},
     "tokens": {"issuer": "https://issuer.example", "audience": "gateway"}}

A function whose configuration is wrong does not start, and says everything that is wrong with it. Only upstreams that
are named here are ever called; nothing of a request chooses a host."""

import re
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator
from servicekit.errors import Problem, Refused
from servicekit.requests import WITHOUT_NUL, Model, check, problem, read_json, wrong

from gateway.routing import KEY, VARIABLE

LARGEST = 64 * 1024
OWN_PATHS = ("/auth/", "/health/")
LONGEST_TIMEOUT = 25


class Wrong(ValueError):
    """The configuration cannot be used; the text names every problem."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(f"{entry['field']} {entry['problem']}" for entry in problems))
        self.problems = problems


def _url(value: str) -> str:
    if not value.isascii() or not value.isprintable() or " " in value:
        raise wrong("must be a URL")
    try:
        parts = urlsplit(value)
        names_a_host = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        names_a_host = False
    if not names_a_host:
        raise wrong("must be a URL with http or https and a host")
    if parts.username is not None or parts.query or parts.fragment:
        raise wrong("must have no user, query or fragment")
    return value


def _key(key: str) -> str:
    if not KEY.fullmatch(key):
        raise wrong("must be keyed as GET /things/{id}, ANY /things/{path+}")
    names = [name for name, _ in VARIABLE.findall(key)]
    if len(names) != len(set(names)):
        raise wrong("has a variable twice")
    if any(re.match(rf"\w+ {own}", key) for own in OWN_PATHS):
        raise wrong("is below a path of the gateway's own")
    return key


Name = Annotated[str, Field(pattern="^[a-z][a-z0-9_-]{0,39}$")]
Key = Annotated[str, AfterValidator(_key)]
Url = Annotated[str, AfterValidator(_url)]
Words = Annotated[str, Field(min_length=1, max_length=1000), WITHOUT_NUL]


class Upstream(Model):
    """Either `url` or `function` is there. It is left alone for `rest_seconds` when it keeps failing."""

    url: Annotated[Url, AfterValidator(lambda url: url.rstrip("/"))] | None = None
    function: Annotated[str, Field(pattern="^[A-Za-z0-9_-]{1,64}$")] | None = None
    timeout_seconds: Annotated[int, Field(ge=1, le=LONGEST_TIMEOUT)] = 10
    retries: Annotated[int, Field(ge=0, le=3)] = 2
    rest_seconds: Annotated[int, Field(ge=1, le=300)] = 10

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.url is None) == (self.function is None):
            raise wrong("must have either url or function")
        return self


class Limit(Model):
    """At most `requests` in any `seconds`, of each `user` or `ip`, or of `all` clients together (`by`)."""

    requests: Annotated[int, Field(ge=1, le=1_000_000)]
    seconds: Annotated[int, Field(ge=1, le=86_400)]
    by: Literal["user", "ip", "all"]
    refuses_unknown: bool = False


class Route(Model):
    """`auth` says who may: anybody (none), the bearer of a token (jwt), of a session (session), or of either (any)."""

    upstream: str
    auth: Literal["none", "jwt", "session", "any"]
    limit: str | None = None
    strip_prefix: Annotated[str, Field(pattern=r"^(/[\w.~-]+)+$")] = ""
    largest_body: Annotated[int, Field(ge=0, le=4 * 1024 * 1024)] = 1024 * 1024


class TokenRules(Model):
    """What a token must say."""

    issuer: Words
    audience: Words
    jwks_url: Url | None = None
    leeway_seconds: Annotated[int, Field(ge=0, le=300)] = 30


class SessionRules(Model):
    seconds: Annotated[int, Field(ge=1, le=30 * 86_400)] = 12 * 3600


class Configuration(Model):
    upstreams: dict[Name, Upstream]
    limits: dict[Name, Limit] = Field(default_factory=dict)
    routes: dict[Key, Route]
    tokens: TokenRules
    sessions: SessionRules = Field(default_factory=SessionRules)


def read(content: bytes) -> Configuration:
    """Raises Wrong."""
    try:
        configuration = check(read_json(content, LARGEST), Configuration, name="configuration")
    except Refused as refused:
        raise Wrong(refused.problems or [problem("configuration", refused.message)]) from None
    if problems := _of_references(configuration):
        raise Wrong(problems)
    return configuration


def _of_references(configuration: Configuration) -> list[Problem]:
    """What is wrong between parts that are right by themselves."""
    problems = []
    for key, route in configuration.routes.items():
        if route.upstream not in configuration.upstreams:
            problems.append(problem(f"routes.{key}.upstream", f"does not name an upstream: {route.upstream}"))
        limit = configuration.limits.get(route.limit or "")
        if route.limit is not None and limit is None:
            problems.append(problem(f"routes.{key}.limit", f"does not name a limit: {route.limit}"))
        elif limit is not None and limit.by == "user" and route.auth == "none":
            problems.append(problem(f"routes.{key}.limit", f"is by user, and the route knows none: {route.limit}"))
        if route.strip_prefix and not f"{key.split(' ')[1]}/".startswith(f"{route.strip_prefix}/"):
            problems.append(problem(f"routes.{key}.strip_prefix", "is not the beginning of the route's path"))
    return problems
