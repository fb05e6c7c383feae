"""Names that no custom domain may take: those by which the endpoint itself, its APIs and its buckets are reached."""

from __future__ import annotations

from collections.abc import Iterable

# What has host names of its own, below the endpoint's: `abc123.execute-api.localhost`, `bucket.s3.localhost`.
MARKS = frozenset(("execute-api", "lambda-url", "s3", "s3-website"))


class OwnNames:
    """`hosts`: the endpoint's names."""

    def __init__(self, hosts: Iterable[str]) -> None:
        self._hosts = frozenset(host.lower().rstrip(".") for host in hosts if host)

    def has(self, name: str) -> bool:
        """Whether a domain name, maybe with `*` in front, would take what is not an API's domain."""
        if name in self._hosts:
            return True
        if name.startswith("*."):
            below = name[2:]
            if any(host.partition(".")[2] == below for host in self._hosts) or below in self._hosts:
                return True
        return not MARKS.isdisjoint(name.split("."))
