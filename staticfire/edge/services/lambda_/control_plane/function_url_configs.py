"""Function URLs as they are described: of a function, or of one of its aliases."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime

from staticfire.edge.aws.calls import Call
from staticfire.edge.aws.protocol import Params
from staticfire.edge.services.lambda_.function_records import FunctionRecords, Record
from staticfire.edge.services.lambda_.model import FunctionRef
from staticfire.edge.services.lambda_.pages import page_of

from .called import conflict, missing, ref_of
from .functions import FunctionListener

KIND = "function-url"


class FunctionUrlOperations:
    def __init__(self, records: FunctionRecords, running: FunctionListener, port: int) -> None:
        self._records = records
        self._running = running
        self._port = port

    async def create(self, call: Call, params: Params) -> Record:
        ref = self._existing(call, params)
        async with self._records.changing(ref.scope, ref.name):
            if self._records.get(ref.scope, KIND, ref.name, ref.qualifier or "") is not None:
                raise conflict(
                    f"Failed to create function url config for [functionArn = {ref.arn}]. Error message:  "
                    "FunctionUrlConfig exists for this Lambda function"
                )
            now = _now()
            identity = url_id(ref)
            config: Record = {
                "id": identity,
                "FunctionUrl": f"http://{identity}.lambda-url.{ref.scope.region}.localhost:{self._port}/",
                "FunctionArn": ref.arn,
                "AuthType": params["AuthType"],
                "CreationTime": now,
                "LastModifiedTime": now,
            }
            config |= {name: params[name] for name in ("Cors", "InvokeMode") if params.get(name) is not None}
            await self._records.put(ref.scope, KIND, ref.name, ref.qualifier or "", record=config)
        await self._running.changed(ref._replace(qualifier=None))
        return config

    async def get(self, call: Call, params: Params) -> Record:
        return _told(self._config(ref_of(self._records, call, params)))

    async def update(self, call: Call, params: Params) -> Record:
        ref = self._existing(call, params)
        async with self._records.changing(ref.scope, ref.name):
            config = {**self._config(ref), "LastModifiedTime": _now()}
            config |= {
                name: params[name] for name in ("AuthType", "Cors", "InvokeMode") if params.get(name) is not None
            }
            await self._records.put(ref.scope, KIND, ref.name, ref.qualifier or "", record=config)
        await self._running.changed(ref._replace(qualifier=None))
        return config

    async def delete(self, call: Call, params: Params) -> None:
        ref = ref_of(self._records, call, params)
        self._config(ref)
        await self._records.delete(ref.scope, KIND, ref.name, ref.qualifier or "")
        await self._running.changed(ref._replace(qualifier=None))

    async def list_all(self, call: Call, params: Params) -> Record:
        ref = ref_of(self._records, call, params)
        if self._records.get(ref.scope, "function", ref.name) is None:
            raise missing("Function does not exist")
        configs = [_told(config) for config in self._records.list(ref.scope, KIND, f"{ref.name}:")]
        return page_of(configs, params, "FunctionUrlConfigs", key="FunctionArn")

    def _existing(self, call: Call, params: Params) -> FunctionRef:
        ref = ref_of(self._records, call, params)
        kind, *parts = ("alias", ref.name, ref.qualifier) if ref.qualifier else ("function", ref.name)
        if self._records.get(ref.scope, str(kind), *map(str, parts)) is None:
            raise missing("Function does not exist")
        return ref

    def _config(self, ref: FunctionRef) -> Record:
        config = self._records.get(ref.scope, KIND, ref.name, ref.qualifier or "")
        if config is None:
            raise missing("The resource you requested does not exist.")
        return config


def url_id(ref: FunctionRef) -> str:
    """The same for the same function: applied again to an empty edge, its address stays."""
    digest = hashlib.sha256(ref.arn.encode()).digest()
    return base64.b32encode(digest).decode().lower()[:32]


def _told(config: Record) -> Record:
    return {"InvokeMode": "BUFFERED", **config}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
