"""STS for functions: GetCallerIdentity of a key that the edge gave names the role and the function.

The emulator never sees such a key (aws/access_keys.py), so it cannot tell. All other calls are the emulator's; the
sessions that it makes are learned.
"""

from __future__ import annotations

import base64
import hashlib
from urllib.parse import parse_qs
from uuid import uuid4
from xml.sax.saxutils import escape

from staticfire.edge.aws.access_keys import AccessKeys, Caller
from staticfire.edge.aws.calls import AwsError, Call, Scope
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.aws.issued_keys import KeyMaker
from staticfire.edge.http1.messages import Response

NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"


class Sts:
    """The `sts` service, in part."""

    def __init__(self, emulator: Emulator, access_keys: AccessKeys, keys: KeyMaker) -> None:
        self._emulator = emulator
        self._keys = keys
        self._access_keys = access_keys

    async def answer(self, call: Call) -> Response | None:
        if call.operation == "GetCallerIdentity" and call.caller is not None:
            return _answer("GetCallerIdentity", await self._identity(call.caller))
        if call.operation == "GetAccessKeyInfo":
            form = parse_qs((await call.body()).decode("latin-1") or call.request.query)
            account = self._access_keys.account(form.get("AccessKeyId", [""])[0])
            return _answer("GetAccessKeyInfo", {"Account": account}) if account else None
        return await self._keys.answer(call)

    async def passed(self, call: Call, status: int) -> None:
        """Nothing is kept."""

    async def _identity(self, caller: Caller) -> dict[str, str]:
        role = caller.role.rpartition("/")[2]
        return {
            "Arn": f"arn:aws:sts::{caller.account}:assumed-role/{role}/{caller.function}",
            "UserId": f"{await self._role_id(caller, role)}:{caller.function}",
            "Account": caller.account,
        }

    async def _role_id(self, caller: Caller, role: str) -> str:
        """The role's id; made of its ARN where it does not exist, which nothing forbids here."""
        try:
            answer = await self._emulator.query(Scope(caller.account), "iam", "GetRole", {"RoleName": role})
        except AwsError as error:
            if error.status >= 500:
                raise
            digest = hashlib.sha256(caller.role.encode()).digest()
            return f"AROA{base64.b32encode(digest).decode()[:17]}"
        return next((element.text or "" for element in answer.iter() if element.tag.endswith("}RoleId")), "")


def _answer(operation: str, members: dict[str, str]) -> Response:
    inner = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in members.items())
    body = (
        f'<{operation}Response xmlns="{NAMESPACE}"><{operation}Result>{inner}</{operation}Result>'
        f"<ResponseMetadata><RequestId>{uuid4()}</RequestId></ResponseMetadata></{operation}Response>"
    )
    return Response(200, [("content-type", "text/xml")], body.encode())
