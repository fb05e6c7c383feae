"""Access keys that IAM and STS made here: IAM tells a secret once, so it is learned from that answer and kept.

CreateAccessKey, AssumeRole and the like are the emulator's. Their answers pass through the edge on their way to the
caller. What is kept lies in the store, with the emulator's state: both go together.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl
from xml.etree import ElementTree

import orjson

from staticfire.edge.http1.messages import Response
from staticfire.edge.http1.raw import unpacked
from staticfire.edge.store import Key, Store

from .calls import AwsError, Call, Scope
from .emulator import Emulator

SESSIONS = frozenset(
    ("AssumeRole", "AssumeRoleWithWebIdentity", "AssumeRoleWithSAML", "GetSessionToken", "GetFederationToken")
)
KEYS = frozenset(("CreateAccessKey", "UpdateAccessKey", "DeleteAccessKey"))
# Sessions that are over are looked for when so many were made.
PRUNED_AT = 100
KEPT_AFTER_SECONDS = 3600.0
MAX_ANSWER = 1024 * 1024


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A key, its secret, and who signs with it. `expires` is a session's, in seconds since 1970."""

    key: str
    secret: str
    account: str
    arn: str
    user_id: str
    token: str = ""
    expires: float | None = None
    active: bool = True
    # A session's own policies: documents, or ARNs of managed ones.
    policies: tuple[str, ...] = ()
    policy_arns: tuple[str, ...] = ()


class IssuedKeys:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._made = 0

    def get(self, key: str) -> IssuedKey | None:
        document = self._store.get(_kept_as(key))
        if document is None:
            return None
        members = {**document, "policies": tuple(document["policies"]), "policy_arns": tuple(document["policy_arns"])}
        return IssuedKey(**members)

    async def keep(self, key: IssuedKey) -> None:
        self._made += 1
        over: list[Key] = []
        if self._made % PRUNED_AT == 0:
            until = time.time() - KEPT_AFTER_SECONDS
            over = [
                name
                for name, document in self._store.everywhere("iam", "access-key")
                if document["expires"] is not None and document["expires"] < until
            ]
        await self._store.write({_kept_as(key.key): asdict(key)}, over)

    async def drop(self, key: str) -> None:
        await self._store.write(deletes=[_kept_as(key)])

    async def keep_session(self, scope: Scope, form: Mapping[str, str], said: Mapping[str, str], maker: str) -> None:
        """A session that STS made for `maker`, an ARN; `said` are the members of the answer."""
        arn = said.get("Arn") or maker
        policy_arns = [value for name, value in form.items() if name.startswith("PolicyArns.") and name.endswith("arn")]
        await self.keep(
            IssuedKey(
                said["AccessKeyId"],
                said["SecretAccessKey"],
                _account(arn, scope),
                arn,
                said.get("AssumedRoleId") or said.get("FederatedUserId") or scope.account,
                said.get("SessionToken", ""),
                _seconds(said.get("Expiration", "")),
                policies=tuple(filter(None, (form.get("Policy"),))),
                policy_arns=tuple(policy_arns),
            )
        )


class KeyMaker:
    """Calls of IAM and STS that make keys, or end them: carried out by the emulator, and learned."""

    def __init__(self, emulator: Emulator, issued: IssuedKeys) -> None:
        self._emulator = emulator
        self._issued = issued

    async def answer(self, call: Call) -> Response | None:
        if call.operation not in SESSIONS | KEYS:
            return None
        form = dict(parse_qsl((await call.body()).decode("utf-8", "replace") or call.request.query))
        maker = self._maker(call)
        response = await self._emulator.forward(call.scope, call.service, call.request)
        if response.status >= 300:
            return response
        data, response = await _read(response)
        await self._learn(call, form, members_of(data), maker)
        return response

    async def _learn(self, call: Call, form: Mapping[str, str], said: Mapping[str, str], maker: str) -> None:
        if call.operation == "CreateAccessKey":
            arn, user_id = await self._user(call.scope, said.get("UserName", ""))
            account = _account(arn, call.scope)
            await self._issued.keep(IssuedKey(said["AccessKeyId"], said["SecretAccessKey"], account, arn, user_id))
        elif call.operation == "DeleteAccessKey":
            await self._issued.drop(form.get("AccessKeyId", ""))
        elif call.operation == "UpdateAccessKey":
            key = self._issued.get(form.get("AccessKeyId", ""))
            if key is not None:
                changed = {name: getattr(key, name) for name in IssuedKey.__slots__}
                await self._issued.keep(IssuedKey(**{**changed, "active": form.get("Status") == "Active"}))
        else:
            await self._issued.keep_session(call.scope, form, said, maker)

    def _maker(self, call: Call) -> str:
        """Who calls, for a session that is the caller's own."""
        authorization = call.request.headers.get("authorization")
        key = self._issued.get(authorization.partition("Credential=")[2].partition("/")[0])
        return key.arn if key is not None else f"arn:aws:iam::{call.scope.account}:root"

    async def _user(self, scope: Scope, name: str) -> tuple[str, str]:
        """ARN and id of a user; of the account's root where the key is nobody else's."""
        if not name or name in ("root", scope.account):
            return f"arn:aws:iam::{scope.account}:root", scope.account
        try:
            answer = await self._emulator.query(scope, "iam", "GetUser", {"UserName": name})
        except AwsError as error:
            if error.status >= 500:
                raise
            return f"arn:aws:iam::{scope.account}:user/{name}", name
        said = {element.tag.rpartition("}")[2]: element.text or "" for element in answer.iter()}
        return said["Arn"], said["UserId"]


async def _read(response: Response) -> tuple[bytes, Response]:
    """The body of an answer, and the answer with its body at hand."""
    if response.raw:
        return unpacked(response)[1], response
    body = response.body
    if not isinstance(body, bytes):
        body = b"".join([piece async for piece in body])
        response = Response(response.status, response.headers, body)
    return body, response


def members_of(data: bytes) -> dict[str, str]:
    """The members of an answer by their names, in XML or in JSON."""
    if data.lstrip().startswith(b"{"):
        members: dict[str, str] = {}
        _flatten(orjson.loads(data), members)
        return members
    return {element.tag.rpartition("}")[2]: element.text or "" for element in ElementTree.fromstring(data).iter()}


def _flatten(value: Mapping[str, Any], members: dict[str, str]) -> None:
    for name, member in value.items():
        if isinstance(member, Mapping):
            _flatten(member, members)
        else:
            members[name] = str(member)


def _kept_as(key: str) -> Key:
    return Key("", "", "iam", "access-key", key)


def _account(arn: str, scope: Scope) -> str:
    parts = arn.split(":")
    return parts[4] if len(parts) > 5 and parts[4] else scope.account


def _seconds(text: str) -> float | None:
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        return datetime.fromisoformat(text).timestamp()
