"""Which API, stage and path a request means.

    http://{api}.execute-api.localhost:4566/[{stage}/]...            any host with `.execute-api.` after its first label
    http://localhost:4566/_aws/execute-api/{api}/{stage}/...         the stage is always named; `$default` too
    http://localhost:4566/restapis/{api}/{stage}/_user_request_/...  LocalStack's
    http://{domain}/[{mapping key}/]...                              custom domains, by their mappings
    http://localhost:4566/@connections/{connection}                  what boto3 makes of AWS_ENDPOINT_URL

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-mappings.html: the longest mapping key wins. Of
which kind the API is, those that serve know.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import unquote

from staticfire.edge.http1.messages import Request
from staticfire.edge.services.apigateway.v2.records import V2Records

from .mappings import Mappings
from .names import KIND

PATH_PREFIX = "/_aws/execute-api/"
HOST_MARK = ".execute-api."
LOCALSTACK_PREFIX = "/restapis/"
LOCALSTACK_MARK = "_user_request_"
CONNECTIONS = ("/@connections/", "/%40connections/")
# In an API's place: the connection tells which API it is.
OF_A_CONNECTION = "@connections"


@dataclass(frozen=True, slots=True)
class ApiMapping:
    """`stage` None: the first segment of the path below the key names it."""

    api_id: str
    stage: str | None
    key: str


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
    """Tells requests to APIs from all others. Custom domains are kept in memory, and read anew when one changes."""

    def __init__(self, domain: str, records: V2Records, mappings: Mappings) -> None:
        self._domain = domain
        self._records = records
        self._mappings = mappings
        self._domains = self._read()
        records.listen(self._changed)

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
        if path.startswith(CONNECTIONS):
            return Address(request, OF_A_CONNECTION, "", path, host)
        if path.startswith(LOCALSTACK_PREFIX) and LOCALSTACK_MARK in path:
            return self._of_localstack(request)
        if not self._domains:
            return None
        mappings = self._domains.get(host)
        if mappings is None:
            mappings = self._domains.get(f"*.{host.partition('.')[2]}")
        return None if mappings is None else _mapped(request, host, mappings)

    def _of_localstack(self, request: Request) -> Address | None:
        parts = request.path[len(LOCALSTACK_PREFIX) :].split("/", 3)
        if len(parts) < 3 or parts[2] != LOCALSTACK_MARK:
            return None
        rest = parts[3] if len(parts) > 3 else ""
        return Address(request, parts[0], unquote(parts[1]), f"/{rest}", f"{parts[0]}.{self._domain}")

    def _changed(self, name: str) -> None:
        """Ids of APIs have no dots, names of domains have."""
        if not name or "." in name:
            self._domains = self._read()

    def _read(self) -> dict[str, list[ApiMapping]]:
        domains: dict[str, list[ApiMapping]] = {key.id: [] for key in self._records.everywhere(KIND)}
        for name, mapping in self._mappings.by_domain():
            key = mapping["ApiMappingKey"]
            domains.setdefault(name, []).append(ApiMapping(mapping["ApiId"], mapping.get("Stage"), key))
        return {name: sorted(mappings, key=lambda one: -len(one.key)) for name, mappings in domains.items()}


def _mapped(request: Request, host: str, mappings: list[ApiMapping]) -> Address:
    for mapping in mappings:
        if not mapping.key:
            return Address(request, mapping.api_id, mapping.stage, request.path, host, "")
        prefix = f"/{mapping.key}"
        if request.path == prefix or request.path.startswith(f"{prefix}/"):
            rest = request.path[len(prefix) :] or "/"
            return Address(request, mapping.api_id, mapping.stage, rest, host, mapping.key)
    return Address(request, None, None, request.path, host)
