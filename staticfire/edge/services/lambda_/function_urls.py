"""Requests to function URLs: the emulator, which describes them, serves them, and invokes through the edge.

http://localhost:4566/_aws/lambda-url/{id}/...          as `up` prints it
http://{id}.lambda-url.{region}.{any domain}/...        AWS's own form, by the Host
"""

from __future__ import annotations

import re

from staticfire.edge.http1.messages import Request

PATH_PREFIX = "/_aws/lambda-url/"
_HOST = re.compile(r"[a-z0-9]{32}\.lambda-url\.", re.IGNORECASE)


def is_for_a_function_url(request: Request) -> bool:
    return request.path.startswith(PATH_PREFIX) or _HOST.match(request.headers.get("host")) is not None
