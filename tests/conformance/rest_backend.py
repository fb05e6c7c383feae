"""A server behind REST APIs of conformance cases."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler
from threading import Event


class Backend(BaseHTTPRequestHandler):
    """Tells what it got. `/slow` never answers."""

    protocol_version = "HTTP/1.1"
    ended = Event()

    def do_GET(self) -> None:
        if self.path.startswith("/slow"):
            self.ended.wait(30)
            return
        length = int(self.headers.get("content-length") or 0)
        seen = {
            "method": self.command,
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": self.rfile.read(length).decode(),
        }
        body = json.dumps(seen).encode()
        self.send_response(404 if self.path.startswith("/missing") else 200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.send_header("x-backend", "yes")
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_PUT = do_GET

    def log_message(self, *_: object) -> None:
        """Says nothing."""
