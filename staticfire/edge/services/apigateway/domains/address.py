"""Which API, stage and path a request means.

    http://{api}.execute-api.localhost:4566/[{stage}/]...      any host with `.execute-api.` after its first label
    http://localhost:4566/_aws/execute-api/{api}/{stage}/...   the stage is always named; `$default` too
    http://{domain}/[{mapping key}/]...                        custom domains, by their API mappings

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-mappings.html: the longest mapping key wins.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import unquote

from staticfire.edge.aws.calls import Scope
from staticfire.edge.http1.messages import Request
from staticfire.edge.services.apigateway.common.settings import Json

PATH_PREFIX = "/_aws/execute-api/"
HOST_MARK = ".execute-api."


@dataclass(frozen=True, slots=True)
class ApiMapping:
    """One API mapping of a custom domain: the requests below `key` go to a stage of an API."""

    key: str
    api_id: str
    stage: str

    @classmethod
    def parse(cls, data: Json) -> ApiMapping:
        return cls(key=data.get("apiMappingKey") or "", api_id=data["apiId"], stage=data["stage"])


class Address(NamedTuple):
    """`stage` None: the first segment of `path` may name it. `api_id` None: a custom domain maps nothing there."""

    request: Request
    api_id: str | None
    stage: str | None
    path: str
    domain_name: str
    base_path: str | None = None


def host_name(request: Request) -> str:
    """The Host header without its port."""
    return _without_port(request.headers.get("host"))


@lru_cache(1024)
def _without_port(host: str) -> str:
    host = host.lower()
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host


def api_domain(public_host: str) -> str:
    """What follows an API's id in its own host name. An address has no names below it: it is `localhost` then."""
    try:
        ip_address(public_host.strip("[]"))
    except ValueError:
        return f"execute-api.{public_host}"
    return "execute-api.localhost"


class Addresses:
    """Tells requests to HTTP APIs from all others. Custom domains are those of the accounts that were asked."""

    def __init__(self, domain: str) -> None:
        self._domain = domain
        self._domains: dict[str, list[ApiMapping]] = {}
        self._of_scope: dict[Scope, dict[str, list[ApiMapping]]] = {}

    def learn(self, scope: Scope, domains: dict[str, list[ApiMapping]]) -> None:
        """The custom domains of an account, in place of those known of it."""
        self._of_scope[scope] = {
            name: sorted(mappings, key=lambda mapping: -len(mapping.key)) for name, mappings in domains.items()
        }
        self._domains = {name: mappings for own in self._of_scope.values() for name, mappings in own.items()}

    def knows(self, scope: Scope) -> bool:
        return scope in self._of_scope

    def reset(self) -> None:
        self._domains = {}
        self._of_scope = {}

    def match(self, request: Request) -> Address | None:
        path = request.path
        if path.startswith(PATH_PREFIX):
            api_id, _, rest = path[len(PATH_PREFIX) :].partition("/")
            stage, slash, rest = rest.partition("/")
            return Address(request, api_id, unquote(stage), f"{slash or '/'}{rest}", f"{api_id}.{self._domain}")
        host = host_name(request)
        api_id, mark, _ = host.partition(HOST_MARK)
        if mark and "." not in api_id:
            return Address(request, api_id, None, path, host)
        mappings = self._domains.get(host)
        return None if mappings is None else _mapped(request, host, mappings)


def _mapped(request: Request, host: str, mappings: list[ApiMapping]) -> Address:
    for mapping in mappings:
        if not mapping.key:
            return Address(request, mapping.api_id, mapping.stage, request.path, host, "")
        prefix = f"/{mapping.key}"
        if request.path == prefix or request.path.startswith(f"{prefix}/"):
            rest = request.path[len(prefix) :] or "/"
            return Address(request, mapping.api_id, mapping.stage, rest, host, mapping.key)
    return Address(request, None, None, request.path, host)
