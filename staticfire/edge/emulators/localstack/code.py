"""Code of functions that lies in LocalStack's S3: MiniStack, which describes the functions, sees nothing of it.

What is named by bucket and key is read here, and given to MiniStack as a zip.
"""

from __future__ import annotations

import base64
import json
import re
from urllib.parse import quote

from staticfire.edge.aws.calls import AwsError, Call, Service
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.http1.messages import Headers, Request, Response

CODE = re.compile(
    r"/2015-03-31/functions/?|/2015-03-31/functions/[^/]+/code|/2018-10-31/layers/[^/]+/versions",
)


class CodeInS3:
    """The `lambda` service: what is not said above, LambdaApi answers."""

    def __init__(self, emulator: Emulator, api: Service) -> None:
        self._emulator = emulator
        self._api = api

    async def answer(self, call: Call) -> Response | None:
        request = call.request
        if request.method in ("POST", "PUT") and CODE.fullmatch(request.path):
            await self._fetch_code(call)
        return await self._api.answer(call)

    async def passed(self, call: Call, status: int) -> None:
        await self._api.passed(call, status)

    async def _fetch_code(self, call: Call) -> None:
        """Replace a bucket and a key by the zip that lies there."""
        document = json.loads(await call.body())
        code = document.get("Code") or document.get("Content") or document
        if not code.get("S3Bucket") or not code.get("S3Key"):
            return
        version = code.pop("S3ObjectVersion", None)
        target = f"/{quote(code.pop('S3Bucket'))}/{quote(code.pop('S3Key'))}"
        query = f"?versionId={quote(version)}" if version else ""
        answer = await self._emulator.raw(call.scope, "s3", "GET", target + query)
        data = await self._emulator.whole(answer)
        if answer.status != 200:
            raise AwsError(
                400,
                "InvalidParameterValueException",
                f"Error occurred while GetObject. The code {target} was answered with status {answer.status}.",
            )
        code["ZipFile"] = base64.b64encode(data).decode()
        old = call.request
        headers = Headers([header for header in old.headers.items() if header[0] != "content-length"])
        call.request = Request(old.method, old.path, old.query, headers, json.dumps(document).encode(), peer=old.peer)
