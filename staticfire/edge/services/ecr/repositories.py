"""Operations on repositories: created, described, deleted, their settings and tags; and authorization tokens."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from staticfire.edge.aws.calls import AwsError, Call, Scope
from staticfire.edge.aws.protocol import Params

from .images import told
from .names import repository_arn, repository_uri
from .paging import page
from .records import KINDS, EcrRecord, EcrRecords
from .tokens import Tokens

MOST_TAGS = 50


class RepositoryOperations:
    def __init__(self, records: EcrRecords, tokens: Tokens, endpoint: str) -> None:
        """`endpoint`: the host and the port at which the registry is reached."""
        self._records = records
        self._tokens = tokens
        self._endpoint = endpoint

    async def authorize(self, call: Call, params: Params) -> Mapping[str, Any]:
        accounts = params.get("registryIds") or [call.scope.account]
        if accounts != [call.scope.account]:
            raise AwsError(400, "InvalidParameterException", "Tokens are given for the caller's own registry alone.")
        token, ends = self._tokens.issue(call.scope)
        data = {"authorizationToken": token, "expiresAt": ends, "proxyEndpoint": f"http://{self._endpoint}"}
        return {"authorizationData": [data]}

    async def create(self, call: Call, params: Params) -> Mapping[str, Any]:
        scope = registry(call, params)
        name = params["repositoryName"]
        encryption = params.get("encryptionConfiguration") or {"encryptionType": "AES256"}
        tags = _tags(params.get("tags") or ())
        async with self._records.changing:
            if self._records.get(scope, "repository", name) is not None:
                raise AwsError(
                    400,
                    "RepositoryAlreadyExistsException",
                    f"The repository with name '{name}' already exists in the registry with id '{scope.account}'",
                )
            record: EcrRecord = {
                "repositoryArn": repository_arn(scope, name),
                "registryId": scope.account,
                "repositoryName": name,
                "createdAt": time.time(),
                **_mutability(params.get("imageTagMutability") or "MUTABLE", params),
                "imageScanningConfiguration": {
                    "scanOnPush": bool((params.get("imageScanningConfiguration") or {}).get("scanOnPush"))
                },
                "encryptionConfiguration": encryption,
                "_tags": tags,
            }
            await self._records.write({self._records.key(scope, "repository", name): record})
        return {"repository": self._told(scope, record)}

    async def describe(self, call: Call, params: Params) -> Mapping[str, Any]:
        scope = registry(call, params)
        if names := params.get("repositoryNames"):
            repositories = [self._records.repository(scope, name) for name in names]
        else:
            repositories = [record for _, record in self._records.list(scope, "repository")]
        return page([self._told(scope, record) for record in repositories], params, "repositories")

    async def delete(self, call: Call, params: Params) -> Mapping[str, Any]:
        scope = registry(call, params)
        name = params["repositoryName"]
        async with self._records.changing:
            record = self._records.repository(scope, name)
            if self._records.list(scope, "image", f"{name}:") and not params.get("force"):
                raise AwsError(
                    400,
                    "RepositoryNotEmptyException",
                    f"The repository with name '{name}' in registry with id '{scope.account}' cannot be deleted "
                    "because it still contains images",
                )
            deletes = [self._records.key(scope, "repository", name)]
            for kind in KINDS:
                deletes += [
                    self._records.key(scope, kind, name, rest)
                    for rest, _ in self._records.list(scope, kind, f"{name}:")
                ]
            await self._records.write(deletes=deletes)
        return {"repository": self._told(scope, record)}

    async def put_mutability(self, call: Call, params: Params) -> Mapping[str, Any]:
        scope, name = registry(call, params), params["repositoryName"]
        changes = _mutability(params["imageTagMutability"], params)
        async with self._records.changing:
            record = self._records.repository(scope, name)
            record.pop("imageTagMutabilityExclusionFilters", None)
            record |= changes
            await self._records.write({self._records.key(scope, "repository", name): record})
        return {"registryId": scope.account, "repositoryName": name, **changes}

    async def put_scanning(self, call: Call, params: Params) -> Mapping[str, Any]:
        scope, name = registry(call, params), params["repositoryName"]
        scanning = {"scanOnPush": bool(params["imageScanningConfiguration"].get("scanOnPush"))}
        async with self._records.changing:
            record = self._records.repository(scope, name)
            record["imageScanningConfiguration"] = scanning
            await self._records.write({self._records.key(scope, "repository", name): record})
        return {"registryId": scope.account, "repositoryName": name, "imageScanningConfiguration": scanning}

    async def list_tags(self, call: Call, params: Params) -> Mapping[str, Any]:
        _, record = self._by_arn(call, params)
        return {"tags": [{"Key": key, "Value": value} for key, value in record["_tags"].items()]}

    async def tag(self, call: Call, params: Params) -> Mapping[str, Any]:
        async with self._records.changing:
            scope, record = self._by_arn(call, params)
            record["_tags"] |= _tags(params["tags"])
            if len(record["_tags"]) > MOST_TAGS:
                raise AwsError(400, "TooManyTagsException", f"A repository has at most {MOST_TAGS} tags.")
            await self._records.write({self._records.key(scope, "repository", record["repositoryName"]): record})
        return {}

    async def untag(self, call: Call, params: Params) -> Mapping[str, Any]:
        async with self._records.changing:
            scope, record = self._by_arn(call, params)
            for key in params["tagKeys"]:
                record["_tags"].pop(key, None)
            await self._records.write({self._records.key(scope, "repository", record["repositoryName"]): record})
        return {}

    def _by_arn(self, call: Call, params: Params) -> tuple[Scope, EcrRecord]:
        arn = params["resourceArn"]
        name = arn.partition(":repository/")[2]
        if arn != repository_arn(call.scope, name):
            message = f"Invalid parameter at 'resourceArn' failed to satisfy constraint: 'Invalid ARN {arn}'"
            raise AwsError(400, "InvalidParameterException", message)
        return call.scope, self._records.repository(call.scope, name)

    def _told(self, scope: Scope, record: EcrRecord) -> EcrRecord:
        return {**told(record), "repositoryUri": repository_uri(self._endpoint, scope, record["repositoryName"])}


def registry(call: Call, params: Params) -> Scope:
    """The registry that a call is for: the caller's own. Policies that let others in are kept and let nobody in."""
    account = params.get("registryId") or call.scope.account
    if account != call.scope.account:
        raise AwsError(
            400,
            "AccessDeniedException",
            f"User: arn:aws:iam::{call.scope.account}:root is not authorized to perform: ecr:{call.operation} on "
            f"resource: {repository_arn(Scope(account, call.scope.region), params.get('repositoryName') or '*')}",
        )
    return call.scope


def _mutability(how: str, params: Params) -> dict[str, Any]:
    filters = params.get("imageTagMutabilityExclusionFilters")
    if bool(filters) != how.endswith("_WITH_EXCLUSION"):
        raise AwsError(
            400,
            "InvalidParameterException",
            f"imageTagMutabilityExclusionFilters go with ..._WITH_EXCLUSION alone, and {how} was asked for.",
        )
    return {"imageTagMutability": how, **({"imageTagMutabilityExclusionFilters": filters} if filters else {})}


def _tags(tags: Any) -> dict[str, str]:
    return {tag["Key"]: tag.get("Value") or "" for tag in tags}
