"""A web page that is open in the user's browser cannot drive this endpoint.

Two ways would let it: a cross-origin request (the browser sends it even where the page cannot read the answer), and DNS
rebinding (the page's own name, resolved to 127.0.0.1). So a request is refused when the browser says that another site
made it, and when its Host is a name that is not this machine's. An IP address as Host is always right: no name was
resolved. HTTP APIs are not guarded: they answer cross-origin requests as their CORS configuration says.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from staticfire.edge.http1.messages import Request, Response

LOCAL_NAMES = ("localhost", "localhost.localstack.cloud")
REMEMBERED = 1024


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
        if not origin and site in ("", "none", "same-origin"):
            return None
        if "*" in self._origins or origin.lower() in self._origins:
            return None
        if origin and origin.lower().partition("://")[2] == host.lower() and site in ("", "same-origin"):
            return None
        return _refused(
            f"A page of {origin or 'another site'} may not call this endpoint from a browser. "
            "If it should, add its origin to allow_origins in staticfire.toml."
        )

    def _is_ours(self, host: str) -> bool:
        name = host.lower()
        if name.startswith("["):
            return _is_address(name[1:].partition("]")[0])
        name = name.partition(":")[0].rstrip(".")
        return _is_address(name) or any(name == own or name.endswith(f".{own}") for own in self._names)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _refused(why: str) -> Response:
    return Response(403, [("content-type", "text/plain; charset=utf-8")], f"{why}\n".encode())
