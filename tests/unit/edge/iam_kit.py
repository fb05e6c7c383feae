"""An IAM in memory, as the edge asks the emulator's: users, roles, groups, and their policies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.aws.emulator import Emulator


class MemoryIam(Emulator):
    """`users` and `roles` have inline policies by name; `groups` by the name of a user; `managed` by ARN."""

    def __init__(self) -> None:
        self.owners: dict[tuple[str, str], dict[str, Any]] = {}
        self.attached: dict[tuple[str, str], list[str]] = {}
        self.groups: dict[str, list[str]] = {}
        self.managed: dict[str, Any] = {}
        self.boundaries: dict[tuple[str, str], str] = {}
        self.asked = 0

    def add(self, kind: str, name: str, **policies: Any) -> None:
        self.owners[kind, name] = policies

    async def query(
        self, scope: Scope, service: str, action: str, params: Mapping[str, str], *, token: str = ""
    ) -> ElementTree.Element:
        self.asked += 1
        return ElementTree.fromstring(f"<Answer>{self._answer(action, params)}</Answer>")

    def _answer(self, action: str, params: Mapping[str, str]) -> str:
        if action == "GetPolicy":
            return "<DefaultVersionId>v1</DefaultVersionId>"
        if action == "GetPolicyVersion":
            return _element("Document", quote(json.dumps(self.managed[params["PolicyArn"]])))
        if action == "ListGroupsForUser":
            return "".join(_element("GroupName", name) for name in self.groups.get(params["UserName"], []))
        kind = next(kind for kind in ("User", "Role", "Group") if f"{kind}Name" in params)
        owner = (kind, params[f"{kind}Name"])
        if owner not in self.owners:
            raise AwsError(404, "NoSuchEntity", f"there is no {kind} {owner[1]}")
        if action == f"Get{kind}":
            boundary = self.boundaries.get(owner)
            arn = _element("Arn", f"arn:aws:iam::{owner[0]}") + _element("UserId", f"AIDA{owner[1].upper()}")
            return arn + (_element("PermissionsBoundaryArn", boundary) if boundary else "")
        if action == f"List{kind}Policies":
            return "".join(_element("member", name) for name in self.owners[owner])
        if action == f"ListAttached{kind}Policies":
            return "".join(_element("PolicyArn", arn) for arn in self.attached.get(owner, []))
        assert action == f"Get{kind}Policy"
        return _element("PolicyDocument", quote(json.dumps(self.owners[owner][params["PolicyName"]])))


def _element(name: str, text: str) -> str:
    return f"<{name}>{escape(text)}</{name}>"
