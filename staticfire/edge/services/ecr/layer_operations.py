"""Operations on layers: uploaded in parts, looked for, fetched."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from staticfire.edge.aws.calls import AwsError, Call, Scope
from staticfire.edge.aws.protocol import Params
from staticfire.edge.images.blobs import DIGEST, Upload
from staticfire.edge.images.errors import DigestMismatch, UploadRefused

from .layers import Layers
from .records import EcrRecords, within
from .repositories import registry

PART = 20 * 1024 * 1024

# The address from which whoever called may fetch a layer.
LocateLayer = Callable[[Scope, str, str], str]


class ImageLayerOperations:
    def __init__(self, records: EcrRecords, layers: Layers, locate: LocateLayer) -> None:
        self._records = records
        self._layers = layers
        self._locate = locate

    async def initiate(self, call: Call, params: Params) -> Mapping[str, Any]:
        scope, name = registry(call, params), params["repositoryName"]
        self._records.repository(scope, name)
        try:
            upload = await self._layers.blobs.begin(Layers.owner(scope, name))
        except UploadRefused as error:
            raise AwsError(400, "LimitExceededException", str(error)) from error
        return {"uploadId": upload.id, "partSize": PART}

    async def upload_part(self, call: Call, params: Params) -> Mapping[str, Any]:
        scope, name = registry(call, params), params["repositoryName"]
        upload = self._upload(scope, name, params["uploadId"])
        data, first = params["layerPartBlob"], params["partFirstByte"]
        where = {"registryId": scope.account, "repositoryName": name, "uploadId": upload.id}
        if params["partLastByte"] != first + len(data) - 1:
            raise _part_refused("the part has another size than its first and last byte say", upload, where)
        try:
            await self._layers.blobs.append(upload, _one(data), first)
        except UploadRefused as error:
            raise _part_refused(str(error), upload, where) from error
        return {**where, "lastByteReceived": upload.size - 1}

    async def complete(self, call: Call, params: Params) -> Mapping[str, Any]:
        scope, name = registry(call, params), params["repositoryName"]
        upload = self._upload(scope, name, params["uploadId"])
        digest = params["layerDigests"][0]
        if upload.size == 0:
            raise AwsError(400, "EmptyUploadException", f"The upload {upload.id} has no parts")
        if self._layers.get(scope, name, digest) is not None:
            self._layers.blobs.cancel(upload)
            message = f"Layer with digest '{digest}' already exists in {within(scope, name)}"
            raise AwsError(400, "LayerAlreadyExistsException", message)
        try:
            await self._layers.finish(scope, name, upload, digest)
        except DigestMismatch as error:
            raise AwsError(400, "InvalidLayerException", f"The layer is not what was said: {error}") from error
        where = {"registryId": scope.account, "repositoryName": name}
        return {**where, "uploadId": upload.id, "layerDigest": digest}

    async def check(self, call: Call, params: Params) -> Mapping[str, Any]:
        scope, name = registry(call, params), params["repositoryName"]
        self._records.repository(scope, name)
        layers, failures = [], []
        for digest in params["layerDigests"]:
            if DIGEST.fullmatch(digest) is None:
                failure = {"failureCode": "InvalidLayerDigest", "failureReason": "Invalid layer digest"}
                failures.append({"layerDigest": digest, **failure})
                continue
            record = self._layers.get(scope, name, digest)
            available = "AVAILABLE" if record is not None else "UNAVAILABLE"
            size = record["size"] if record is not None else None
            layers.append({"layerDigest": digest, "layerAvailability": available, "layerSize": size})
        return {"layers": layers, "failures": failures}

    async def locate(self, call: Call, params: Params) -> Mapping[str, Any]:
        scope, name, digest = registry(call, params), params["repositoryName"], params["layerDigest"]
        self._records.repository(scope, name)
        if self._layers.get(scope, name, digest) is None:
            message = f"The layer with digest '{digest}' is not available in {within(scope, name)}"
            raise AwsError(400, "LayerInaccessibleException", message)
        return {"downloadUrl": self._locate(scope, name, digest), "layerDigest": digest}

    def _upload(self, scope: Scope, name: str, identifier: str) -> Upload:
        self._records.repository(scope, name)
        upload = self._layers.blobs.upload(Layers.owner(scope, name), identifier)
        if upload is None:
            message = f"The upload {identifier} was not found in {within(scope, name)}"
            raise AwsError(400, "UploadNotFoundException", message)
        return upload


def _part_refused(why: str, upload: Upload, where: Mapping[str, Any]) -> AwsError:
    fields = {**where, "lastValidByteReceived": max(0, upload.size - 1)}
    return AwsError(400, "InvalidLayerPartException", f"The layer part is not taken: {why}", fields=fields)


async def _one(data: bytes) -> AsyncIterator[bytes]:
    yield data
