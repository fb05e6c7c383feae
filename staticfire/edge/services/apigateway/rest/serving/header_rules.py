"""Which headers a REST API hides, drops and renames on their way, as recorded from AWS.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html#api-gateway-known-issues-rest-apis
"""

from __future__ import annotations

from staticfire.edge.http1.hop_by_hop import HOP_BY_HOP
from staticfire.edge.http1.messages import HeaderList

# Of the client's connection, or for API Gateway itself: nothing behind the API sees them, nor do mappings.
HIDDEN = HOP_BY_HOP | {"content-length", "content-md5", "expect", "max-forwards", "server", "www-authenticate"}
# API Gateway's own: they are made anew for what is behind the API.
OWN = frozenset(("x-amzn-trace-id", "x-forwarded-for", "x-forwarded-port", "x-forwarded-proto"))
# What a mapping may set and no server gets.
NOT_SENT = frozenset(
    ("connection", "expect", "http2-settings", "keep-alive", "proxy-authenticate", "proxy-connection", "te", "via")
)

_RENAMED = frozenset(
    (
        *("authorization", "connection", "content-length", "content-md5", "date", "expect", "host", "max-forwards"),
        *("proxy-authenticate", "server", "trailer", "upgrade", "user-agent", "www-authenticate"),
    )
)
_NEVER_TOLD = frozenset(("keep-alive", "proxy-connection", "transfer-encoding"))


def for_server(headers: HeaderList) -> HeaderList:
    """What mappings set, without what no server gets."""
    return [(name, value) for name, value in headers if name.lower() not in NOT_SENT]


def told(name: str, *, passed: bool = False) -> str | None:
    """A response header's name as the client gets it; None when it does not. `passed`: a proxy passes it on unseen."""
    lower = name.lower()
    if lower in _NEVER_TOLD:
        return None
    renamed = lower in _RENAMED or (passed and lower == "x-amzn-requestid")
    return f"x-amzn-Remapped-{name}" if renamed else name


def for_client(headers: HeaderList, *, passed: bool = False) -> HeaderList:
    """A response's headers as the client gets them."""
    named = ((told(name, passed=passed), value) for name, value in headers)
    return [(name, value) for name, value in named if name is not None]
