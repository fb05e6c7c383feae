"""Whom a call means: the function, version or alias named in it, and AWS's errors where that is not there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from staticfire.edge.aws.calls import AwsError, Call, Scope
from staticfire.edge.aws.iam_policy import allows
from staticfire.edge.services.lambda_.function_records import FunctionRecords, Record
from staticfire.edge.services.lambda_.model import LATEST, FunctionRef


def invalid(message: str, **fields: object) -> AwsError:
    return AwsError(400, "InvalidParameterValueException", message, fields=fields)


def missing(message: str, **fields: object) -> AwsError:
    return AwsError(404, "ResourceNotFoundException", message, fields=fields)


def conflict(message: str) -> AwsError:
    return AwsError(409, "ResourceConflictException", message)


def outdated(call_this: str = "GetFunction/GetAlias") -> AwsError:
    return AwsError(
        412,
        "PreconditionFailedException",
        "The Revision Id provided does not match the latest Revision Id. Call the "
        f"{call_this} API to retrieve the latest Revision Id",
    )


def check_revision(expected: str | None, revision: str, call_this: str = "GetFunction/GetAlias") -> None:
    if expected is not None and expected != revision:
        raise outdated(call_this)


def ref_of(records: FunctionRecords, call: Call, params: Mapping[str, Any]) -> FunctionRef:
    """The function that is named, with its qualifier. Another account's wants that function's policy to allow it."""
    ref = FunctionRef.called(params["FunctionName"], call.scope, params.get("Qualifier"))
    if ref.scope.account != call.scope.account and not _granted(records, ref, call):
        action = f"lambda:{call.carried_out}"
        raise AwsError(
            403,
            "AccessDeniedException",
            f"User: arn:aws:iam::{call.scope.account}:root is not authorized to perform: {action} on resource: "
            f"{ref.arn} because no resource-based policy allows the {action} action",
        )
    return ref


def _granted(records: FunctionRecords, ref: FunctionRef, call: Call) -> bool:
    policy = records.get(ref.scope, "policy", ref.name, "" if ref.qualifier in (None, LATEST) else str(ref.qualifier))
    if policy is None:
        return False
    account = call.scope.account

    def named(statement: Mapping[str, Any]) -> bool:
        principal = statement["Principal"]
        names = "*" if principal == "*" else principal.get("AWS", "")
        return names == "*" or names.startswith(f"arn:aws:iam::{account}:")

    return allows({"Statement": policy["statements"]}, f"lambda:{call.carried_out}", ref.resource, named)


def function_of(records: FunctionRecords, ref: FunctionRef) -> Record:
    """The function itself, whichever version or alias of it is named."""
    function = records.get(ref.scope, "function", ref.name)
    if function is None:
        raise missing(f"Function not found: {ref.arn}")
    return function


def check_qualified(records: FunctionRecords, ref: FunctionRef) -> str:
    """The version that is named, an alias' too; an error unless it is there."""
    qualifier = ref.qualifier or LATEST
    if qualifier == LATEST or qualifier.isdigit():
        if records.configuration(ref.scope, ref.name, qualifier) is None:
            raise missing(f"Function not found: {ref.arn}")
        return qualifier
    return str(alias_of(records, ref)["FunctionVersion"])


def alias_of(records: FunctionRecords, ref: FunctionRef) -> Record:
    qualifier = ref.qualifier or LATEST
    alias = records.get(ref.scope, "alias", ref.name, qualifier)
    if alias is None and "$" in qualifier:
        raise missing(f"Function not found: {ref.arn}")
    if alias is None:
        raise missing(f"Cannot find alias arn: {ref.arn}")
    return alias


def stamp() -> str:
    """Now, as Lambda writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "+0000")


def layer_name(scope: Scope, name: str) -> tuple[Scope, str]:
    """The owner and name of a layer that is named by its name or its ARN."""
    if not name.startswith("arn:"):
        return scope, name
    _, _, _, region, account, _, layer = name.split(":")[:7]
    return Scope(account, region), layer
