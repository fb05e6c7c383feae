"""Tags of functions and code signing configs; those of event source mappings are their own operations'."""

from __future__ import annotations

from collections.abc import Mapping

from staticfire.edge.aws.calls import Call, Scope
from staticfire.edge.aws.protocol import Params
from staticfire.edge.aws.protocol.operations import Carry
from staticfire.edge.services.lambda_.function_records import FunctionRecords, Record, new_revision, settled

from .called import invalid, missing, ref_of
from .functions import TAGS_LIMIT


class TagOperations:
    """`others`: by the kind in an ARN, who has the tags of those resources, by the operations' names."""

    def __init__(self, records: FunctionRecords, others: Mapping[str, Mapping[str, Carry]]) -> None:
        self._records = records
        self._others = others

    async def list_all(self, call: Call, params: Params) -> Record | None:
        if other := self._other(params, "ListTags"):
            return dict(await other(call, params) or {})
        _, record = self._tagged(self._owner(call, params["Resource"]), params["Resource"])
        return {"Tags": record["tags"]}

    async def tag(self, call: Call, params: Params) -> None:
        if not params["Tags"]:
            raise invalid("An error occurred and the request cannot be processed.")
        if other := self._other(params, "TagResource"):
            await other(call, params)
            return
        await self._write(self._owner(call, params["Resource"]), params["Resource"], params["Tags"], ())

    async def untag(self, call: Call, params: Params) -> None:
        if other := self._other(params, "UntagResource"):
            await other(call, params)
            return
        await self._write(self._owner(call, params["Resource"]), params["Resource"], {}, params["TagKeys"])

    async def _write(self, scope: Scope, arn: str, added: Mapping[str, str], removed: list[str] | tuple[()]) -> None:
        kind, name = self._place(arn)
        async with self._records.changing(scope, name):
            kind, record = self._tagged(scope, arn)
            tags = {key: value for key, value in {**record["tags"], **added}.items() if key not in removed}
            if len(tags) > TAGS_LIMIT:
                raise invalid("Number of tags exceeds resource tag limit.")
            record["tags"] = tags
            if kind == "function":
                record["latest"] = {**settled(record["latest"]), "RevisionId": new_revision()}
            await self._records.put(scope, kind, name, record=record)

    def _owner(self, call: Call, arn: str) -> Scope:
        """Whose it is: another account's function may be tagged if its policy allows it."""
        kind, _ = self._place(arn)
        if kind != "function" or arn.split(":")[4] == call.scope.account:
            return call.scope
        return ref_of(self._records, call, {"FunctionName": arn}).scope

    def _other(self, params: Params, operation: str) -> Carry | None:
        kind = params["Resource"].split(":")[5]
        return self._others[kind][operation] if kind in self._others else None

    @staticmethod
    def _place(arn: str) -> tuple[str, str]:
        """The kind and the name of what an ARN names."""
        kind, name, *qualifier = arn.split(":")[5:]
        if kind == "function" and qualifier:
            raise invalid("Tags on function aliases and versions are not supported. Please specify a function ARN.")
        return kind, name

    def _tagged(self, scope: Scope, arn: str) -> tuple[str, Record]:
        kind, name = self._place(arn)
        record = self._records.get(scope, kind, name)
        if record is None:
            what = {
                "function": "Function",
                "event-source-mapping": "Event source mapping",
                "capacity-provider": "Capacity provider",
                "code-signing-config": "Code signing config",
            }
            raise missing(f"{what.get(kind, 'Resource')} not found: {arn}")
        return kind, record
