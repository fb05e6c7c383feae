"""The HTTP API's function: the gateway's own endpoints, and every configured route to its upstream.

A request is authenticated, then counted against its route's limit, then sent on. One line a request is logged, with
how long it took and what it took that long for.
"""

import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Annotated, Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import Response
from pydantic import Field
from servicekit.clients import client
from servicekit.errors import Refused, Unavailable
from servicekit.http import Answer, Event, body_of
from servicekit.kept_secret import KeptSecret
from servicekit.requests import Model, check, invalid, problem, read_json
from servicekit.resolver import Resolver, answer
from servicekit.table import Table

from gateway import configuration
from gateway.configuration import Configuration, Route
from gateway.keys import KeySet
from gateway.limits import Limiter, Verdict
from gateway.proxy import Proxy, Way
from gateway.routing import Router, path_of
from gateway.sessions import PREFIX, Session, Sessions
from gateway.tokens import Rejected, Verifier, unauthorized
from gateway.upstreams import Call, answered_headers, forwarded_headers
from gateway.wire import Reply

logger = Logger()

COOKIE = "__Host-session"
COOKIE_RULES = "Path=/; HttpOnly; Secure; SameSite=Strict"
LARGEST_OWN_BODY = 1024
RESERVE_SECONDS = 1.0
TEXTS = ("text/", "application/json", "application/xml", "application/javascript")
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
EVERYTHING = "(?s:.*)"


class Gateway:
    """Handles one request at a time, as an execution environment does.

    Of that request: `_notes` are what its log line says, `_ends_at` is when the function must have answered.
    """

    def __init__(
        self,
        settings: Configuration,
        verifier: Verifier,
        sessions: Sessions,
        limiter: Limiter,
        checks: Mapping[str, Callable[[], object]],
    ) -> None:
        self._settings = settings
        self._verifier = verifier
        self._sessions = sessions
        self._limiter = limiter
        self._checks = checks
        self._router = Router(settings.routes)
        self._proxy = Proxy(settings.upstreams)
        self._notes: dict[str, Any] = {}
        self._ends_at = 0.0
        self._app = Resolver()
        for key, answers in OWN_ROUTES.items():
            method, path = key.split(" ")
            self._app.route(path, method)(answers.__get__(self))
        self._app.route(EVERYTHING, METHODS)(self.forward)

    @property
    def _event(self) -> Event:
        return self._app.current_event.raw_event

    def handler(self, event: Event, context: Any) -> Answer:
        started = time.perf_counter()
        self._ends_at = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS
        http = event["requestContext"]["http"]
        self._notes = {"method": http["method"], "path": http["path"], "route": event["routeKey"]}
        status = 500
        try:
            made = self._app.resolve(event, context)
            status = made["statusCode"]
        finally:
            latency = round((time.perf_counter() - started) * 1000, 3)
            request_id = event["requestContext"]["requestId"]
            notes = {**self._notes, "status": status, "latency_ms": latency, "api_request_id": request_id}
            logger.info("request", **notes)
        return {**made, "headers": {**made["headers"], "x-request-id": request_id}}

    # The gateway's own endpoints.

    def live(self) -> Response[Any]:
        return answer(200, {"status": "live"})

    def ready(self) -> Response[Any]:
        """Whether requests can be served here. An upstream that is away does not make the gateway unready."""
        checks = {name: _checked(check) for name, check in self._checks.items()}
        is_ready = all(check["status"] == "ok" for check in checks.values())
        content = {
            "status": "ready" if is_ready else "not ready",
            "checks": checks,
            "breakers": self._proxy.breakers(),
        }
        return answer(200, content) if is_ready else answer(503, content, {"retry-after": "1"})

    def log_in(self) -> Response[Any]:
        """A verified token for a session. The body may ask for a shorter one."""
        user = self._user_of_token(_bearer(self._event))
        seconds = log_in_seconds(body_of(self._event), self._settings.sessions.seconds)
        token, session = self._sessions.log_in(user, seconds)
        made = answer(201, {"session": token, **_described(session)}, {"cache-control": "no-store"})
        made.cookies = _cookies(f"{COOKIE}={token}; Max-Age={seconds}; {COOKIE_RULES}")
        return made

    def session(self) -> Response[Any]:
        _, session = self._live_session(self._event)
        return answer(200, _described(session), {"cache-control": "no-store"})

    def log_out(self) -> Response[Any]:
        token, _ = self._live_session(self._event)
        self._sessions.log_out(token)
        return _logged_out()

    def log_out_everywhere(self) -> Response[Any]:
        _, session = self._live_session(self._event)
        self._sessions.log_out_everywhere(session.user)
        return _logged_out()

    # Everything else goes to an upstream.

    def forward(self) -> Response[Any]:
        event = self._event
        context = event["requestContext"]
        method = context["http"]["method"]
        path = path_of(event["rawPath"], context["stage"])
        match = self._router.match(method, path)
        route = self._settings.routes[match.key]
        self._notes |= {"route": match.key, "upstream": route.upstream}
        user = self._user(event, route)
        body = body_of(event)
        if len(body) > route.largest_body:
            raise Refused(413, f"The body is larger than {route.largest_body} bytes.")
        verdict = self._counted(route, user, context["http"]["sourceIp"])
        limits = verdict.headers if verdict else {}
        if verdict and not verdict.passes:
            raise Refused(429, "Too Many Requests", headers=limits)
        call = Call(
            event,
            method,
            match.key.replace(f" {route.strip_prefix}", " ", 1) if route.strip_prefix else match.key,
            path.removeprefix(route.strip_prefix) or "/",
            match.parameters,
            forwarded_headers(event, user, is_ours={COOKIE: True, "authorization": _is_ours(event, route)}),
            body,
        )
        way = Way()
        try:
            reply = self._proxy.send(route.upstream, call, way, self._ends_at - time.monotonic())
        except Refused as refused:
            raise Refused(refused.status, refused.message, headers={**limits, **(refused.headers or {})}) from None
        finally:
            self._notes |= {"attempts": way.attempts, "upstream_ms": round(way.seconds * 1000, 3)}
        return _handed_on(reply, limits)

    def _user(self, event: Event, route: Route) -> str | None:
        """Who is calling; None where anybody may."""
        if route.auth == "none":
            return None
        bearer = _bearer(event)
        is_session = not bearer or bearer.startswith(PREFIX)
        if route.auth == "session" or (route.auth == "any" and is_session):
            _, session = self._live_session(event)
            return self._known(session.user)
        return self._user_of_token(bearer)

    def _user_of_token(self, bearer: str) -> str:
        if not bearer:
            raise Refused(401, "A bearer token is needed.", headers={"www-authenticate": "Bearer"})
        try:
            return self._known(self._verifier.subject(bearer))
        except Rejected as rejected:
            raise unauthorized(str(rejected)) from None

    def _live_session(self, event: Event) -> tuple[str, Session]:
        """By the Authorization header, or else by the cookie."""
        token = _bearer(event) or _cookie(event)
        if not token:
            raise Refused(401, "A session is needed: log in.", headers={"www-authenticate": "Bearer"})
        session = self._sessions.find(token) if token.startswith(PREFIX) else None
        if session is None:
            raise unauthorized("The session has ended, or there never was one: log in.")
        return token, session

    def _known(self, user: str) -> str:
        self._notes["user"] = user
        return user

    def _counted(self, route: Route, user: str | None, address: str) -> Verdict | None:
        """None where the route has no limit, or the counters are away and the limit lets requests pass then."""
        if route.limit is None:
            return None
        limit = self._settings.limits[route.limit]
        client = {"user": f"user:{user}", "ip": f"ip:{address}", "all": "all"}[limit.by]
        try:
            return self._limiter.hit(route.limit, limit, client)
        except Unavailable as error:
            if limit.refuses_unknown:
                raise
            logger.warning("not counted", limit=route.limit, problem=str(error))
            return None


OWN_ROUTES: Mapping[str, Callable[[Gateway], Response[Any]]] = {
    "GET /health/live": Gateway.live,
    "GET /health/ready": Gateway.ready,
    "POST /auth/login": Gateway.log_in,
    "GET /auth/session": Gateway.session,
    "POST /auth/logout": Gateway.log_out,
    "POST /auth/logout-all": Gateway.log_out_everywhere,
}


class LogIn(Model):
    seconds: Annotated[int, Field(ge=1)] | None = None


def log_in_seconds(body: bytes, longest: int) -> int:
    content = read_json(body or b"{}", LARGEST_OWN_BODY)
    seconds = check(content, LogIn).seconds
    if "seconds" in content and (seconds is None or seconds > longest):
        raise invalid([problem("seconds", f"must be from 1 to {longest}")])
    return seconds or longest


def _checked(check: Callable[[], object]) -> dict[str, Any]:
    started = time.perf_counter()
    try:
        check()
        status = "ok"
    except Unavailable as error:
        logger.warning("not ready", problem=str(error))
        status = "unavailable"
    return {"status": status, "latency_ms": round((time.perf_counter() - started) * 1000, 3)}


def _bearer(event: Event) -> str:
    """What follows `Bearer` in the Authorization header; empty without one."""
    scheme, _, token = str(event["headers"].get("authorization", "")).partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _is_ours(event: Event, route: Route) -> bool:
    """Whether the Authorization header is for the gateway. Where anybody may call, it can be for the upstream."""
    return route.auth != "none" or _bearer(event).startswith(PREFIX)


def _cookie(event: Event) -> str:
    tokens = [cookie.partition("=")[2] for cookie in event.get("cookies") or () if cookie.partition("=")[0] == COOKIE]
    return tokens[0] if tokens else ""


def _described(session: Session) -> dict[str, Any]:
    return {"user": session.user, "expires_at": session.expires_at}


def _logged_out() -> Response[Any]:
    cookies = _cookies(f"{COOKIE}=; Max-Age=0; {COOKIE_RULES}")
    return Response(204, headers={"cache-control": "no-store"}, cookies=cookies)


def _handed_on(reply: Reply, limits: Mapping[str, str]) -> Response[Any]:
    headers, cookies = answered_headers(reply)
    is_text = headers.get("content-type", "").startswith(TEXTS) and "content-encoding" not in headers
    body: str | bytes = reply.body  # Powertools makes base64 of bytes
    with suppress(UnicodeDecodeError):
        body = reply.body.decode("utf-8" if is_text else "ascii")
    return Response(reply.status, body=body, headers={**headers, **limits}, cookies=_cookies(*cookies))


def _cookies(*cookies: str) -> Any:
    """As text: Powertools' Cookie has no room for what an upstream may set."""
    return list(cookies)


def _made() -> Gateway:
    settings = configuration.read(os.environ["GATEWAY_CONFIGURATION"].encode())
    dynamodb = client("dynamodb")
    sessions = Table.from_environment(dynamodb, "SESSIONS_TABLE_NAME")
    limits = Table.from_environment(dynamodb, "LIMITS_TABLE_NAME")
    secret = KeptSecret(client("secretsmanager"), os.environ["TOKEN_SECRET_ARN"], with_previous=True)
    published = KeySet(settings.tokens.jwks_url) if settings.tokens.jwks_url is not None else None
    checks: dict[str, Callable[[], object]] = {
        "sessions": lambda: sessions.get({"session_id": "ready"}),
        "limits": lambda: limits.get({"limiter_key": "ready", "window_start": 0}),
        "token_secret": secret.values,
    }
    if published is not None:
        checks["token_keys"] = lambda: published.find(None)
    return Gateway(
        settings,
        Verifier(settings.tokens, secret.values, published),
        Sessions(sessions, time.time),
        Limiter(limits),
        checks,
    )


handler = _made().handler
