"""Operations on images: put, listed, described, read, deleted; and scans, of which none is made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from staticfire.edge.aws.calls import AwsError, Call, Scope
from staticfire.edge.aws.protocol import Params

from .images import NOT_SCANNED, Images, told
from .paging import page
from .records import EcrRecord, EcrRecords, within
from .repositories import registry


class ImageOperations:
    def __init__(self, records: EcrRecords, images: Images) -> None:
        self._records = records
        self._images = images

    async def put(self, call: Call, params: Params) -> Mapping[str, Any]:
        scope, name = registry(call, params), params["repositoryName"]
        put = await self._images.put(
            scope,
            name,
            params["imageManifest"].encode(),
            media_type=params.get("imageManifestMediaType") or "",
            tag=params.get("imageTag") or "",
            digest=params.get("imageDigest") or "",
        )
        image = self._images.find(scope, name, digest=put.digest)
        return {"image": self._whole(image, put.tag)} if image else {}

    async def list_all(self, call: Call, params: Params) -> Mapping[str, Any]:
        scope, name = registry(call, params), params["repositoryName"]
        self._records.repository(scope, name)
        ids: list[dict[str, str]] = []
        for image in self._chosen(scope, name, params):
            digest = {"imageDigest": image["imageDigest"]}
            ids += [{**digest, "imageTag": tag} for tag in image["imageTags"] or ()] or [digest]
        return page(ids, params, "imageIds")

    async def describe(self, call: Call, params: Params) -> Mapping[str, Any]:
        scope, name = registry(call, params), params["repositoryName"]
        self._records.repository(scope, name)
        images = self._chosen(scope, name, params)
        if wanted_ids := params.get("imageIds"):
            by_digest = {image["imageDigest"]: image for image in images}
            digests = [self._require(scope, name, one)["imageDigest"] for one in wanted_ids]
            images = [by_digest[digest] for digest in dict.fromkeys(digests)]
        return page([told(image) for image in images], params, "imageDetails")

    async def read(self, call: Call, params: Params) -> Mapping[str, Any]:
        scope, name = registry(call, params), params["repositoryName"]
        self._records.repository(scope, name)
        images, failures = [], []
        for one in params["imageIds"]:
            image = self._find(scope, name, one)
            if image is not None:
                images.append(self._whole(image, one.get("imageTag") or ""))
                continue
            code, why = ("ImageNotFound", "Requested image not found")
            if not one:
                code, why = "MissingDigestAndTag", "Invalid request parameters: both tag and digest cannot be null"
            failures.append({"imageId": one, "failureCode": code, "failureReason": why})
        return {"images": images, "failures": failures}

    async def delete(self, call: Call, params: Params) -> Mapping[str, Any]:
        removed, failures = await self._images.remove(
            registry(call, params), params["repositoryName"], params["imageIds"]
        )
        return {"imageIds": removed, "failures": failures}

    async def start_scan(self, call: Call, params: Params) -> Mapping[str, Any]:
        """A scan that failed, with why; and it is told of the image from now on."""
        scope, name = registry(call, params), params["repositoryName"]
        async with self._records.changing:
            self._records.repository(scope, name)
            image = self._require(scope, name, params["imageId"])
            image["imageScanStatus"] = {"status": "FAILED", "description": NOT_SCANNED}
            await self._records.write({self._records.key(scope, "image", name, image["imageDigest"]): image})
        return self._scan(scope, name, params, image)

    async def scan_findings(self, call: Call, params: Params) -> Mapping[str, Any]:
        scope, name = registry(call, params), params["repositoryName"]
        self._records.repository(scope, name)
        image = self._require(scope, name, params["imageId"])
        if "imageScanStatus" not in image:
            raise AwsError(
                400,
                "ScanNotFoundException",
                f"Image scan does not exist for the image with '{_id(params['imageId'])}' in {within(scope, name)}",
            )
        return self._scan(scope, name, params, image)

    @staticmethod
    def _scan(scope: Scope, name: str, params: Params, image: EcrRecord) -> Mapping[str, Any]:
        identifier = {**params["imageId"], "imageDigest": image["imageDigest"]}
        where = {"registryId": scope.account, "repositoryName": name}
        return {**where, "imageId": identifier, "imageScanStatus": image["imageScanStatus"]}

    def _chosen(self, scope: Scope, name: str, params: Params) -> list[EcrRecord]:
        status = (params.get("filter") or {}).get("tagStatus") or "ANY"
        return [
            image
            for image in self._images.listed(scope, name)
            if status == "ANY" or (status == "TAGGED") == bool(image["imageTags"])
        ]

    def _find(self, scope: Scope, name: str, one: Mapping[str, str]) -> EcrRecord | None:
        return self._images.find(scope, name, tag=one.get("imageTag") or "", digest=one.get("imageDigest") or "")

    def _require(self, scope: Scope, name: str, one: Mapping[str, str]) -> EcrRecord:
        image = self._find(scope, name, one)
        if image is None:
            raise AwsError(
                400,
                "ImageNotFoundException",
                f"The image with imageId {_id(one)} does not exist within the repository with name '{name}' in the "
                f"registry with id '{scope.account}'",
            )
        return image

    def _whole(self, image: EcrRecord, tag: str) -> EcrRecord:
        return {
            "registryId": image["registryId"],
            "repositoryName": image["repositoryName"],
            "imageId": {"imageDigest": image["imageDigest"], **({"imageTag": tag} if tag else {})},
            "imageManifest": self._images.read(image).decode(),
            "imageManifestMediaType": image["imageManifestMediaType"],
        }


def _id(one: Mapping[str, str]) -> str:
    return f"{{imageDigest:'{one.get('imageDigest') or 'null'}', imageTag:'{one.get('imageTag') or 'null'}'}}"
