"""GetModelTemplate: a mapping template that makes a sample of a model's JSON schema."""

from __future__ import annotations

import json
from typing import Any

from staticfire.edge.aws.calls import Call
from staticfire.edge.aws.protocol import Params

from .called import missing
from .records import Record, V2Records

DEPTH = 16
_SAMPLES = {"string": "foo", "number": 42, "integer": 42, "boolean": True, "null": None}


class ModelTemplates:
    def __init__(self, records: V2Records) -> None:
        self._records = records

    async def get(self, call: Call, params: Params) -> Record:
        model = self._records.get(call.scope, "model", params["ApiId"], params["ModelId"])
        if model is None:
            raise missing("Invalid Model identifier specified")
        return {"Value": json.dumps(_sample(json.loads(model["Schema"]), DEPTH), indent=2)}


def _sample(schema: Any, depth: int) -> Any:
    if not isinstance(schema, dict) or depth == 0:
        return {}
    kind = schema.get("type", "object")
    if isinstance(kind, list):
        kind = kind[0] if kind else "object"
    if schema.get("enum"):
        return schema["enum"][0]
    if kind == "object":
        return {name: _sample(inner, depth - 1) for name, inner in (schema.get("properties") or {}).items()}
    if kind == "array":
        return [_sample(schema.get("items") or {}, depth - 1)]
    return _SAMPLES.get(str(kind), {})
