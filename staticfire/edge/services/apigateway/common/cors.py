"""CORS from the API's configuration.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html: with a configuration API Gateway
answers preflights itself, whatever routes there are, adds the configured headers to other answers, and ignores the
CORS headers of the integration. It answers CORS headers to requests with an `origin` only; a preflight is an OPTIONS
request with `origin` and `access-control-request-method`. An origin that is not allowed gets no CORS headers.
"""

from __future__ import annotations

from staticfire.edge.http1.messages import HeaderList, Request, Response

from .settings import Cors


class CorsPolicy:
    """A configuration with its headers ready."""

    def __init__(self, cors: Cors) -> None:
        self._any = "*" in cors.allow_origins
        self._origins = frozenset(cors.allow_origins)
        self._schemes = tuple(origin[:-1] for origin in cors.allow_origins if origin.endswith("://*"))
        self._actual: HeaderList = []
        if cors.allow_credentials:
            self._actual.append(("access-control-allow-credentials", "true"))
        if cors.expose_headers:
            self._actual.append(("access-control-expose-headers", ",".join(cors.expose_headers)))
        self._preflight = list(self._actual)
        if cors.allow_methods:
            self._preflight.append(("access-control-allow-methods", ",".join(cors.allow_methods)))
        if cors.allow_headers:
            self._preflight.append(("access-control-allow-headers", ",".join(cors.allow_headers)))
        if cors.max_age is not None:
            self._preflight.append(("access-control-max-age", str(cors.max_age)))

    def _origin(self, origin: str) -> str | None:
        """What `access-control-allow-origin` says to this origin."""
        if self._any:
            return "*"
        allowed = origin in self._origins or (self._schemes and origin.startswith(self._schemes))
        return origin if allowed else None

    def preflight(self, request: Request) -> Response | None:
        """The answer when the request is a preflight."""
        if request.method != "OPTIONS" or "access-control-request-method" not in request.headers:
            return None
        origin = request.headers.get("origin")
        if not origin:
            return None
        allowed = self._origin(origin)
        if allowed is None:
            return Response(204)
        return Response(204, [("access-control-allow-origin", allowed), *self._preflight])

    def apply(self, request: Request, headers: HeaderList) -> HeaderList:
        """An answer's headers with the API's CORS headers instead of the integration's.

        OPTIONS gets them as a preflight or not at all.
        """
        kept = [header for header in headers if not header[0].startswith("access-control-")]
        origin = request.headers.get("origin")
        allowed = self._origin(origin) if origin and request.method != "OPTIONS" else None
        if allowed is not None:
            kept.append(("access-control-allow-origin", allowed))
            kept += self._actual
        return kept
