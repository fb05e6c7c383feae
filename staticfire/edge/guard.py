"""A web page that is open in the user's browser cannot drive this endpoint.

Three ways would let it: a request to another origin (the browser sends it even where the page cannot read the answer);
DNS rebinding (the page's own name, resolved to 127.0.0.1); and a page that this endpoint served itself, an object of a
bucket or an HTTP API's answer, which has the endpoint's own origin. So a browser's request is refused unless nobody's
page made it, or its origin is allowed; and so is one whose Host is a name that is not this machine's. An IP address as
Host is always right: no name was resolved. A page from here may still lead to objects of buckets, and be made of them.
APIs and function URLs are not guarded: they answer whoever calls, as their CORS configuration says.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import parse_qs, unquote

from staticfire.edge.aws.calls import service_of
from staticfire.edge.http1.messages import Request, Response

LOCAL_NAMES = ("localhost", "localhost.localstack.cloud")
REMEMBERED = 1024

_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9_.-]+))(?::(\d{1,5}))?", re.ASCII)
# What browsers load for a page: not what its scripts read, and no frame that they could look into.
_LOADED = frozenset(("document", "script", "style", "image", "font", "audio", "video", "track", "manifest"))
# An object by its path, and one by its bucket's host.
_OBJECT = re.compile(r"/[a-z0-9][a-z0-9.-]{2,62}/.")
_BUCKETS_HOST = re.compile(r"[a-z0-9][a-z0-9.-]*\.s3\b")
# The emulator takes these for other services, although nobody signed: by their paths alone.
_NO_OBJECTS = re.compile(
    r"/(_|v\d+/|\d{4}-\d\d-\d\d/|latest/|oauth2/|log(in|out)|saml2/|oidc/|key-value-stores/|signing-|restapis|apikeys"
    r"|usageplans|domainnames|clusters|taskdefinitions|tasks|services|stoptask|position-estimate)|.*/operation/",
    re.IGNORECASE | re.DOTALL,
)


class Guard:
    def __init__(self, hosts: Iterable[str] = (), origins: Iterable[str] = ()) -> None:
        """`hosts`: further names of this endpoint; `origins`: sites that may call it, `*` for all."""
        self._names = (*LOCAL_NAMES, *(host.lower().rstrip(".") for host in hosts))
        self._origins = frozenset(origin.lower().rstrip("/") for origin in origins)
        self._ours: set[str] = set()

    def refusal(self, request: Request) -> Response | None:
        """Why the request is not served, or None."""
        headers = request.headers
        host = headers.get("host")
        if host not in self._ours:
            if host and not self._is_ours(host):
                return _refused(
                    f"The host {host!r} is not a name of this endpoint. Use 127.0.0.1 or localhost, "
                    "or add the name to allow_hosts in staticfire.toml."
                )
            if len(self._ours) < REMEMBERED:
                self._ours.add(host)
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        if not origin and site in ("", "none"):
            return None
        if not origin and site == "same-origin":
            origin = f"http://{host}"
            if _loads_an_object(request):
                return None
        if "*" in self._origins or origin.lower() in self._origins:
            return None
        return _refused(
            f"A page of {origin or 'another site'} may not call this endpoint from a browser. "
            "If it should, add its origin to allow_origins in staticfire.toml."
        )

    def _is_ours(self, host: str) -> bool:
        parts = _HOST.fullmatch(host.lower())
        if parts is None or int(parts[3] or 0) > 65535:
            return False
        if parts[1]:
            return _is_address(parts[1])
        name = parts[2].removesuffix(".")
        return _is_address(name) or any(name == own or name.endswith(f".{own}") for own in self._names)


def _loads_an_object(request: Request) -> bool:
    """A link to an object of a bucket, or a part of a page: the page's scripts do not get to read the answer."""
    headers = request.headers
    kind = headers.get("sec-fetch-dest") or ("document" if headers.get("sec-fetch-mode") == "navigate" else "")
    if request.method not in ("GET", "HEAD") or kind not in _LOADED:
        return False
    path = unquote(request.path)
    of_bucket = _BUCKETS_HOST.match(headers.get("host").lower()) or _OBJECT.match(path)
    acts = any(name.lower() == "action" for name in parse_qs(request.query, keep_blank_values=True))
    return bool(of_bucket) and not acts and not _NO_OBJECTS.match(path) and service_of(request) == "s3"


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _refused(why: str) -> Response:
    return Response(403, [("content-type", "text/plain; charset=utf-8")], f"{why}\n".encode())
