"""Who is let in to the console: whoever has its token, from a page of its own, by a name of this machine.

The token is the first part of each path, `/TOKEN/...`, and not a cookie: browsers send the cookies of 127.0.0.1 to
every port of it, so to every other program that serves pages here. Its page sends no referrer, and links nowhere.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence

from staticfire.edge.http1.messages import Request, Response

NAMES = ("127.0.0.1", "localhost", "[::1]")
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::(?P<port>\d{1,5}))?", re.ASCII)
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# Of a load report: one page with its own style sheet, known to its own, stricter policy, and nothing that runs.
REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
COMMON = (
    ("cache-control", "no-store"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
)
SAFE = ("GET", "HEAD")


class Perimeter:
    def __init__(self, token: str, port: int, hosts: Sequence[str] = ()) -> None:
        """`hosts`: further names under which the console is reached."""
        self._token = token.encode()
        self._port = str(port)
        self._names = frozenset((*NAMES, *(host.lower() for host in hosts)))

    def path(self, request: Request) -> str:
        """The path behind the token; empty where it shows none, or a wrong one."""
        token, _, rest = request.path.removeprefix("/").partition("/")
        return f"/{rest}" if hmac.compare_digest(token.encode("latin-1", "replace"), self._token) else ""

    def refusal(self, request: Request) -> Response | None:
        """Why it is not let in, or None."""
        host = request.headers.get("host").lower()
        parts = _HOST.fullmatch(host)
        if len(request.headers.getall("host")) != 1 or parts is None or parts["name"] not in self._names:
            return refused("This is not a name of the console. Use the address that `staticfire open --print` prints.")
        if (parts["port"] or "80") != self._port:
            return refused("This is not the port of the console.")
        path = self.path(request)
        if not path:
            return refused("The console wants the token of its address. `staticfire open` opens it.")
        origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
        if origin and origin.lower() != f"http://{host}":
            return refused("A page of another origin may not call the console.")
        if site in ("", "none", "same-origin"):
            return None
        # A link or a file of this machine may open the page itself; the answer is out of its reach.
        opens = (
            request.headers.get("sec-fetch-mode") == "navigate" and request.headers.get("sec-fetch-dest") == "document"
        )
        if opens and request.method in SAFE and path == "/":
            return None
        return refused("A page of another site may not call the console.")


def refused(why: str) -> Response:
    headers = [("content-type", "text/plain; charset=utf-8"), ("content-security-policy", POLICY), *COMMON]
    return Response(403, headers, f"{why}\n".encode())
