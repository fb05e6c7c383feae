"""Operations on what a repository is told to do: its lifecycle policy with previews, and its policy."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import orjson

from staticfire.edge.aws.calls import AwsError, Call
from staticfire.edge.aws.protocol import Params

from .images import Images
from .lifecycle import expired, read_policy
from .paging import page
from .records import EcrRecord, EcrRecords
from .repositories import registry


class PolicyOperations:
    def __init__(self, records: EcrRecords, images: Images) -> None:
        self._records = records
        self._images = images

    async def put_lifecycle(self, call: Call, params: Params) -> Mapping[str, Any]:
        text = params["lifecyclePolicyText"]
        read_policy(text)
        await self._change(call, params, {"_lifecycle": text, "_lifecycle_at": time.time()})
        return {**_where(call, params), "lifecyclePolicyText": text}

    async def get_lifecycle(self, call: Call, params: Params) -> Mapping[str, Any]:
        record = self._with(call, params, "_lifecycle", "LifecyclePolicyNotFoundException", "Lifecycle policy")
        text, evaluated = record["_lifecycle"], record.get("_lifecycle_evaluated")
        return {**_where(call, params), "lifecyclePolicyText": text, "lastEvaluatedAt": evaluated}

    async def delete_lifecycle(self, call: Call, params: Params) -> Mapping[str, Any]:
        before = await self.get_lifecycle(call, params)
        await self._change(call, params, {"_lifecycle": None, "_lifecycle_evaluated": None})
        return before

    async def start_preview(self, call: Call, params: Params) -> Mapping[str, Any]:
        text = params.get("lifecyclePolicyText")
        if text is None:
            text = (await self.get_lifecycle(call, params))["lifecyclePolicyText"]
        read_policy(text)
        await self._change(call, params, {"_preview": text})
        return {**_where(call, params), "lifecyclePolicyText": text, "status": "IN_PROGRESS"}

    async def get_preview(self, call: Call, params: Params) -> Mapping[str, Any]:
        name = "Lifecycle policy preview"
        record = self._with(call, params, "_preview", "LifecyclePolicyPreviewNotFoundException", name)
        images = self._images.listed(registry(call, params), params["repositoryName"])
        results = [
            {
                "imageTags": image["imageTags"] or [],
                "imageDigest": image["imageDigest"],
                "imagePushedAt": image["imagePushedAt"],
                "action": {"type": "EXPIRE"},
                "appliedRulePriority": priority,
            }
            for image, priority in expired(read_policy(record["_preview"]), images, time.time())
        ]
        return {
            **_where(call, params),
            "lifecyclePolicyText": record["_preview"],
            "status": "COMPLETE",
            **page(results, params, "previewResults"),
            "summary": {"expiringImageTotalCount": len(results)},
        }

    async def set_policy(self, call: Call, params: Params) -> Mapping[str, Any]:
        text = params["policyText"]
        try:
            if not isinstance(orjson.loads(text), dict):
                raise ValueError("it is not an object")
        except ValueError as error:
            raise AwsError(
                400,
                "InvalidParameterException",
                "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid repository policy provided: "
                f"{error}'",
            ) from error
        await self._change(call, params, {"_policy": text})
        return {**_where(call, params), "policyText": text}

    async def get_policy(self, call: Call, params: Params) -> Mapping[str, Any]:
        record = self._with(call, params, "_policy", "RepositoryPolicyNotFoundException", "Repository policy")
        return {**_where(call, params), "policyText": record["_policy"]}

    async def delete_policy(self, call: Call, params: Params) -> Mapping[str, Any]:
        before = await self.get_policy(call, params)
        await self._change(call, params, {"_policy": None})
        return before

    async def _change(self, call: Call, params: Params, changes: Mapping[str, Any]) -> None:
        scope, name = registry(call, params), params["repositoryName"]
        async with self._records.changing:
            record = {**self._records.repository(scope, name), **changes}
            await self._records.write({self._records.key(scope, "repository", name): record})

    def _with(self, call: Call, params: Params, member: str, code: str, what: str) -> EcrRecord:
        scope, name = registry(call, params), params["repositoryName"]
        record = self._records.repository(scope, name)
        if record.get(member) is None:
            message = (
                f"{what} does not exist for the repository with name '{name}' in the registry with id '{scope.account}'"
            )
            raise AwsError(400, code, message)
        return record


def _where(call: Call, params: Params) -> dict[str, Any]:
    return {"registryId": call.scope.account, "repositoryName": params["repositoryName"]}
