"""The account's settings: the role that logs are written by, and the limits of all APIs together."""

from __future__ import annotations

import re

from staticfire.edge.aws.calls import Call, Scope
from staticfire.edge.aws.protocol import Params
from staticfire.edge.services.apigateway.rest.records import ACCOUNT_ID, Record, RestRecords

from . import patches
from .common import bad_request

BURST, RATE = 5000, 10_000.0
ROLE = re.compile(r"arn:[^:]+:iam::\d{12}:role/.+")


class AccountOperations:
    def __init__(self, records: RestRecords) -> None:
        self._records = records

    def _account(self, scope: Scope) -> Record:
        return self._records.get(scope, "account", ACCOUNT_ID) or {
            "throttleSettings": {"burstLimit": BURST, "rateLimit": RATE},
            "features": ["UsagePlans"],
            "apiKeyVersion": "4",
        }

    async def get(self, call: Call, params: Params) -> Record:
        return self._account(call.scope)

    async def update(self, call: Call, params: Params) -> Record:
        scope = call.scope
        async with self._records.changing(scope):
            account = self._account(scope)
            for patch in patches.read(params):
                if patch.path == "/cloudwatchRoleArn":
                    patches.must_be(patch, "replace", "remove")
                    role = None if patch.op == "remove" else patch.value
                    if role and ROLE.fullmatch(role) is None:
                        raise bad_request("Invalid role ARN")
                    patches.set_or_drop(account, "cloudwatchRoleArn", role)
                elif patch.path == "/features":
                    if patch.value != "UsagePlans":
                        raise bad_request("Invalid feature specified. Must be one of: [UsagePlans]")
                    if patch.op == "remove":
                        raise bad_request("Usage Plans cannot be disabled once account is opted in")
                else:
                    raise patches.invalid_path(patch.path)
            await self._records.put(scope, "account", ACCOUNT_ID, record=account)
        return account
