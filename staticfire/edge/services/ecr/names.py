"""Names of registries, repositories and images: `127.0.0.1:4566/ACCOUNT.dkr.ecr.REGION/NAME:TAG` and its relatives.

AWS's registries are hosts. Few machines resolve such a name below `localhost`, and no engine pushes to one without TLS
unless it is this machine's: so here the registry is the first part of the path, which every client can use. As a host
it is understood too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from staticfire.edge.aws.calls import Scope

_REGISTRY = r"(?P<account>\d{12})\.dkr\.ecr(?:-fips)?\.(?P<region>[a-z]{2}(?:-[a-z]+)+-\d)"
IN_PATH = re.compile(_REGISTRY)
IN_HOST = re.compile(_REGISTRY + r"\.[a-z0-9.-]+(?::\d{1,5})?")
NAME = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_URI = re.compile(rf"(?P<host>[^/]+)/(?P<name>{NAME})(?::(?P<tag>[^:@/]+))?(?:@(?P<digest>sha256:[0-9a-f]{{64}}))?")


def registry_of_host(host: str) -> Scope | None:
    match = IN_HOST.fullmatch(host.lower())
    return Scope(match["account"], match["region"]) if match else None


def split_registry(name: str) -> tuple[Scope | None, str]:
    """The registry in the first part of a path, and the repository's name."""
    first, _, rest = name.partition("/")
    match = IN_PATH.fullmatch(first)
    return (Scope(match["account"], match["region"]), rest) if match else (None, name)


def repository_uri(endpoint: str, scope: Scope, name: str) -> str:
    return f"{endpoint}/{scope.account}.dkr.ecr.{scope.region}/{name}"


def repository_arn(scope: Scope, name: str) -> str:
    return f"arn:aws:ecr:{scope.region}:{scope.account}:repository/{name}"


@dataclass(frozen=True, slots=True)
class ImageName:
    scope: Scope
    repository: str
    tag: str
    digest: str

    @classmethod
    def parse(cls, uri: str) -> ImageName | None:
        """An image of a registry of ECR; None for any other."""
        match = _URI.fullmatch(uri)
        if match is None:
            return None
        scope, name = registry_of_host(match["host"]), match["name"]
        if scope is None:
            scope, name = split_registry(name)
        if scope is None or not name:
            return None
        digest = match["digest"] or ""
        return cls(scope, name, match["tag"] or ("" if digest else "latest"), digest)
