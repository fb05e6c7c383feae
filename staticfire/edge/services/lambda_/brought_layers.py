"""Layers of other accounts, whose content `up` brings: layer versions like others, with a content by runtime."""

from __future__ import annotations

import re
from collections.abc import Mapping

from staticfire.edge.aws.calls import Scope
from staticfire.host.clock import rfc3339

from .code import CodeStore
from .function_records import FunctionRecords, Record, version_id

ANY_RUNTIME = "any"
ARN = re.compile(r"(arn:[a-z-]+:lambda:([a-z0-9-]+):(\d{12}):layer:([a-zA-Z0-9-_]+)):(\d+)")


class BroughtLayers:
    """`brought` of a layer version's record: its content by runtime, or for any."""

    def __init__(self, records: FunctionRecords, code: CodeStore) -> None:
        self._records = records
        self._code = code

    async def keep(self, layer: re.Match[str], runtime: str, data: bytes) -> bool:
        """Keep a layer version's content; whether it is another than before. `layer` is its ARN."""
        arn, region, account, name, version = layer.groups()
        scope, number = Scope(account, region), version_id(version)
        content = {"CodeSha256": await self._code.keep(data), "CodeSize": len(data)}
        async with self._records.changing(scope, f"layer:{name}"):
            before = self._records.get(scope, "layer-version", name, number) or {}
            brought = before.get("brought", {})
            if brought.get(runtime) == content:
                return False
            record: Record = {
                "LayerArn": arn,
                "LayerVersionArn": layer[0],
                "Description": "",
                "CreatedDate": rfc3339().replace("Z", "+0000"),
                "Version": int(version),
                **before,
                "Content": content,
                "brought": {**brought, runtime: content},
            }
            await self._records.put(scope, "layer-version", name, number, record=record)
        return True

    def kept(self) -> Mapping[str, str]:
        """CodeSha256 of each, by `ARN RUNTIME`."""
        return {
            f"{record['LayerVersionArn']} {runtime}": content["CodeSha256"]
            for _, record in self._records.everywhere("layer-version")
            for runtime, content in record.get("brought", {}).items()
        }


def content_for(record: Record, runtime: str) -> Record | None:
    """A layer version's content as functions of that runtime get it; None where none was brought for it."""
    if "brought" not in record:
        return dict(record["Content"])
    brought = record["brought"]
    content: Record | None = brought.get(runtime) or brought.get(ANY_RUNTIME)
    return content
