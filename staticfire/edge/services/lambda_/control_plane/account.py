"""Settings of an account, and those of a function that change nothing of how it runs here."""

from __future__ import annotations

from staticfire.edge.aws.calls import Call
from staticfire.edge.aws.protocol import Params
from staticfire.edge.services.lambda_.function_records import FunctionRecords, Record
from staticfire.edge.services.lambda_.model import FunctionRef

from .called import check_qualified, function_of, invalid, ref_of
from .concurrency import ConcurrencyOperations
from .packages import ZIPPED_LIMIT

TOTAL_CODE_LIMIT = 80530636800
UNZIPPED_LIMIT = 262144000


class AccountOperations:
    def __init__(self, records: FunctionRecords, concurrency: ConcurrencyOperations, limit: int) -> None:
        self._records = records
        self._concurrency = concurrency
        self._limit = limit

    async def settings(self, call: Call, params: Params) -> Record:
        scope = call.scope
        functions = list(self._records.list(scope, "function"))
        sizes = [function["latest"]["CodeSize"] for function in functions]
        sizes += [version["CodeSize"] for version in self._records.list(scope, "version")]
        layers = self._records.list(scope, "layer-version")
        sizes += [layer["Content"]["CodeSize"] for layer in layers if not layer.get("deleted")]
        return {
            "AccountLimit": {
                "TotalCodeSize": TOTAL_CODE_LIMIT,
                "CodeSizeUnzipped": UNZIPPED_LIMIT,
                "CodeSizeZipped": ZIPPED_LIMIT,
                "ConcurrentExecutions": self._limit,
                "UnreservedConcurrentExecutions": self._concurrency.unreserved(scope),
            },
            "AccountUsage": {"TotalCodeSize": sum(sizes), "FunctionCount": len(functions)},
        }

    async def get_recursion(self, call: Call, params: Params) -> Record:
        return {
            "RecursiveLoop": function_of(self._records, ref_of(self._records, call, params)).get(
                "recursion", "Terminate"
            )
        }

    async def put_recursion(self, call: Call, params: Params) -> Record:
        ref = ref_of(self._records, call, params)
        async with self._records.changing(ref.scope, ref.name):
            function = {**function_of(self._records, ref), "recursion": params["RecursiveLoop"]}
            await self._records.put(ref.scope, "function", ref.name, record=function)
        return {"RecursiveLoop": params["RecursiveLoop"]}

    async def get_runtime_management(self, call: Call, params: Params) -> Record:
        ref = ref_of(self._records, call, params)
        function = function_of(self._records, ref._replace(qualifier=None))
        check_qualified(self._records, ref)
        return self._runtime_management(ref, function)

    async def put_runtime_management(self, call: Call, params: Params) -> Record:
        ref = ref_of(self._records, call, params)
        update, arn = params["UpdateRuntimeOn"], params.get("RuntimeVersionArn")
        if update == "Manual" and not arn:
            raise invalid("RuntimeVersionArn is required for Manual runtime updates.")
        if update != "Manual" and arn:
            raise invalid("RuntimeVersionArn is for Manual runtime updates only.")
        async with self._records.changing(ref.scope, ref.name):
            function = function_of(self._records, ref._replace(qualifier=None))
            check_qualified(self._records, ref)
            chosen = function.setdefault("runtime_management", {})
            chosen[ref.qualifier or ""] = {"UpdateRuntimeOn": update, "RuntimeVersionArn": arn}
            await self._records.put(ref.scope, "function", ref.name, record=function)
        return self._runtime_management(ref, function)

    @staticmethod
    def _runtime_management(ref: FunctionRef, function: Record) -> Record:
        chosen = function.get("runtime_management", {}).get(ref.qualifier or "", {"UpdateRuntimeOn": "Auto"})
        return {**chosen, "FunctionArn": ref.arn}
