"""Who may invoke: the resource policies of functions, versions and aliases, a statement a permission."""

from __future__ import annotations

import json
import re
from typing import Any

from staticfire.edge.aws.calls import Call
from staticfire.edge.aws.protocol import Params
from staticfire.edge.services.lambda_.catalog import told_policy
from staticfire.edge.services.lambda_.function_records import FunctionRecords, Record, new_revision
from staticfire.edge.services.lambda_.model import LATEST, FunctionRef

from .called import check_qualified, check_revision, conflict, function_of, invalid, missing, ref_of
from .functions import FunctionListener

_SERVICE = re.compile(r"[a-z0-9.-]+\.(amazonaws\.com(\.cn)?|amazon\.com|aws\.internal)")
_ENTITY = re.compile(r"arn:aws[a-zA-Z-]*:(iam|sts)::\d{12}:.+")


class PermissionOperations:
    def __init__(self, records: FunctionRecords, running: FunctionListener) -> None:
        self._records = records
        self._running = running

    async def add(self, call: Call, params: Params) -> Record:
        ref = ref_of(self._records, call, params)
        if ref.qualifier == LATEST:
            raise invalid("We currently do not support adding policies for $LATEST.")
        if params.get("FunctionUrlAuthType") and params["Action"] != "lambda:InvokeFunctionUrl":
            raise invalid("FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action")
        principal = _principal(params["Principal"])
        async with self._records.changing(ref.scope, ref.name):
            function_of(self._records, ref if ref.qualifier is None else ref._replace(qualifier=None))
            if ref.qualifier is not None:
                check_qualified(self._records, ref)
            policy = self._policy(ref) or {"statements": [], "revision": ""}
            identity = params["StatementId"]
            if any(statement["Sid"] == identity for statement in policy["statements"]):
                raise conflict(
                    f"The statement id ({identity}) provided already exists. Please provide a new statement id, or "
                    "remove the existing statement."
                )
            check_revision(params.get("RevisionId"), policy["revision"], "GetPolicy")
            statement: Record = {
                "Sid": identity,
                "Effect": "Allow",
                "Principal": principal,
                "Action": params["Action"],
                "Resource": ref.arn,
            }
            if conditions := _conditions(params):
                statement["Condition"] = conditions
            await self._put(ref, [*policy["statements"], statement])
        await self._running.changed(ref._replace(qualifier=None))
        return {"Statement": json.dumps(statement, separators=(",", ":"))}

    async def remove(self, call: Call, params: Params) -> None:
        ref = ref_of(self._records, call, params)
        async with self._records.changing(ref.scope, ref.name):
            if self._records.get(ref.scope, "function", ref.name) is None:
                raise missing(f"No policy found for: {ref.arn}")
            if ref.qualifier is not None:
                check_qualified(self._records, ref)
            policy = self._policy(ref)
            if policy is None:
                raise missing("No policy is associated with the given resource.")
            left = [statement for statement in policy["statements"] if statement["Sid"] != params["StatementId"]]
            if len(left) == len(policy["statements"]):
                raise missing(f"Statement {params['StatementId']} is not found in resource policy.")
            check_revision(params.get("RevisionId"), policy["revision"], "GetPolicy")
            await self._put(ref, left)
        await self._running.changed(ref._replace(qualifier=None))

    async def get(self, call: Call, params: Params) -> Record:
        policy = self._policy(ref_of(self._records, call, params))
        if policy is None:
            raise missing("The resource you requested does not exist.")
        return told_policy(policy)

    def _policy(self, ref: FunctionRef) -> Record | None:
        return self._records.get(ref.scope, "policy", ref.name, _qualifier(ref))

    async def _put(self, ref: FunctionRef, statements: list[Record]) -> None:
        parts = (ref.scope, "policy", ref.name, _qualifier(ref))
        if statements:
            await self._records.put(*parts, record={"statements": statements, "revision": new_revision()})
        else:
            await self._records.delete(*parts)


def _qualifier(ref: FunctionRef) -> str:
    """The function's own policy has no qualifier."""
    return "" if ref.qualifier in (None, LATEST) else str(ref.qualifier)


def _principal(principal: str) -> Any:
    if principal == "*":
        return "*"
    if re.fullmatch(r"\d{12}", principal):
        return {"AWS": f"arn:aws:iam::{principal}:root"}
    if _ENTITY.fullmatch(principal):
        return {"AWS": principal}
    if _SERVICE.fullmatch(principal):
        return {"Service": principal}
    raise invalid("The provided principal was invalid. Please check the principal and try again.")


def _conditions(params: Params) -> Record:
    """In the order in which AWS writes them."""
    equals = {
        "AWS:SourceAccount": params.get("SourceAccount"),
        "lambda:FunctionUrlAuthType": params.get("FunctionUrlAuthType"),
        "aws:PrincipalOrgID": params.get("PrincipalOrgID"),
        "lambda:EventSourceToken": params.get("EventSourceToken"),
    }
    equals = {name: value for name, value in equals.items() if value is not None}
    conditions: Record = {"StringEquals": equals} if equals else {}
    if params.get("SourceArn"):
        conditions["ArnLike"] = {"AWS:SourceArn": params["SourceArn"]}
    if params.get("InvokedViaFunctionUrl"):
        conditions["Bool"] = {"lambda:InvokedViaFunctionUrl": "true"}
    return conditions
