"""What users and roles may do by IAM here: their policies, those of a user's groups, and the boundary.

The emulator keeps IAM. What was read of it holds until a call of IAM went through the edge, and for a few seconds at
the most: CloudFormation changes it inside the emulator.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

from .calls import AwsError, Scope
from .emulator import Emulator

log = logging.getLogger(__name__)

FRESH_SECONDS = 5.0
REMEMBERED = 1024
PAGES = 20

Document = Mapping[str, Any]


def _full(*actions: str) -> Document:
    return {"Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]}


# Policies of AWS's own that say something of what the edge asks about; emulators have no documents of them.
OF_AWS: Mapping[str, Document] = {
    "AdministratorAccess": _full("*"),
    "PowerUserAccess": {
        "Statement": [{"Effect": "Allow", "NotAction": ["iam:*", "organizations:*", "account:*"], "Resource": "*"}]
    },
    "AmazonAPIGatewayInvokeFullAccess": _full("execute-api:Invoke", "execute-api:ManageConnections"),
    "AWSLambda_FullAccess": _full("lambda:*"),
    "AWSLambdaRole": _full("lambda:InvokeFunction"),
}


@dataclass(frozen=True, slots=True)
class Identity:
    """The policies of a user or a role. `boundary` is None where it has none."""

    policies: Sequence[Document]
    boundary: Sequence[Document] | None = None


class IdentityPolicies:
    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._read: dict[tuple[str, str, str], tuple[float, Identity | None]] = {}
        self._changes = 0

    def forget(self) -> None:
        """IAM may have changed."""
        self._changes += 1
        self._read.clear()

    async def of(self, account: str, kind: str, name: str) -> Identity | None:
        """Of a `User` or a `Role`; None where IAM here has no such."""
        at, now = (account, kind, name), time.monotonic()
        kept = self._read.get(at)
        if kept is not None and now - kept[0] < FRESH_SECONDS:
            return kept[1]
        changes = self._changes
        identity = await self._identity(Scope(account), kind, name)
        if changes == self._changes:
            if len(self._read) >= REMEMBERED:
                self._read.clear()
            self._read[at] = now, identity
        return identity

    async def managed(self, account: str, arns: Sequence[str]) -> list[Document]:
        """The documents of managed policies."""
        return [document for arn in arns if (document := await self._managed(Scope(account), arn)) is not None]

    async def _identity(self, scope: Scope, kind: str, name: str) -> Identity | None:
        try:
            described = await self._emulator.query(scope, "iam", f"Get{kind}", {f"{kind}Name": name})
        except AwsError as error:
            if error.status >= 500:
                raise
            return None
        policies = await self._policies(scope, kind, name)
        if kind == "User":
            for group in await self._all(scope, "ListGroupsForUser", {"UserName": name}, "GroupName"):
                policies += await self._policies(scope, "Group", group)
        boundary = _texts(described, "PermissionsBoundaryArn")
        return Identity(policies, await self.managed(scope.account, boundary) if boundary else None)

    async def _policies(self, scope: Scope, kind: str, name: str) -> list[Document]:
        owner = {f"{kind}Name": name}
        documents = []
        for policy in await self._all(scope, f"List{kind}Policies", owner, "member"):
            answer = await self._emulator.query(scope, "iam", f"Get{kind}Policy", {**owner, "PolicyName": policy})
            documents += [_document(text, f"{kind} {name}, {policy}") for text in _texts(answer, "PolicyDocument")]
        attached = await self._all(scope, f"ListAttached{kind}Policies", owner, "PolicyArn")
        return [document for document in documents if document] + await self.managed(scope.account, attached)

    async def _managed(self, scope: Scope, arn: str) -> Document | None:
        name = arn.rpartition("/")[2]
        if arn.startswith("arn:aws:iam::aws:policy/"):
            return OF_AWS.get(name)
        try:
            policy = await self._emulator.query(scope, "iam", "GetPolicy", {"PolicyArn": arn})
            version = {"PolicyArn": arn, "VersionId": _texts(policy, "DefaultVersionId")[0]}
            answer = await self._emulator.query(scope, "iam", "GetPolicyVersion", version)
        except AwsError as error:
            if error.status >= 500:
                raise
            log.warning("the policy %s is attached, but IAM here cannot tell it: %s", arn, error)
            return None
        return next((_document(text, arn) for text in _texts(answer, "Document")), None)

    async def _all(self, scope: Scope, action: str, owner: Mapping[str, str], member: str) -> list[str]:
        texts: list[str] = []
        marker: dict[str, str] = {}
        for _ in range(PAGES):
            answer = await self._emulator.query(scope, "iam", action, {**owner, **marker})
            texts += _texts(answer, member)
            following = _texts(answer, "Marker")
            if not following:
                break
            marker = {"Marker": following[0]}
        return texts


def _texts(answer: ElementTree.Element, name: str) -> list[str]:
    return [
        element.text.strip() for element in answer.iter() if element.tag.rpartition("}")[2] == name and element.text
    ]


def _document(text: str, whose: str) -> Document | None:
    try:
        document = json.loads(unquote(text))
    except ValueError:
        log.warning("a policy is no JSON: %s", whose)
        return None
    return document if isinstance(document, dict) else None
