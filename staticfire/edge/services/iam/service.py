"""IAM on its way to the emulator: the keys that it makes are learned, and what was read of its policies is dropped."""

from __future__ import annotations

from staticfire.edge.aws.calls import Call
from staticfire.edge.aws.identity_policies import IdentityPolicies
from staticfire.edge.aws.issued_keys import KeyMaker
from staticfire.edge.http1.messages import Response

READING = ("Get", "List", "Simulate", "Generate")


class Iam:
    """The `iam` service, in part."""

    def __init__(self, keys: KeyMaker, policies: IdentityPolicies) -> None:
        self._keys = keys
        self._policies = policies

    async def answer(self, call: Call) -> Response | None:
        return await self._keys.answer(call)

    async def passed(self, call: Call, status: int) -> None:
        if not (call.operation or "").startswith(READING):
            self._policies.forget()
