"""What is described of ECR, in the store.

| kind       | id          | what                                                                           |
| ---------- | ----------- | ------------------------------------------------------------------------------ |
| repository | name        | as DescribeRepositories tells it; `_lifecycle`, `_policy`, `_tags`             |
| image      | name:digest | as DescribeImages tells it, without tags; `_blobs`, `_manifests` it is made of |
| tag        | name:tag    | `digest`                                                                       |
| layer      | name:digest | `size`, `at`: a blob that the repository has                                   |

Whoever reads, changes and writes holds `changing`: blobs go only where no record names them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.store import Key, Store

SERVICE = "ecr"
KINDS = ("image", "tag", "layer")

EcrRecord = dict[str, Any]


class EcrRecords:
    def __init__(self, store: Store) -> None:
        self._store = store
        self.changing = asyncio.Lock()

    @staticmethod
    def key(scope: Scope, kind: str, *parts: str) -> Key:
        return Key(scope.account, scope.region, SERVICE, kind, ":".join(parts))

    def get(self, scope: Scope, kind: str, *parts: str) -> EcrRecord | None:
        return self._store.get(self.key(scope, kind, *parts))

    def list(self, scope: Scope, kind: str, prefix: str = "") -> list[tuple[str, EcrRecord]]:
        """With what follows the prefix in each id."""
        entries = self._store.list(scope.account, scope.region, SERVICE, kind, prefix)
        return [(key.id.removeprefix(prefix), record) for key, record in entries]

    def everywhere(self, kind: str) -> Iterable[tuple[Key, EcrRecord]]:
        return self._store.everywhere(SERVICE, kind)

    async def write(self, puts: Mapping[Key, EcrRecord] | None = None, deletes: Iterable[Key] = ()) -> None:
        await self._store.write(puts, deletes)

    def repository(self, scope: Scope, name: str) -> EcrRecord:
        """Raises RepositoryNotFoundException."""
        record = self.get(scope, "repository", name)
        if record is None:
            raise AwsError(
                400,
                "RepositoryNotFoundException",
                f"The repository with name '{name}' does not exist in the registry with id '{scope.account}'",
            )
        return record


def within(scope: Scope, name: str) -> str:
    """As AWS's errors say where."""
    return f"the repository with name '{name}' in the registry with id '{scope.account}'"
